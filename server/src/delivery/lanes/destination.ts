import type { SendingMode } from '#events/email-events.ts'
import type { Clock } from '#platform/clock.ts'
import type { ProviderLimits } from '#delivery/shaping/shaping.ts'
import { chooseLane, type Credits } from './choose-lane.ts'
import { createFairQueue, type FairQueue } from './fair-queue.ts'
import type { LaneTimes } from './lane-health.ts'
import {
  createLane,
  type Closed,
  type Lane,
  type LaneSource,
  type LaneVerdict,
  type SavedLane,
} from './lane.ts'
import type { HeldJob } from './lanes.ts'
import { createSharedLimit, type SharedLimit } from './shared-limit.ts'

/** A named set of sources. */
export interface LanePool {
  readonly id: string
  readonly name: string
  readonly members: readonly { readonly source: LaneSource; readonly weight: number }[]
  /** Takes over when none of the members may send. */
  readonly overflow?: string
}

export interface DestinationDeps {
  readonly clock: Clock
  readonly pool: (id: string) => LanePool
  readonly limits: (provider: string, pools: readonly string[]) => ProviderLimits
  /** Names of the pools that a source is in. */
  readonly poolsOf: (sourceId: string) => readonly string[]
  readonly times: Readonly<Record<SendingMode, LaneTimes>>
  /** What is known of a lane from before this process. */
  readonly saved: (laneKey: string) => SavedLane | undefined
  /** UTC date. */
  readonly day: () => string
  /** Why nothing may leave from a source now; asked of live mail alone. */
  readonly closed: (source: LaneSource) => Closed | undefined
  readonly tenantLimit: (tenantId: string) => SharedLimit
  /** Jobs whose lanes will take nothing for a while go back; `untilMs` is monotonic, undefined when nobody knows. */
  readonly giveBack: (jobs: readonly HeldJob[], untilMs: number | undefined) => void
  /** A wait is over: something may begin. */
  readonly changed: () => void
  /** A lane is there that was not. */
  readonly made: (lane: Lane) => void
}

/** Waiting longer than this is not done in memory: the jobs go back, and none come until there is something to send. */
export const HOLD_MS = 60_000
/** A tenant or provider at its limit is looked at again after this, if nothing of it ends before. */
const BUSY_MS = 1_000
const MIN_WAIT_MS = 1
const nobody = (): boolean => false
/** Credits are for what can be sent in about a minute, within these bounds. */
const AHEAD_SECONDS = 60
export const MIN_CREDIT = 40
/** Nothing is known yet: as much as shows how fast it goes, and not so much that many that turn out slow fill a process. */
export const FIRST_CREDIT = 50
export const MAX_CREDIT = 2_000
/** Pools that follow one another when each has nothing that may send. */
const MAX_OVERFLOW = 3
/** A message that was greylisted comes from the same source for its first tries: others begin the wait again. */
export const SAME_SOURCE_TRIES = 3

export type Destination = ReturnType<typeof createDestination>

interface PoolState {
  pool: LanePool
  members: readonly { readonly lane: Lane; readonly weight: number }[]
  readonly credits: Credits<Lane>
  isSpilling: boolean
}

