import type { SendJob } from '#events/email-events.ts'

/** A job in the hands of this process, with the shard and epoch that it was claimed under. */
export interface HeldJob {
  readonly job: SendJob
  readonly shard: number
  readonly epoch: number
}

export interface Lanes {
  /** Adds jobs at the end of their lanes. */
  push(jobs: readonly HeldJob[]): void
  /** Jobs that wait or are being sent. */
  size(): number
  /** Takes out waiting jobs, e.g. those of a shard that was lost or of a campaign that was paused. */
  remove(isGone: (held: HeldJob) => boolean): HeldJob[]
  /** Begins jobs as far as the limits allow; call it when something outside has changed. */
  pump(): void
  /** Resolves when no job is being sent. */
  idle(): Promise<void>
}

export interface LaneOptions {
  /** Jobs being sent at the same time, all lanes together. */
  readonly maxActive: number
  /** Jobs being sent at the same time to one provider. */
  readonly maxActivePerProvider: number
  /** Whether anything may begin now. */
  readonly mayBegin: () => boolean
  /** Sends one job. It never rejects: how it ended is an outcome. */
  readonly send: (held: HeldJob) => Promise<void>
}

interface Lane {
  readonly waiting: Queue<HeldJob>
  active: number
}

/**
 * One lane a provider (and mode): first in, first out, with a limit of its own under the common one. Lanes with
 * room take turns, so that a slow provider holds up nobody else.
 */
export function createLanes(options: LaneOptions): Lanes {
  const lanes = new Map<string, Lane>()
  let waiting = 0
  let active = 0
  let idleWaiters: (() => void)[] = []

  function laneOf(job: SendJob): Lane {
    const key = `${job.mode}/${job.provider}`
    const known = lanes.get(key)
    if (known !== undefined) return known
    const lane: Lane = { waiting: createQueue(), active: 0 }
    lanes.set(key, lane)
    return lane
  }

  function begin(lane: Lane, held: HeldJob): void {
    waiting--
    active++
    lane.active++
    void options.send(held).finally(() => {
      active--
      lane.active--
      if (active === 0) {
        for (const resolve of idleWaiters) resolve()
        idleWaiters = []
      }
      pump()
    })
  }

  function pump(): void {
    let hasBegun = true
    while (hasBegun && active < options.maxActive && waiting > 0 && options.mayBegin()) {
      hasBegun = false
      for (const [key, lane] of lanes) {
        if (active >= options.maxActive) break
        if (lane.waiting.size() === 0) {
          if (lane.active === 0) lanes.delete(key)
          continue
        }
        if (lane.active >= options.maxActivePerProvider) continue
        const held = lane.waiting.shift()
        if (held === undefined) continue
        begin(lane, held)
        hasBegun = true
      }
    }
  }

  return {
    push: (jobs) => {
      for (const held of jobs) laneOf(held.job).waiting.push(held)
      waiting += jobs.length
      pump()
    },
    size: () => waiting + active,
    remove: (isGone) => {
      const gone: HeldJob[] = []
      for (const lane of lanes.values()) gone.push(...lane.waiting.remove(isGone))
      waiting -= gone.length
      return gone
    },
    pump,
    idle: () => (active === 0 ? Promise.resolve() : new Promise((resolve) => idleWaiters.push(resolve))),
  }
}

interface Queue<T> {
  push(item: T): void
  shift(): T | undefined
  size(): number
  remove(isGone: (item: T) => boolean): T[]
}

/** A first-in-first-out queue whose `shift` costs the same at any length. */
function createQueue<T>(): Queue<T> {
  let items: T[] = []
  let head = 0
  return {
    push: (item) => void items.push(item),
    shift: () => {
      const item = items[head]
      if (item === undefined) return undefined
      head++
      if (head > 1024 && head * 2 > items.length) {
        items = items.slice(head)
        head = 0
      }
      return item
    },
    size: () => items.length - head,
    remove: (isGone) => {
      const all = items.slice(head)
      const gone = all.filter(isGone)
      if (gone.length > 0) {
        items = all.filter((item) => !isGone(item))
        head = 0
      }
      return gone
    },
  }
}
