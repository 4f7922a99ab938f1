import { DAY_MS, HOUR_MS, SECOND_MS } from '#windtunnel/rates.ts'
import { createDueHeap } from './due-heap.ts'
import type { DueHeap } from './due-heap.ts'
import type { Holdup, LaneLimits, RehearsalRetry } from './rehearsal.ts'

const MINUTE_MS = 60_000

/** One connection, or the room for one. */
export interface Slot {
  /** Before this nothing can begin on it. */
  freeAtMs: number
  isOpen: boolean
  served: number
}

/** One source on its way to one provider. */
export interface Lane {
  readonly ip: string
  readonly limits: LaneLimits
  readonly slots: readonly Slot[]
  /** The one that begins next: the first to be free, and open if it can be. */
  next: Slot
  /** Shortest time between two messages, by our own limits. */
  readonly intervalMs: number
  /** Recipients that must come back from this source. */
  readonly own: DueHeap
  lastStartMs: number
  pausedUntilMs: number
  /** Refusals of the lane since the last success: each doubles the pause. */
  refusals: number
  day: number
  startedToday: number
  started: number
  delivered: number
  deferred: number
  bounced: number
}

/** Throws a RangeError when not a single connection is allowed. */
export function createLane(ip: string, limits: LaneLimits): Lane {
  const slots = Array.from({ length: limits.maxConnections }, newSlot)
  const [next] = slots
  if (next === undefined) throw new RangeError('A lane has at least one connection.')
  return {
    ip,
    limits,
    slots,
    next,
    intervalMs: intervalOf(limits),
    own: createDueHeap(),
    lastStartMs: Number.NEGATIVE_INFINITY,
    pausedUntilMs: 0,
    refusals: 0,
    day: 0,
    startedToday: 0,
    started: 0,
    delivered: 0,
    deferred: 0,
    bounced: 0,
  }
}

function intervalOf({ perSecond, perMinute, perHour }: LaneLimits): number {
  const spread = (lengthMs: number, limit: number | undefined) => (limit === undefined ? 0 : lengthMs / limit)
  return Math.max(spread(SECOND_MS, perSecond), spread(MINUTE_MS, perMinute), spread(HOUR_MS, perHour))
}

function newSlot(): Slot {
  return { freeAtMs: 0, isOpen: false, served: 0 }
}

/** Looks for the slot that begins next, after one has changed. */
export function chooseNext(lane: Lane): void {
  let best = lane.next
  for (const slot of lane.slots) {
    if (slot.freeAtMs < best.freeAtMs) best = slot
    else if (slot.freeAtMs === best.freeAtMs && slot.isOpen && !best.isOpen) best = slot
  }
  lane.next = best
}

/** When the next message can begin, and what it waits for most; `dueMs` is when there is one. */
export function nextStart(lane: Lane, dueMs: number): { readonly atMs: number; readonly holdup: Holdup } {
  let atMs = dueMs
  let holdup: Holdup = 'retries'
  const waitFor = (untilMs: number, reason: Holdup) => {
    if (untilMs <= atMs) return
    atMs = untilMs
    holdup = reason
  }
  waitFor(lane.next.freeAtMs, 'connections')
  if (lane.started > 0) waitFor(lane.lastStartMs + lane.intervalMs, 'own_limits')
  waitFor(lane.pausedUntilMs, 'provider')
  const openAtMs = dayWithRoom(lane, atMs)
  waitFor(openAtMs, lane.limits.warmup === undefined ? 'own_limits' : 'warmup')
  return { atMs, holdup }
}

/** `atMs`, or the beginning of the next day that has room. Infinity when no day ever has. */
function dayWithRoom(lane: Lane, atMs: number): number {
  if (!Number.isFinite(atMs)) return atMs
  const today = Math.floor(atMs / DAY_MS)
  const started = today === lane.day ? lane.startedToday : 0
  if (started < dailyLimit(lane.limits, today)) return atMs
  const last = today + 1 + (lane.limits.warmup?.length ?? 0)
  for (let day = today + 1; day <= last; day++) if (dailyLimit(lane.limits, day) > 0) return day * DAY_MS
  return Number.POSITIVE_INFINITY
}

function dailyLimit({ perDay, warmup }: LaneLimits, day: number): number {
  return Math.min(perDay ?? Number.POSITIVE_INFINITY, warmup?.[day] ?? Number.POSITIVE_INFINITY)
}

export function noteStart(lane: Lane, atMs: number): void {
  const today = Math.floor(atMs / DAY_MS)
  if (today !== lane.day) {
    lane.day = today
    lane.startedToday = 0
  }
  lane.startedToday += 1
  lane.started += 1
  lane.lastStartMs = atMs
}

/** The provider asked this source to go slower or to stay away: the lane pauses, longer each time. */
export function pauseLane(lane: Lane, how: 'slow' | 'suspend', retry: RehearsalRetry, nowMs: number): void {
  const first = how === 'slow' ? retry.slowMs : retry.suspendMs
  const pauseMs = Math.min(first * 2 ** lane.refusals, Math.max(first, retry.maxPauseMs))
  lane.pausedUntilMs = Math.max(lane.pausedUntilMs, nowMs + pauseMs)
  lane.refusals += 1
}

/** Connections open at this time: those nobody used for `idleMs` have been closed. */
export function openConnections(lane: Lane, nowMs: number, idleMs: number): number {
  for (const slot of lane.slots) if (nowMs - slot.freeAtMs > idleMs) slot.isOpen = false
  return lane.slots.reduce((sum, slot) => sum + (slot.isOpen ? 1 : 0), 0)
}
