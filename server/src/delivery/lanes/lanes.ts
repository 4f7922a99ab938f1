import type { SendJob } from '#events/email-events.ts'
import type { Clock } from '#platform/clock.ts'
import type { SharedLimits } from '#delivery/shaping/shaping.ts'
import type { Queued } from './fair-queue.ts'
import { createDestination, type Destination, type DestinationDeps } from './destination.ts'
import type { Lane, LaneVerdict } from './lane.ts'
import { createSharedLimit, type SharedLimit } from './shared-limit.ts'

/** A job in the hands of this process, with the shard and epoch that it was claimed under. */
export interface HeldJob extends Queued {
  readonly job: SendJob
  readonly shard: number
  readonly epoch: number
  readonly poolId: string
}

export interface Lanes {
  /** Adds jobs at the end of their tenants' queues. */
  push(jobs: readonly HeldJob[]): void
  /** Jobs that wait or are being sent. */
  size(): number
  /** Takes out waiting jobs, e.g. those of a shard that was lost or of a campaign that was paused. */
  remove(isGone: (held: HeldJob) => boolean): HeldJob[]
  /** Begins jobs as far as the limits allow; call it when something outside has changed. */
  pump(): void
  /** Resolves when no job is being sent. */
  idle(): Promise<void>
  /** Every lane there is, for those who look at them. */
  all(): Lane[]
  lane(key: string): Lane | undefined
  destinations(): Destination[]
  destination(mode: SendJob['mode'], provider: string): Destination
}

export interface LanesDeps extends Omit<DestinationDeps, 'tenantLimit' | 'changed'> {
  readonly clock: Clock
  /** Jobs being sent at the same time, all lanes together. */
  readonly maxActive: number
  /** Whether anything may begin now. */
  readonly mayBegin: () => boolean
  /** Each tenant, all providers together. */
  readonly tenantLimits: () => SharedLimits
  /** Sends one job. It never rejects: how it ended is an outcome, and what it said about the lane the answer. */
  readonly send: (held: HeldJob, lane: Lane, elsewhere: Elsewhere) => Promise<LaneVerdict>
  /** A lane was suspended by its provider. */
  readonly onSuspended: (lane: Lane) => void
}

/**
 * Ends the try over the present lane with what it said about that lane, and begins one over another that may send the job
 * now. Undefined, and nothing is ended, when there is none or the job has been to enough of them.
 */
export type Elsewhere = (verdict: LaneVerdict) => Lane | undefined

/**
 * Jobs that begin before the process looks at its sockets and timers again. Each is a millisecond of rendering and signing:
 * when hundreds of lanes began at once, name servers seemed not to answer.
 */
const BEGIN_AT_ONCE = 50

/** Lanes that one attempt may go on to after its first. */
export const MAX_ELSEWHERE = 2

/**
 * All lanes of this process. Destinations that can send take turns, one message each, under the common limit: a slow
 * provider holds up nobody else, and one that is suspended or throttled costs nothing until its time has come.
 */
export function createLanes(deps: LanesDeps): Lanes {
  const { clock } = deps
  const destinations = new Map<string, Destination>()
  /** Those that may be able to begin something. Who has had a turn is put at the end. */
  const ready = new Set<Destination>()
  const tenants = new Map<string, SharedLimit>()
  const lanes = new Map<string, Lane>()
  let active = 0
  let isPumping = false
  let isResting = false
  let idleWaiters: (() => void)[] = []

  function tenantLimit(tenantId: string): SharedLimit {
    const known = tenants.get(tenantId)
    if (known !== undefined) return known
    const limit = createSharedLimit(deps.tenantLimits)
    tenants.set(tenantId, limit)
    return limit
  }

  function destination(mode: SendJob['mode'], provider: string): Destination {
    const key = `${mode}/${provider}`
    const known = destinations.get(key)
    if (known !== undefined) return known
    const made = createDestination(
      {
        ...deps,
        tenantLimit,
        changed: () => wake(made),
        made: (lane) => {
          lanes.set(lane.key, lane)
          deps.made(lane)
        },
      },
      mode,
      provider,
    )
    destinations.set(key, made)
    return made
  }

  function wake(one: Destination): void {
    ready.add(one)
    pump()
  }

  function begin(one: Destination, held: HeldJob, lane: Lane): void {
    const tenant = tenantLimit(held.tenantId)
    active += 1
    one.begin(held, lane)
    tenant.begin(clock.monotonicMs())
    const tried = new Set([lane])
    let present = lane
    const elsewhere: Elsewhere = (verdict) => {
      const next = tried.size > MAX_ELSEWHERE ? undefined : one.elsewhere(held, tried)
      if (next === undefined) return undefined
      if (present.end(clock.monotonicMs(), verdict)) deps.onSuspended(present)
      tried.add(next)
      present = next
      return next
    }
    void deps.send(held, lane, elsewhere).then((verdict) => {
      active -= 1
      tenant.end()
      if (one.end(held, present, verdict)) deps.onSuspended(present)
      if (active === 0) {
        for (const resolve of idleWaiters) resolve()
        idleWaiters = []
      }
      wake(one)
    })
  }

  /** Goes on when what has arrived meanwhile has been heard. */
  function rest(): void {
    isResting = true
    setImmediate(() => {
      isResting = false
      pump()
    })
  }

  function pump(): void {
    // What is begun may end at once and ask for more: the loop that is running sees it.
    if (isPumping || isResting) return
    isPumping = true
    let begun = 0
    for (const one of ready) {
      if (active >= deps.maxActive || !deps.mayBegin()) break
      if (begun === BEGIN_AT_ONCE) {
        rest()
        break
      }
      ready.delete(one)
      const next = one.next()
      if (next === undefined) continue
      begin(one, next.held, next.lane)
      begun += 1
      // At the end: a Set is walked in the order of insertion, and what is inserted meanwhile is reached, too.
      ready.add(one)
    }
    isPumping = false
  }

  return {
    push: (jobs) => {
      for (const held of jobs) {
        const one = destination(held.job.mode, held.job.provider)
        one.push(held)
        ready.add(one)
      }
      pump()
    },
    size: () => [...destinations.values()].reduce((sum, one) => sum + one.waiting(), active),
    remove: (isGone) => [...destinations.values()].flatMap((one) => one.remove(isGone)),
    pump: () => {
      for (const one of destinations.values()) if (one.waiting() > 0) ready.add(one)
      pump()
    },
    idle: () => (active === 0 ? Promise.resolve() : new Promise((resolve) => idleWaiters.push(resolve))),
    all: () => [...lanes.values()],
    lane: (key) => lanes.get(key),
    destinations: () => [...destinations.values()],
    destination,
  }
}
