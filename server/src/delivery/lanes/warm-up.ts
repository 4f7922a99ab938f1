/** Where a source stands with one provider. Days are UTC dates: `2026-11-22`. */
export interface WarmUpState {
  /** Which warm-up this is: another one begins when a person starts the source's anew. */
  readonly since: string
  /** Place on the curve; past its end the source is warm. */
  readonly stage: number
  readonly day: string
  /** Of this day: messages begun; those refused because of the source; complaints that came in. */
  readonly sent: number
  readonly refused: number
  readonly complained: number
  /** Null before the first. */
  readonly lastSentDay: string | null
}

/** A source that a provider has not heard of for so long is a new one to it (SendGrid and others re-warm after 30 days). */
export const IDLE_DAYS = 30
/** Up to these shares of a day the next day may have more; above the second ones it gets less. */
const FINE = { refused: 0.05, complained: 0.001 } as const
const BAD = { refused: 0.2, complained: 0.003 } as const
/** A day that used less of its budget than this proves nothing. */
const USED = 0.5
const DAY_MS = 86_400_000

export function dayOf(now: Date): string {
  return now.toISOString().slice(0, 10)
}

export function beginWarmUp(day: string, since: string): WarmUpState {
  return { since, stage: 0, day, sent: 0, refused: 0, complained: 0, lastSentDay: null }
}

export function isWarm(state: WarmUpState, curve: readonly number[]): boolean {
  return state.stage >= curve.length
}

/** Messages of this day's budget that are left; Infinity for a warm source. */
export function budgetLeft(state: WarmUpState, curve: readonly number[]): number {
  return isWarm(state, curve) ? Infinity : Math.max(0, (curve[state.stage] ?? 0) - state.sent)
}

/** The state on `day`: forward after a good day, where it was after a doubtful one, back after a bad one. */
export function advance(state: WarmUpState, curve: readonly number[], day: string): WarmUpState {
  if (day <= state.day) return state
  const idle = state.lastSentDay === null ? 0 : daysBetween(state.lastSentDay, day)
  const stage = idle >= IDLE_DAYS ? 0 : nextStage(state, curve)
  return { ...state, stage, day, sent: 0, refused: 0, complained: 0 }
}

function nextStage(state: WarmUpState, curve: readonly number[]): number {
  const { stage, sent, refused, complained } = state
  if (sent === 0) return stage
  const share = { refused: refused / sent, complained: complained / sent }
  if (share.refused > BAD.refused || share.complained > BAD.complained)
    return Math.max(0, Math.min(stage, curve.length) - 1)
  const isUsed = isWarm(state, curve) || sent >= (curve[stage] ?? 0) * USED
  const isFine = share.refused <= FINE.refused && share.complained <= FINE.complained
  return isUsed && isFine ? Math.min(stage + 1, curve.length) : stage
}

export function countSent(state: WarmUpState, count = 1): WarmUpState {
  return { ...state, sent: state.sent + count, lastSentDay: state.day }
}

/**
 * Days until `messages` have left over these sources, today being the first, if every day goes well; the last is what a
 * warm source sends. 1 when one source is warm; undefined when it would take longer than `maxDays`.
 */
export function forecastDays(
  sources: readonly { readonly state: WarmUpState; readonly curve: readonly number[] }[],
  messages: number,
  maxDays = 365,
): number | undefined {
  let left = messages
  let states = sources
  for (let days = 1; days <= maxDays; days++) {
    for (const { state, curve } of states) left -= budgetLeft(state, curve)
    if (left <= 0) return days
    states = states.map(({ state, curve }) => ({
      curve,
      state: { ...state, stage: Math.min(state.stage + 1, curve.length), sent: 0 },
    }))
  }
  return undefined
}

function daysBetween(from: string, to: string): number {
  return Math.round((Date.parse(to) - Date.parse(from)) / DAY_MS)
}
