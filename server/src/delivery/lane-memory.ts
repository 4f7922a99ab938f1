import { Type, type Static } from 'typebox'
import { Check } from 'typebox/value'
import type { Clock } from '#platform/clock.ts'
import type { Log } from '#platform/log.ts'
import type { Database } from '#platform/postgres/database.ts'
import type { Lane, LaneOrder, SavedLane } from './lanes/lane.ts'
import {
  findLaneMemories,
  findLaneOrders,
  saveLanes,
  type LaneOrderRow,
  type LaneRow,
} from './lanes.store.ts'

/** Channel on which a change of orders is told, so that delivery reads them again. */
export const LANES_CHANNEL = 'lanes'

const SAVE_MS = 1_000
/** Orders are read this often, in case a word on the channel was missed. */
const ORDERS_MS = 5_000
/** A warming lane says beforehand that it has sent what it may send until it says so again: a crash never exceeds a budget. */
const AHEAD_SECONDS = 3
const MIN_AHEAD = 5
/** Open connections and rates of a lane that does nothing are told once more, and then no longer. */
const QUIET_PER_MINUTE = 0.1

const Nullable = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()])

/** As stored: times are RFC 3339, because monotonic ones end with the process. */
const Memory = Type.Object({
  health: Type.Object({
    state: Type.Enum(['open', 'slowed', 'suspended', 'probing', 'paused']),
    pace: Nullable(Type.Number()),
    ceiling: Nullable(Type.Number()),
    strikes: Type.Integer(),
    until: Nullable(Type.String()),
    blocked: Nullable(Type.String()),
    reason: Nullable(Type.String()),
  }),
  warmUp: Nullable(
    Type.Object({
      stage: Type.Integer(),
      day: Type.String(),
      sent: Type.Integer(),
      refused: Type.Integer(),
      complained: Type.Integer(),
      lastSentDay: Nullable(Type.String()),
    }),
  ),
})
type Memory = Static<typeof Memory>

/** What a lane remembers, as stored; undefined for what another version has written. */
export function readMemory(stored: unknown): Memory | undefined {
  return Check(Memory, stored) ? stored : undefined
}

export interface LaneMemoryDeps {
  readonly db: Database
  readonly clock: Clock
  readonly log: Log
  readonly all: () => readonly Lane[]
  /** Open connections of a lane. */
  readonly connections: (laneKey: string) => number
  /** Lanes may begin something they could not before. */
  readonly changed: () => void
}

export interface LaneMemory {
  /** What is known of a lane from before this process. */
  saved(laneKey: string): SavedLane | undefined
  /** Reads what is known of the lanes of these shards. */
  load(shards: readonly number[]): Promise<void>
  /** Gives a new lane the orders there are for it. */
  command(lane: Lane): void
  readOrders(): Promise<void>
  /** Saves what has changed, until `signal` aborts, and then once more. */
  run(signal: AbortSignal): Promise<void>
}