/** One provider in one mode: what waits for it, by pool, and the lanes of every source that sends to it. */
export function createDestination(deps: DestinationDeps, mode: SendingMode, provider: string) {
  const { clock } = deps
  const queues = new Map<string, FairQueue<HeldJob>>()
  const pools = new Map<string, PoolState>()
  const lanes = new Map<string, Lane>()
  /** Chosen by their source, which is busy. */
  const parked = new Map<Lane, HeldJob[]>()
  const tenants = new Map<string, SharedLimit>()
  const shared = createSharedLimit(() => deps.limits(provider, []).provider)
  let waiting = 0
  let wakeAtMs = Infinity

  function laneOf(source: LaneSource): Lane {
    const known = lanes.get(source.id)
    if (known !== undefined) {
      known.setSource(source)
      return known
    }
    const lane = createLane({
      mode,
      provider,
      source,
      limits: () => deps.limits(provider, deps.poolsOf(source.id)).lane,
      times: deps.times[mode],
      saved: deps.saved(`${mode}/${provider}/${source.id}`),
      day: deps.day,
      closed: mode === 'live' ? deps.closed : () => undefined,
    })
    lanes.set(source.id, lane)
    deps.made(lane)
    return lane
  }

  function poolState(id: string): PoolState {
    const pool = deps.pool(id)
    const known = pools.get(id)
    if (known?.pool === pool) return known
    const members = pool.members.map(({ source, weight }) => ({ lane: laneOf(source), weight }))
    const state = {
      pool,
      members,
      credits: known?.credits ?? new Map<Lane, number>(),
      isSpilling: known?.isSpilling ?? false,
    }
    pools.set(id, state)
    return state
  }

  /** The lanes that may begin now, or how long until one may, and whether that is for being busy. */
  function openLanes(
    poolId: string,
    nowMs: number,
    isOut: (lane: Lane) => boolean = nobody,
    depth = 0,
  ): OpenLanes {
    const state = poolState(poolId)
    settleSpill(state, nowMs)
    const open: { lane: Lane; weight: number }[] = []
    let waitMs = Infinity
    let isBusy = false
    for (const { lane, weight } of state.members) {
      if (isOut(lane)) continue
      const readiness = lane.readiness(nowMs)
      if (readiness.isReady) open.push({ lane, weight: weight * lane.share(nowMs) })
      else {
        waitMs = Math.min(waitMs, readiness.waitMs)
        isBusy ||= readiness.isBusy
      }
    }
    const { overflow } = state.pool
    if (open.length > 0 || isBusy || overflow === undefined || depth >= MAX_OVERFLOW)
      return { open, waitMs, isBusy, credits: state.credits }
    const next = openLanes(overflow, nowMs, isOut, depth + 1)
    return { ...next, waitMs: Math.min(waitMs, next.waitMs) }
  }

  /** While a member is suspended its neighbours take over no more than some of what it had. */
  function settleSpill(state: PoolState, nowMs: number): void {
    const isSpilling = state.members.some(({ lane }) => lane.health.state(nowMs) === 'suspended')
    if (!isSpilling && !state.isSpilling) return
    state.isSpilling = isSpilling
    for (const { lane } of state.members)
      if (isSpilling) lane.limitSpill(nowMs)
      else lane.liftSpill()
  }

  function tenantLimit(tenantId: string): SharedLimit {
    const known = tenants.get(tenantId)
    if (known !== undefined) return known
    const limit = createSharedLimit(() => deps.limits(provider, []).tenant)
    tenants.set(tenantId, limit)
    return limit
  }

  function mayTenantSend(tenantId: string, nowMs: number): boolean {
    return tenantLimit(tenantId).waitMs(nowMs) === 0 && deps.tenantLimit(tenantId).waitMs(nowMs) === 0
  }

  /** Its source for one that was greylisted, if that is in the pool and not out of work. */
  function sameSource(held: HeldJob): Lane | undefined {
    const { lastSource, attempt, lastClass } = held.job
    if (lastSource === null || lastClass !== 'greylisted' || attempt > SAME_SOURCE_TRIES) return undefined
    return poolState(held.poolId).members.find(({ lane }) => lane.source().name === lastSource)?.lane
  }

  function fromQueue(queue: FairQueue<HeldJob>, lanesOpen: OpenLanes, nowMs: number): Next | undefined {
    for (const { lane } of lanesOpen.open) {
      const held = parked.get(lane)?.shift()
      if (held !== undefined) return { held, lane }
    }
    while (true) {
      const held = queue.shift((tenantId) => mayTenantSend(tenantId, nowMs))
      if (held === undefined) return undefined
      const same = sameSource(held)
      const readiness = same?.readiness(nowMs)
      if (same !== undefined && readiness?.isReady === true) return { held, lane: same }
      if (same === undefined || readiness?.isReady !== false || !readiness.isBusy) {
        const lane = chooseLane(lanesOpen.open, lanesOpen.credits)
        if (lane !== undefined) return { held, lane }
        queue.unshift(held)
        return undefined
      }
      parked.set(same, [...(parked.get(same) ?? []), held])
    }
  }

  function wakeIn(waitMs: number): void {
    const atMs = clock.monotonicMs() + Math.max(MIN_WAIT_MS, waitMs)
    if (atMs >= wakeAtMs) return
    wakeAtMs = atMs
    void clock.sleep(Math.max(MIN_WAIT_MS, waitMs)).then(() => {
      if (wakeAtMs === atMs) wakeAtMs = Infinity
      if (waiting > 0) deps.changed()
    })
  }

  function giveBack(poolId: string, queue: FairQueue<HeldJob>, untilMs: number | undefined): void {
    const members = new Set(poolState(poolId).members.map(({ lane }) => lane))
    const jobs = queue.remove(() => true)
    for (const [lane, held] of parked) if (members.has(lane)) jobs.push(...held.splice(0))
    waiting -= jobs.length
    if (jobs.length > 0) deps.giveBack(jobs, untilMs)
  }

  return {
    mode,
    provider,
    waiting: () => waiting,
    lanes: () => [...lanes.values()],
    push: (held: HeldJob) => {
      const queue = queues.get(held.poolId) ?? createFairQueue<HeldJob>()
      queues.set(held.poolId, queue)
      queue.push(held)
      waiting += 1
    },
    /** The next job and its lane, chosen now. Undefined when nothing may begin: `changed` is called when that may be over. */
    next: (): Next | undefined => {
      if (waiting === 0) return undefined
      const nowMs = clock.monotonicMs()
      const sharedWaitMs = shared.waitMs(nowMs)
      if (sharedWaitMs > 0) {
        wakeIn(Math.min(sharedWaitMs, BUSY_MS))
        return undefined
      }
      for (const [poolId, queue] of queues) {
        const found = openLanes(poolId, nowMs)
        if (found.open.length === 0) {
          if (found.isBusy || found.waitMs <= HOLD_MS) wakeIn(Math.min(found.waitMs, BUSY_MS))
          else giveBack(poolId, queue, found.waitMs === Infinity ? undefined : nowMs + found.waitMs)
          continue
        }
        const next = fromQueue(queue, found, nowMs)
        if (next === undefined) {
          wakeIn(BUSY_MS / 10)
          continue
        }
        waiting -= 1
        queues.delete(poolId)
        if (queue.size() > 0 || waiting > 0) queues.set(poolId, queue)
        return next
      }
      return undefined
    },
    begin: (held: HeldJob, lane: Lane) => {
      const nowMs = clock.monotonicMs()
      lane.begin(nowMs)
      shared.begin(nowMs)
      tenantLimit(held.tenantId).begin(nowMs)
    },
    /**
     * Another lane that may send this job now, and has begun it; undefined when there is none. From one address of ours to
     * another is no way out: the receiver is the same.
     */
    elsewhere: (held: HeldJob, tried: ReadonlySet<Lane>): Lane | undefined => {
      const nowMs = clock.monotonicMs()
      const hasRelay = [...tried].some(isRelay)
      const isOut = (lane: Lane): boolean => tried.has(lane) || (!hasRelay && !isRelay(lane))
      const { open, credits } = openLanes(held.poolId, nowMs, isOut)
      const lane = chooseLane(open, credits)
      lane?.begin(nowMs)
      return lane
    },
    /** True when the verdict suspends the lane. */
    end: (held: HeldJob, lane: Lane, verdict: LaneVerdict): boolean => {
      shared.end()
      tenantLimit(held.tenantId).end()
      return lane.end(clock.monotonicMs(), verdict)
    },
    remove: (isGone: (held: HeldJob) => boolean): HeldJob[] => {
      const gone = [...queues.values()].flatMap((queue) => queue.remove(isGone))
      for (const [lane, held] of parked) {
        gone.push(...held.filter(isGone))
        parked.set(
          lane,
          held.filter((one) => !isGone(one)),
        )
      }
      waiting -= gone.length
      return gone
    },
    /** How many jobs it makes sense to hold: what its lanes can send in about a minute, nothing while none of them may. */
    credit: (): number => {
      if (lanes.size === 0) return FIRST_CREDIT
      const nowMs = clock.monotonicMs()
      let perMinute = 0
      let budget = 0
      for (const lane of lanes.values()) {
        const readiness = lane.readiness(nowMs)
        if (!readiness.isReady && !readiness.isBusy && readiness.waitMs > HOLD_MS) continue
        budget += lane.budget()
        const limit = Math.min(lane.health.pace(nowMs) ?? Infinity, ...lane.limits().rates.map(perSecond))
        perMinute +=
          Math.min(limit, Math.max(lane.rate(nowMs) * 2, MIN_CREDIT / AHEAD_SECONDS)) * AHEAD_SECONDS
      }
      if (budget === 0) return 0
      return Math.ceil(Math.min(MAX_CREDIT, budget, Math.max(1, perMinute)))
    },
  }
}

interface Next {
  readonly held: HeldJob
  readonly lane: Lane
}

interface OpenLanes {
  readonly open: readonly { readonly lane: Lane; readonly weight: number }[]
  readonly waitMs: number
  readonly isBusy: boolean
  readonly credits: Credits<Lane>
}

function isRelay(lane: Lane): boolean {
  return lane.source().relay !== undefined
}

function perSecond({ count, perMs }: { count: number; perMs: number }): number {
  return (count / perMs) * 1_000
}
