import type { LaneOutlook } from './lane-outlook.ts'
import { timeOf } from './lane-outlook.ts'

/** How long a message would wait for its first attempt. */
export interface WaitOutlook {
  /** Null: nobody knows. */
  readonly seconds: number | null
  readonly reason: string
}

/**
 * How long until the first attempt: what waits already, over what the lanes that may send are allowed together. Others
 * may have mail waiting, too; turns are shared equally among tenants, so that of another does not count.
 */
export function waitOutlook(
  lanes: readonly LaneOutlook[],
  waiting: number,
  provider: string,
  now: Date,
): WaitOutlook {
  const able = lanes.filter((lane) => lane.can_send)
  if (able.length === 0) return untilOneMaySend(lanes, now)
  const perMinute = able.reduce((sum, lane) => sum + (lane.allowed_per_minute ?? Infinity), 0)
  const seconds = Number.isFinite(perMinute) && perMinute > 0 ? Math.ceil((waiting / perMinute) * 60) : 0
  if (waiting === 0) return { seconds, reason: `None of your messages waits for ${provider}.` }
  const rate = Number.isFinite(perMinute)
    ? `and about ${Math.max(1, Math.round(perMinute))} a minute may go`
    : 'and no rate holds them up'
  return { seconds, reason: `${waiting} of your messages wait for ${provider}, ${rate}.` }
}

function untilOneMaySend(lanes: readonly LaneOutlook[], now: Date): WaitOutlook {
  const times = lanes.flatMap((lane) => (lane.ready_at === null ? [] : [lane.ready_at.getTime()]))
  if (times.length === 0)
    return { seconds: null, reason: 'No source may send, and none of them will by itself.' }
  const first = new Date(Math.min(...times))
  const seconds = Math.max(0, Math.ceil((first.getTime() - now.getTime()) / 1000))
  return { seconds, reason: `No source may send before ${timeOf(first)}.` }
}
