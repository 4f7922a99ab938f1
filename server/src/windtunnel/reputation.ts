import type { Habits } from './habits.schema.ts'
import { DAY_MS } from './rates.ts'

const BEST = 100
/** However small an allowance is, one unknown recipient is no scandal: costs are shared out among at least so many. */
const LEAST_ALLOWANCE = 100

type Judging = Pick<
  Habits,
  | 'warmup_first_day'
  | 'warmup_growth'
  | 'warmup_full_day'
  | 'unknown_tolerance'
  | 'complaint_tolerance'
  | 'recovery_per_day'
>

/** What one provider thinks of one address: 100 is beyond reproach, 0 is the worst. */
export interface Reputation {
  score: number
  /** Up to when recovery is counted in. */
  recoveredAtMs: number
  dayStartedAtMs: number
  /** Days with mail before this one. */
  daysSeen: number
  messagesToday: number
}

export type ReputationEvent = 'message' | 'unknown_user' | 'complaint'

export function newReputation(nowMs: number): Reputation {
  return {
    score: BEST,
    recoveredAtMs: nowMs,
    dayStartedAtMs: nowMs,
    daysSeen: 0,
    messagesToday: 0,
  }
}

/**
 * Messages that cost nothing today: the first day's number, growing with every day that had mail. With no number for the
 * first day an address is taken as known: the full number at once.
 */
export function allowance(reputation: Reputation, habits: Judging): number {
  const { warmup_first_day: first, warmup_growth: growth, warmup_full_day: full } = habits
  return first === 0 ? full : Math.min(full, first * growth ** reputation.daysSeen)
}

/** The score now, with what has come back since it was last looked at. 100 where nobody judges. */
export function scoreAt(reputation: Reputation, habits: Judging, nowMs: number): number {
  if (habits.warmup_full_day === 0) return BEST
  const days = (nowMs - reputation.recoveredAtMs) / DAY_MS
  reputation.score = Math.min(BEST, reputation.score + days * habits.recovery_per_day)
  reputation.recoveredAtMs = nowMs
  return reputation.score
}

/**
 * Counts an event in. Above the allowance every message costs: twice the allowance in a day costs everything. Unknown
 * recipients and complaints cost everything when their share of the allowance reaches what is tolerated.
 */
export function note(reputation: Reputation, event: ReputationEvent, habits: Judging, nowMs: number): void {
  if (habits.warmup_full_day === 0) return
  scoreAt(reputation, habits, nowMs)
  beginDay(reputation, nowMs)
  const free = allowance(reputation, habits)
  const shared = Math.max(LEAST_ALLOWANCE, free)
  if (event === 'message') {
    reputation.messagesToday += 1
    if (reputation.messagesToday > free) reputation.score -= BEST / shared
  } else {
    const tolerance = event === 'complaint' ? habits.complaint_tolerance : habits.unknown_tolerance
    reputation.score -= BEST / (shared * tolerance)
  }
  reputation.score = Math.max(0, reputation.score)
}

/** A day begins with the first event after 24 hours; days without mail do not warm anything up. */
function beginDay(reputation: Reputation, nowMs: number): void {
  if (nowMs - reputation.dayStartedAtMs < DAY_MS) return
  if (reputation.messagesToday > 0) reputation.daysSeen += 1
  reputation.dayStartedAtMs = nowMs
  reputation.messagesToday = 0
}
