import { Type, type Static } from 'typebox'
import { Check } from 'typebox/value'
import type { Clock } from '#platform/clock.ts'
import type { Log } from '#platform/log.ts'
import type { Database } from '#platform/postgres/database.ts'
import { complaintsToday } from '#sources/complaints.ts'
import { limitsInForce } from './lane-limits.ts'
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

/** What a lane must remember, and what a person must hear of, is saved this often. */
const SAVE_MS = 1_000
/** What changes with every message, a lane's rate and connections, is told this often: hundreds of lanes would else be a row a message. */
const TELL_MS = 5_000
/** Orders are read this often, in case a word on the channel was missed, and complaints, too. */
const ORDERS_MS = 5_000
const NOTHING_SAID = JSON.stringify({ until: null })
/** A word to ask a suspended provider is heeded for so long, also by a process that begins meanwhile. */
const PROBE_HOLDS_MS = 60_000
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
      since: Type.String(),
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

type Row = LaneRow & { readonly memory: Memory }

/** What was last written of a lane, in two parts, and when (monotonic). */
interface Written {
  readonly lasting: string
  readonly passing: string
  readonly atMs: number
}

function textsOf(lane: Lane, row: Row): Pick<Written, 'lasting' | 'passing'> {
  const { per_minute, refused_share, active, connections, memory, until: _, ...rest } = row
  // Monotonic times: as those of the wall they come out a millisecond sooner or later each time.
  const lasting = { ...rest, warmUp: memory.warmUp, health: lane.save().health }
  return {
    lasting: JSON.stringify(lasting),
    passing: JSON.stringify([per_minute, refused_share, active, connections]),
  }
}

function isNews(before: Written | undefined, now: Written, isLast: boolean): boolean {
  if (before?.lasting !== now.lasting) return true
  return before.passing !== now.passing && (isLast || now.atMs - before.atMs >= TELL_MS)
}

/** Keeps what lanes have learned in PostgreSQL, where people see it, and brings them the orders of people. */
export function createLaneMemory(deps: LaneMemoryDeps): LaneMemory {
  const { clock } = deps
  const memories = new Map<string, SavedLane>()
  const written = new Map<string, Written>()
  const obeyed = new Map<string, string>()
  const probed = new Map<string, number>()
  let orders: readonly LaneOrderRow[] = []

  const toMonotonic = (text: string | null): number | null =>
    text === null ? null : clock.monotonicMs() + (Date.parse(text) - clock.now().getTime())
  const toWall = (ms: number | null): string | null =>
    ms === null ? null : new Date(clock.now().getTime() + (ms - clock.monotonicMs())).toISOString()

  function rowOf(lane: Lane, isLast: boolean): Row {
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
      reason: (lane.closed()?.reason ?? lane.health.reason())?.slice(0, 500) ?? null,
      until: until === undefined ? null : new Date(Date.parse(toWall(until) ?? '')),
      memory,
      warming: lane.isWarming(),
      budget_left: budget === Infinity ? null : budget,
      per_minute: perMinute < QUIET_PER_MINUTE ? 0 : Number(perMinute.toPrecision(3)),
      refused_share: Number(lane.refusedShare(nowMs).toFixed(3)),
      active: lane.active(),
      connections: deps.connections(lane.key),
      max_connections: maxConnections === Infinity ? null : lane.maxConnections(nowMs),
      limits: limitsInForce(lane, nowMs),
    }
  }

  async function save(isLast: boolean): Promise<void> {
    const nowMs = clock.monotonicMs()
    const news = deps.all().flatMap((lane) => {
      const row = rowOf(lane, isLast)
      const now: Written = { ...textsOf(lane, row), atMs: nowMs }
      return isNews(written.get(lane.key), now, isLast) ? [{ key: lane.key, row, now }] : []
    })
    if (news.length === 0) return
    await saveLanes(
      deps.db,
      news.map((each) => each.row),
      clock.now(),
    )
    for (const { key, now } of news) written.set(key, now)
  }

  /** What was said of this very source goes over what was said of all of them; a limit whose time is over is none. */
  function orderFor(lane: Lane): Omit<LaneOrder, 'untilMs'> & { readonly until: string | null } {
    const now = clock.now()
    const about = orders.filter((row) => row.mode === lane.mode && row.provider === lane.provider)
    const mine = about.find((row) => row.source_id === lane.source().id)
    const all = about.find((row) => row.source_id === null)
    const paused = mine?.paused ?? all?.paused
    const limit = [mine, all].find(
      (row) => row?.messages_per_minute != null && (row.until === null || row.until > now),
    )
    return {
      ...(paused == null ? {} : { paused }),
      ...(limit?.messages_per_minute == null ? {} : { messagesPerMinute: limit.messages_per_minute }),
      until: limit?.until?.toISOString() ?? null,
    }
  }

  /** When a person last asked for a question, unless that is so long ago that it was about another suspension. */
  function probeFor(lane: Lane): number {
    const asked = orders
      .filter((row) => row.mode === lane.mode && row.provider === lane.provider)
      .filter((row) => row.source_id === null || row.source_id === lane.source().id)
      .map((row) => row.probe_at?.getTime() ?? 0)
    const last = Math.max(0, ...asked)
    return clock.now().getTime() - last < PROBE_HOLDS_MS ? last : 0
  }

  /** True when there is something new for it. */
  function command(lane: Lane): boolean {
    const { until, ...said } = orderFor(lane)
    const text = JSON.stringify({ ...said, until })
    const probe = probeFor(lane)
    const isNew = (obeyed.get(lane.key) ?? NOTHING_SAID) !== text
    const isAsked = probe > (probed.get(lane.key) ?? 0)
    obeyed.set(lane.key, text)
    if (isNew) lane.setOrder(until === null ? said : { ...said, untilMs: toMonotonic(until) ?? 0 })
    if (isAsked) {
      probed.set(lane.key, probe)
      lane.health.probe()
    }
    return isNew || isAsked
  }

  async function readOrders(): Promise<void> {
    try {
      orders = await findLaneOrders(deps.db)
      if (deps.all().filter(command).length > 0) deps.changed()
    } catch (error) {
      deps.log.warn({ err: error }, 'The orders for lanes could not be read; they are read again.')
    }
  }

  async function readComplaints(): Promise<void> {
    const counts = new Map(
      (await complaintsToday(deps)).map((each) => [
        `${each.mode}/${each.provider}/${each.source}`,
        each.count,
      ]),
    )
    for (const lane of deps.all())
      lane.setComplaints(counts.get(`${lane.mode}/${lane.provider}/${lane.source().name}`) ?? 0)
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
          await readComplaints().catch((error: unknown) =>
            deps.log.warn({ err: error }, 'Complaints could not be read; they are read again.'),
          )
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
