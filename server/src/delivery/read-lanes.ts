import type { SendingMode } from '#events/email-events.ts'
import type { Db } from '#platform/postgres/database.ts'
import { readMemory } from './lane-memory.ts'
import type { LaneState } from './lanes/lane-health.ts'
import type { WarmUpState } from './lanes/warm-up.ts'
import { findLaneOrders, findLanesTo } from './lanes.store.ts'

/** A lane as its owner last told of it, a second ago or so, and the word of a person about it. */
export interface KnownLane {
  readonly provider: string
  readonly sourceId: string
  readonly state: LaneState
  readonly reason: string | null
  readonly since: Date
  readonly until: Date | null
  /** Messages a minute it sends now. */
  readonly perMinute: number
  readonly connections: number
  /** Messages a second that its health allows; null: as the limits say. */
  readonly pace: number | null
  readonly warmUp: WarmUpState | null
}

/** A person's word about the lanes to a provider; without a source about all of them. */
export interface KnownOrder {
  readonly provider: string
  readonly sourceId: string | null
  readonly paused: string | null
  readonly perMinute: number | null
  readonly until: Date | null
}

export interface KnownLanes {
  readonly lanes: readonly KnownLane[]
  readonly orders: readonly KnownOrder[]
}

/** The lanes to these providers as they are known to everybody. A lane that has sent nothing yet is not among them. */
export async function readLanes(
  db: Db,
  mode: SendingMode,
  providers: readonly string[],
): Promise<KnownLanes> {
  const rows = await findLanesTo(db, mode, providers)
  const orders = await findLaneOrders(db)
  const lanes = rows.flatMap((row): KnownLane[] => {
    const memory = readMemory(row.memory)
    if (memory === undefined) return []
    return [
      {
        provider: row.provider,
        sourceId: row.source_id,
        state: memory.health.state,
        reason: row.reason,
        since: row.since,
        until: row.until,
        perMinute: row.per_minute,
        connections: row.connections,
        pace: memory.health.pace,
        warmUp: memory.warmUp,
      },
    ]
  })
  return {
    lanes,
    orders: orders
      .filter((order) => order.mode === mode && providers.includes(order.provider))
      .map((order) => ({
        provider: order.provider,
        sourceId: order.source_id,
        paused: order.paused,
        perMinute: order.messages_per_minute,
        until: order.until,
      })),
  }
}
