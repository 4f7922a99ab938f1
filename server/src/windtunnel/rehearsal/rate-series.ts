import type { RateSeries, SeriesPoint } from './rehearsal.ts'

/** Points kept: when time goes on beyond the last, two become one. */
const MAX_POINTS = 2048
/** Points told. */
const MAX_POINTS_TOLD = 128
const FIRST_STRETCH_MS = 1000

export type SeriesEvent = 'delivered' | 'deferred' | 'bounced'

/** Counts over time in bounded memory, whether it is seconds or weeks. */
export function createRateSeries(): {
  count(event: SeriesEvent, atMs: number): void
  /** When this share of all that was ever delivered had been; 0 when nothing was. */
  deliveredMs(share: number): number
  read(): RateSeries
} {
  let everyMs = FIRST_STRETCH_MS
  let points: Point[] = []

  return {
    count: (event, atMs) => {
      while (atMs >= everyMs * MAX_POINTS) {
        points = joined(points)
        everyMs *= 2
      }
      const index = Math.floor(atMs / everyMs)
      while (points.length <= index) points.push({ delivered: 0, deferred: 0, bounced: 0 })
      const point = points[index]
      if (point !== undefined) point[event] += 1
    },
    deliveredMs: (share) => {
      const wanted = share * points.reduce((sum, { delivered }) => sum + delivered, 0)
      let delivered = 0
      for (const [index, point] of points.entries()) {
        delivered += point.delivered
        if (delivered >= wanted && delivered > 0) return (index + 1) * everyMs
      }
      return 0
    },
    read: () => {
      let told = { everyMs, points }
      while (told.points.length > MAX_POINTS_TOLD)
        told = { everyMs: told.everyMs * 2, points: joined(told.points) }
      return told
    },
  }
}

type Point = Record<SeriesEvent, number>

/** Half as many points, each the sum of two. */
function joined(points: readonly SeriesPoint[]): Point[] {
  const pairs: Point[] = []
  for (const [index, { delivered, deferred, bounced }] of points.entries()) {
    const before = pairs[index >> 1]
    if (before === undefined) {
      pairs.push({ delivered, deferred, bounced })
      continue
    }
    before.delivered += delivered
    before.deferred += deferred
    before.bounced += bounced
  }
  return pairs
}
