import type { BounceClass, SmtpPhase } from '@pigeon/mail/bounce-class.ts'

/**
 * What a reply asks of us, beyond its class. `bounce` and `retry` speak of the message, the others of the lane it went
 * through: `slow` (fewer and slower), `suspend` (nobody on this lane is heard for a while), `same_source` (try again
 * later, from the same address, as greylisting wants). A 4xx is never bounced, whatever the rule says.
 */
export type ReplyAction = 'bounce' | 'retry' | 'slow' | 'suspend' | 'same_source'

/** A reply in full (`550 5.1.1 No such user`) to RCPT, or to what is named. */
export type ReplySample = string | readonly [phase: SmtpPhase, reply: string]

/** All given expressions must match: the code, the enhanced code, the text (lower case, at most 1,000 characters). */
export interface ReplyRule {
  /** Unique in its set. */
  readonly id: string
  readonly class: BounceClass
  /** When it is not what the code says: `bounce` for 5xx, `retry` for 4xx. */
  readonly action?: ReplyAction
  readonly code?: RegExp
  readonly enhanced?: RegExp
  readonly text?: RegExp
  /** Where the wording stands, when not in the source of the set. */
  readonly source?: string
  /** Replies that this rule, and no earlier one, takes. At least one. */
  readonly samples: readonly ReplySample[]
}

export interface ReplyRuleSet {
  readonly name: string
  /** The provider whose replies these are (a name of `PROVIDER_SUFFIXES`); absent: software that anybody may run. */
  readonly provider?: string
  readonly source: string
  readonly rules: readonly ReplyRule[]
}