/** Keeps what lanes have learned in PostgreSQL, where people see it, and brings them the orders of people. */
export function createLaneMemory(deps: LaneMemoryDeps): LaneMemory {
  const { clock } = deps
  const memories = new Map<string, SavedLane>()
  const written = new Map<string, string>()
  const obeyed = new Map<string, string>()
  let orders: readonly LaneOrderRow[] = []

  const toMonotonic = (text: string | null): number | null =>
    text === null ? null : clock.monotonicMs() + (Date.parse(text) - clock.now().getTime())
  const toWall = (ms: number | null): string | null =>
    ms === null ? null : new Date(clock.now().getTime() + (ms - clock.monotonicMs())).toISOString()

  function rowOf(lane: Lane, isLast: boolean): LaneRow {
    const nowMs = clock.monotonicMs()
    const state = lane.health.state(nowMs)
    const { health, warmUp } = lane.save()
    const { untilMs, blockedMs, ...rest } = health
    const ahead = isLast ? 0 : Math.max(MIN_AHEAD, Math.ceil(lane.rate(nowMs) * AHEAD_SECONDS))
    const budget = lane.budget()
    const memory: Memory = {
      health: { ...rest, until: toWall(untilMs), blocked: toWall(blockedMs) },
      warmUp:
        warmUp === null || !lane.isWarming()
          ? warmUp
          : { ...warmUp, sent: warmUp.sent + Math.min(ahead, budget) },
    }
    const until = lane.health.suspendedUntil()
    const { maxConnections } = lane.limits()
    const perMinute = lane.rate(nowMs) * 60
    return {
      mode: lane.mode,
      provider: lane.provider,
      source_id: lane.source().id,
      source: lane.source().name,
      state,
      reason: lane.health.reason()?.slice(0, 500) ?? null,
      until: until === undefined ? null : new Date(Date.parse(toWall(until) ?? '')),
      memory,
      warming: lane.isWarming(),
      budget_left: budget === Infinity ? null : budget,
      per_minute: perMinute < QUIET_PER_MINUTE ? 0 : Number(perMinute.toPrecision(3)),
      refused_share: Number(lane.refusedShare(nowMs).toFixed(3)),
      active: lane.active(),
      connections: deps.connections(lane.key),
      max_connections: maxConnections === Infinity ? null : lane.maxConnections(nowMs),
    }
  }

  async function save(isLast: boolean): Promise<void> {
    const news = deps.all().flatMap((lane) => {
      const row = rowOf(lane, isLast)
      const text = JSON.stringify({ ...row, until: row.until?.toISOString().slice(0, 19) })
      return written.get(lane.key) === text ? [] : [{ key: lane.key, row, text }]
    })
    if (news.length === 0) return
    await saveLanes(
      deps.db,
      news.map((each) => each.row),
      clock.now(),
    )
    for (const { key, text } of news) written.set(key, text)
  }

  /** The order for this very source, else the one for all of them. */
  function orderFor(lane: Lane): LaneOrderRow | undefined {
    const mine = orders.filter((order) => order.mode === lane.mode && order.provider === lane.provider)
    return (
      mine.find((order) => order.source_id === lane.source().id) ??
      mine.find((order) => order.source_id === null)
    )
  }

  function command(lane: Lane): boolean {
    const row = orderFor(lane)
    const text = JSON.stringify(row ?? null)
    if ((obeyed.get(lane.key) ?? 'null') === text) return false
    obeyed.set(lane.key, text)
    const order: LaneOrder = {
      ...(row?.paused == null ? {} : { paused: row.paused }),
      ...(row?.messages_per_minute == null ? {} : { messagesPerMinute: row.messages_per_minute }),
      ...(row?.until == null ? {} : { untilMs: toMonotonic(row.until.toISOString()) ?? 0 }),
    }
    lane.setOrder(order)
    if (row?.probe_at != null) lane.health.probe()
    return true
  }

  async function readOrders(): Promise<void> {
    try {
      orders = await findLaneOrders(deps.db)
      if (deps.all().filter(command).length > 0) deps.changed()
    } catch (error) {
      deps.log.warn({ err: error }, 'The orders for lanes could not be read; they are read again.')
    }
  }

  return {
    saved: (key) => memories.get(key),
    load: async (shards) => {
      for (const row of await findLaneMemories(deps.db, shards)) {
        const memory = readMemory(row.memory)
        if (memory === undefined) continue
        const { until, blocked, ...health } = memory.health
        memories.set(`${row.mode}/${row.provider}/${row.source_id}`, {
          health: { ...health, untilMs: toMonotonic(until), blockedMs: toMonotonic(blocked) },
          warmUp: memory.warmUp,
        })
      }
    },
    command: (lane) => void command(lane),
    readOrders,
    run: async (signal) => {
      let sinceOrdersMs = ORDERS_MS
      while (!signal.aborted) {
        sinceOrdersMs += SAVE_MS
        if (sinceOrdersMs >= ORDERS_MS) {
          sinceOrdersMs = 0
          await readOrders()
        }
        await save(false).catch((error: unknown) =>
          deps.log.warn({ err: error }, 'What lanes have learned could not be saved; it is tried again.'),
        )
        await clock.sleep(SAVE_MS, signal)
      }
      await save(true).catch((error: unknown) =>
        deps.log.warn({ err: error }, 'What lanes have learned was not saved.'),
      )
    },
  }
}
