/** At most `count` in any span of `perMs` milliseconds. */
export interface Rate {
  readonly count: number
  readonly perMs: number
}

/** Counts what goes through. Times are monotonic milliseconds and never go back. */
export interface RateLimit {
  /** Milliseconds until one more may go; 0: it may go now. */
  waitMs(nowMs: number): number
  take(nowMs: number): void
}

const SECOND_MS = 1_000
/** Parts of a span that are counted apart: the span is exact to a sixtieth, and never exceeded. */
const BUCKETS = 60

/**
 * Rates up to a second are spread evenly (the generic cell rate algorithm, with a tenth of a second's worth at once);
 * longer ones may be used up at once and then wait for the span to pass, as a quota is understood.
 */
export function createRateLimit(rate: Rate): RateLimit {
  return rate.perMs <= SECOND_MS ? createPace(rate) : createQuota(rate)
}

/** Several limits of which each must allow it. */
export function allOf(limits: readonly RateLimit[]): RateLimit {
  return {
    waitMs: (nowMs) => limits.reduce((longest, limit) => Math.max(longest, limit.waitMs(nowMs)), 0),
    take: (nowMs) => {
      for (const limit of limits) limit.take(nowMs)
    },
  }
}

function createPace({ count, perMs }: Rate): RateLimit {
  const intervalMs = perMs / count
  const burstMs = Math.max(intervalMs, SECOND_MS / 10)
  let nextMs = -Infinity
  return {
    waitMs: (nowMs) => Math.max(0, nextMs - burstMs + intervalMs - nowMs),
    take: (nowMs) => {
      nextMs = Math.max(nextMs, nowMs) + intervalMs
    },
  }
}

function createQuota({ count, perMs }: Rate): RateLimit {
  const bucketMs = perMs / BUCKETS
  /** Number of the bucket since time began, and what went through in it; oldest first. */
  let buckets: { readonly at: number; count: number }[] = []
  let sum = 0

  function forget(nowMs: number): void {
    const oldest = Math.floor(nowMs / bucketMs) - BUCKETS
    if (buckets[0] === undefined || buckets[0].at > oldest) return
    buckets = buckets.filter((bucket) => bucket.at > oldest)
    sum = buckets.reduce((total, bucket) => total + bucket.count, 0)
  }

  return {
    waitMs: (nowMs) => {
      forget(nowMs)
      const first = buckets[0]
      if (sum < count || first === undefined) return 0
      return (first.at + BUCKETS + 1) * bucketMs - nowMs
    },
    take: (nowMs) => {
      forget(nowMs)
      const at = Math.floor(nowMs / bucketMs)
      const last = buckets.at(-1)
      if (last?.at === at) last.count += 1
      else buckets.push({ at, count: 1 })
      sum += 1
    },
  }
}
