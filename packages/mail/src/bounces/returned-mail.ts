import type { BounceClass } from '@pigeon/mail/bounce-class.ts'

/**
 * What a mail says that came back to us. `bounce`: at least one recipient did not get the message, for good. `delayed`: a server
 * is still trying. `delivered`: a report of success, or that the message went on to where no reports are made. `complaint`: a
 * recipient, or a provider for one, does not want such mail (RFC 5965, and a mail that asks to be taken off a list).
 * `auto_reply`: a program answered for a person. `unknown`: anything else, a person's reply among it.
 */
export type ReturnedKind = 'bounce' | 'delayed' | 'delivered' | 'complaint' | 'auto_reply' | 'unknown'

/** RFC 3464 2.3.3. */
export type ReportedAction = 'failed' | 'delayed' | 'delivered' | 'relayed' | 'expanded'

/** How sure the reading is: from a report in a standard format, from the words of a program we know, from anybody's words. */
export type Confidence = 'high' | 'medium' | 'low'

export interface ReturnedRecipient {
  /** Where the message did not arrive; empty when the mail does not say (a redacted complaint). As written, without brackets. */
  readonly recipient: string
  /** Where it was sent at first, when the report says that this was another address (RFC 3464 2.3.1). */
  readonly originalRecipient?: string | undefined
  readonly action: ReportedAction
  /** RFC 3463: the most telling of those that the mail gives. */
  readonly status?: string | undefined
  /** What an SMTP server answered. */
  readonly replyCode?: number | undefined
  readonly class: BounceClass
  /** True: no message to this address will ever arrive. See docs/bounces.md. */
  readonly hard: boolean
  /** The words from which the class was found, at most `MAX_DIAGNOSTIC_CHARS` of them. */
  readonly diagnostic: string
  /** Whose server said so, by name. */
  readonly remoteMta?: string | undefined
  readonly confidence: Confidence
}

/** What came back of our message. Anybody can write it: only what `identifyMessage` has verified says which message it was. */
export interface OriginalMessage {
  /** With its angle brackets. */
  readonly messageId?: string | undefined
  /** An address in the form of our bounce addresses (`verp.ts`). */
  readonly verp?: string | undefined
  /** The token of our unsubscribe link, which stays when a provider redacts the recipient. */
  readonly token?: string | undefined
  /** What we gave as ENVID (RFC 3461 4.4). */
  readonly envelopeId?: string | undefined
  /** By lower case name, each value unfolded and not decoded. */
  readonly headers: ReadonlyMap<string, readonly string[]>
}

/** RFC 5965 3. */
export interface Feedback {
  /** `abuse`, `fraud`, `virus`, `other`, `not-spam`, `auth-failure` (RFC 6591), `opt-out`; lower case. */
  readonly type: string
  readonly userAgent?: string | undefined
  readonly sourceIp?: string | undefined
  readonly originalMailFrom?: string | undefined
}

export interface ReturnedMail {
  readonly kind: ReturnedKind
  readonly recipients: readonly ReturnedRecipient[]
  /** Who made the report. */
  readonly reportingMta?: string | undefined
  readonly original: OriginalMessage
  /** Of a complaint. */
  readonly feedback?: Feedback | undefined
}

export const MAX_DIAGNOSTIC_CHARS = 1_000
/** A report names at most so many recipients; what follows is not read. */
export const MAX_RECIPIENTS = 1_000
