export const SECOND_MS = 1000
export const HOUR_MS = 3_600_000
export const DAY_MS = 86_400_000

/** A token bucket: so many a second, at most `burst` (or one second's worth) saved up. */
export interface Bucket {
  tokens: number
  filledAtMs: number
}

export function fullBucket(nowMs: number): Bucket {
  return { tokens: Number.POSITIVE_INFINITY, filledAtMs: nowMs }
}

/** Takes one token if there is one; a rate of 0 is none. */
export function takeToken(
  bucket: Bucket,
  rate: { perSecond: number; burst: number },
  nowMs: number,
): boolean {
  const { perSecond, burst } = rate
  if (perSecond === 0) return true
  const size = burst > 0 ? burst : perSecond
  bucket.tokens = Math.min(size, bucket.tokens + ((nowMs - bucket.filledAtMs) * perSecond) / SECOND_MS)
  bucket.filledAtMs = nowMs
  if (bucket.tokens < 1) return false
  bucket.tokens -= 1
  return true
}

/** How many in an hour or a day: it begins with the first one and is counted anew when it is over. */
export interface Window {
  startedAtMs: number
  count: number
}

export function newWindow(): Window {
  return { startedAtMs: Number.NEGATIVE_INFINITY, count: 0 }
}

/** Whether one more is too many; a limit of 0 is none. Counts nothing. */
export function isFull(window: Window, limit: number, lengthMs: number, nowMs: number): boolean {
  return limit > 0 && nowMs - window.startedAtMs < lengthMs && window.count >= limit
}

export function countIn(window: Window, lengthMs: number, nowMs: number): void {
  if (nowMs - window.startedAtMs >= lengthMs) {
    window.startedAtMs = nowMs
    window.count = 0
  }
  window.count += 1
}
