import type { BounceClass } from '@pigeon/mail/bounce-class.ts'
import type { SuppressionReason } from './suppression.ts'

/** What one bounce says about the address that it is of. */
export type BounceWeight = 'certain' | 'ambiguous' | 'soft' | 'none'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

export const BOUNCE_LIMITS = {
  /** Two refusals for good with a doubt must be so far apart: a receiver's bad day is one. */
  ambiguousApartMs: DAY_MS,
  /** The first of them is forgotten after this. */
  ambiguousLifeMs: 90 * DAY_MS,
  /** So many bounces that may be over soon, within this time, mean that they are not. */
  softBounces: 5,
  softWithinMs: 30 * DAY_MS,
  /** A full mailbox may be emptied: the address is tried again after this. */
  softSuppressedMs: 90 * DAY_MS,
} as const

interface Weights {
  /** Refused for good. */
  readonly hard: BounceWeight
  /** Given up after refusals for the moment. */
  readonly soft: BounceWeight
}

const NOTHING: Weights = { hard: 'none', soft: 'none' }
const DOUBTFUL: Weights = { hard: 'ambiguous', soft: 'soft' }

/**
 * What speaks of the recipient's mailbox counts; what speaks of us (reputation, policy, authentication), of the message
 * or of the way there never does, and neither does what no rule knows. See docs/suppressions.md.
 */
export const BOUNCE_WEIGHTS: Readonly<Record<BounceClass, Weights>> = {
  unknown_user: { hard: 'certain', soft: 'soft' },
  host_unknown: DOUBTFUL,
  inactive: DOUBTFUL,
  moved: DOUBTFUL,
  mailbox_full: { hard: 'soft', soft: 'soft' },
  rejected: NOTHING,
  policy: NOTHING,
  spam: NOTHING,
  blocked: NOTHING,
  reputation: NOTHING,
  auth_failure: NOTHING,
  ptr_missing: NOTHING,
  rate_limited: NOTHING,
  greylisted: NOTHING,
  message_too_big: NOTHING,
  content: NOTHING,
  virus: NOTHING,
  security: NOTHING,
  relaying_denied: NOTHING,
  tls: NOTHING,
  protocol: NOTHING,
  network: NOTHING,
  expired: NOTHING,
  system: NOTHING,
  syntax: NOTHING,
  vacation: NOTHING,
  feedback: NOTHING,
  other: NOTHING,
}

export function weightOf(bounce: { readonly class: BounceClass; readonly isHard: boolean }): BounceWeight {
  return BOUNCE_WEIGHTS[bounce.class][bounce.isHard ? 'hard' : 'soft']
}

/** What is remembered of an address that is not suppressed. */
export interface Strikes {
  readonly ambiguousAt: Date | null
  /** Oldest first; fewer than would suppress. */
  readonly softAt: readonly Date[]
}

export const NO_STRIKES: Strikes = { ambiguousAt: null, softAt: [] }

/** To suppress with this reason until then (null: for ever), or what to remember instead. */
export type Judgement =
  | { readonly suppress: SuppressionReason; readonly expiresAt: Date | null }
  | { readonly suppress: null; readonly strikes: Strikes }

/** What follows from one more bounce at `at`. Bounces may come in any order, each of a message of its own. */
export function judgeBounce(strikes: Strikes, weight: BounceWeight, at: Date): Judgement {
  if (weight === 'certain') return { suppress: 'hard_bounce', expiresAt: null }
  if (weight === 'ambiguous') return judgeAmbiguous(strikes, at)
  return weight === 'soft' ? judgeSoft(strikes, at) : { suppress: null, strikes }
}

function judgeAmbiguous(strikes: Strikes, at: Date): Judgement {
  const { ambiguousApartMs, ambiguousLifeMs } = BOUNCE_LIMITS
  const first = strikes.ambiguousAt
  const apartMs = first === null ? Infinity : Math.abs(at.getTime() - first.getTime())
  if (first === null || apartMs > ambiguousLifeMs)
    return { suppress: null, strikes: { ...strikes, ambiguousAt: at } }
  if (apartMs >= ambiguousApartMs) return { suppress: 'hard_bounce', expiresAt: null }
  return { suppress: null, strikes: { ...strikes, ambiguousAt: at < first ? at : first } }
}

function judgeSoft(strikes: Strikes, at: Date): Judgement {
  const { softBounces, softWithinMs, softSuppressedMs } = BOUNCE_LIMITS
  const all = [...strikes.softAt, at].toSorted((a, b) => a.getTime() - b.getTime())
  const newest = all.at(-1) ?? at
  const softAt = all.filter((each) => newest.getTime() - each.getTime() <= softWithinMs)
  if (softAt.length < softBounces) return { suppress: null, strikes: { ...strikes, softAt } }
  return { suppress: 'soft_bounce', expiresAt: new Date(newest.getTime() + softSuppressedMs) }
}
