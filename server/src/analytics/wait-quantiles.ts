/** Buckets of `waits`: bucket n holds times up to `BASE` to the power of n, in ms. The views say the same. */
const BASE = 1.1

export interface WaitQuantiles {
  readonly p50: number
  readonly p95: number
  readonly p99: number
}

/**
 * How long deliveries took, in ms, from how many fell into each bucket; null without any. Within 5%: the value is the
 * middle of the bucket in which the quantile lies.
 */
export function waitQuantiles(waits: Readonly<Record<string, number>>): WaitQuantiles | null {
  const buckets = Object.entries(waits)
    .map(([bucket, count]) => ({ bucket: Number(bucket), count }))
    .toSorted((a, b) => a.bucket - b.bucket)
  const total = buckets.reduce((sum, { count }) => sum + count, 0)
  if (total === 0) return null
  const quantile = (level: number): number => {
    let left = Math.ceil(total * level)
    for (const { bucket, count } of buckets) {
      left -= count
      if (left <= 0) return Math.round(BASE ** (bucket - 0.5))
    }
    return Math.round(BASE ** (buckets.at(-1)?.bucket ?? 0))
  }
  return { p50: quantile(0.5), p95: quantile(0.95), p99: quantile(0.99) }
}
