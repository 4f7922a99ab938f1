const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

/** Waits after the first try and each that follows, as Standard Webhooks advises. */
const WAITS_MS = [
  5 * SECOND,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  14 * HOUR,
  20 * HOUR,
  24 * HOUR,
]
/** Up to so much longer, so that what failed together does not come back together. */
const JITTER = 0.1

/** How long to wait after `tries` tries, in milliseconds; null: it is given up. `random` is from 0 to 1. */
export function waitAfter(tries: number, random: number): number | null {
  const wait = WAITS_MS[tries - 1]
  return wait === undefined ? null : Math.round(wait * (1 + JITTER * random))
}
