import type { RetryPlan } from '#delivery/retry.ts'

/** What happens to a message that is put off. */
export interface RetryOutlook {
  /** Waits before the second attempt, the third ..., each ±25 %, as many as fit into its life. */
  readonly waits_seconds: number[]
  /** From its first attempt. */
  readonly expires_seconds: number
  readonly reason: string
}

/** More waits than these say nothing new: the last one repeats. */
const MAX_WAITS = 100
const WAITS_IN_WORDS = 4

/** The waits of a plan until a message's life is over. */
export function retryOutlook(plan: RetryPlan, expiresMs: number): RetryOutlook {
  const waits: number[] = []
  let total = 0
  for (let wait = plan.firstMs; waits.length < MAX_WAITS; wait *= 2) {
    const next = Math.min(wait, plan.maxMs)
    total += next
    if (total >= expiresMs) break
    waits.push(next / 1000)
  }
  const first = waits.slice(0, WAITS_IN_WORDS).map(durationOf).join(', ')
  const more = waits.length > WAITS_IN_WORDS ? ` and so on, ${waits.length} times in all` : ''
  const again = waits.length === 0 ? 'it is not tried again' : `it is tried again after about ${first}${more}`
  return {
    waits_seconds: waits,
    expires_seconds: expiresMs / 1000,
    reason: `Refused for good, it bounces at once. Put off, ${again}; after ${durationOf(expiresMs / 1000)} it has failed.`,
  }
}

const UNITS = [
  [86_400, 'day'],
  [3_600, 'hour'],
  [60, 'minute'],
  [1, 'second'],
] as const

/** `90` as `2 minutes`, `14400` as `4 hours`: one unit, rounded, for sentences. */
export function durationOf(seconds: number): string {
  const [size, unit] = UNITS.find(([size]) => seconds >= size * 1.5 || seconds === size) ?? [1, 'second']
  const count = Math.round(seconds / size)
  return `${count} ${unit}${count === 1 ? '' : 's'}`
}
