import type { Log } from '#platform/log.ts'
import { createDueHeap } from '#windtunnel/rehearsal/due-heap.ts'
import { readWantedFields } from '#windtunnel/mail-entry.ts'
import type { Profile } from '#windtunnel/profile.ts'
import type { ReceivedMessage } from '#windtunnel/smtp-state.ts'
import type { VirtualTime } from '#windtunnel/virtual-time.ts'
import type { Afterwards, AfterwardsChange } from './afterwards.schema.ts'
import { createAfterwardsCounters } from './afterwards-counters.ts'
import type { AfterwardsCounts } from './afterwards-counters.ts'
import { carryOut } from './carry-out.ts'
import type { CarryOutDeps, HeldMail, Result } from './carry-out.ts'
import { decideAfterwards } from './decide-afterwards.ts'
import type { ActionKind, PlannedAction } from './decide-afterwards.ts'
import { readAcceptedMail } from './read-accepted-mail.ts'

/** Real milliseconds between two looks at what is due. */
const TICK_MS = 50
const USUAL_MAX_PENDING = 100_000
/** Of messages of which something may still come. */
const MAX_HELD_BYTES = 256 * 1024 * 1024
const MAX_CONCURRENT = 16
/** In real time, as the other server's troubles are; each further attempt waits twice as long. */
const FIRST_RETRY_MS = 2_000
const MAX_ATTEMPTS = 6

export interface AfterwardsDeps extends Omit<CarryOutDeps, 'now'> {
  readonly time: VirtualTime
  readonly log: Pick<Log, 'warn'>
  readonly profiles: readonly Profile[]
  /** Things that wait for their time, at most. Default 100 000. */
  readonly maxPending?: number | undefined
}

/** What comes back of mail that was accepted, at its time. */
export interface RunningAfterwards {
  /** A provider has a message and has said so. */
  accepted(message: ReceivedMessage): void
  /** While it is off, nothing is planned; what was planned before still comes. */
  switch(isOn: boolean): void
  /** Of one provider; undefined when there is none of that name. */
  change(provider: string, change: AfterwardsChange): Afterwards | undefined
  describe(): AfterwardsState
  /** Begins what is due. Called by itself while anything is planned. */
  tick(): void
  /** Resolves when nothing is being read or done. */
  idle(): Promise<void>
  /** Drops what is planned, and all counts. */
  forget(): void
  stop(): Promise<void>
}

export interface AfterwardsState {
  readonly on: boolean
  readonly pending: number
  readonly counts: AfterwardsCounts
  readonly providers: ReadonlyMap<string, Afterwards>
}

interface Pending {
  readonly mail: HeldMail
  readonly kind: ActionKind
  readonly share: HeldShare
  attempts: number
}

/** What a message takes in memory, until the last of its actions has ended. */
interface HeldShare {
  readonly bytes: number
  actions: number
}

export function startAfterwards(deps: AfterwardsDeps, isOnAtFirst: boolean): RunningAfterwards {
  const habits = new Map(deps.profiles.map(({ name, afterwards }) => [name, afterwards]))
  const profiles = new Map(deps.profiles.map((profile) => [profile.name, profile]))
  const counters = createAfterwardsCounters()
  const { maxPending = USUAL_MAX_PENDING } = deps
  const stopping = new AbortController()
  const running = new Set<Pending>()
  const underWay = new Set<Promise<void>>()
  let pending = new Map<number, Pending>()
  let due = createDueHeap()
  let isOn = isOnAtFirst
  let heldBytes = 0
  let lastId = 0

  const track = (work: Promise<void>): void => {
    const tracked = work.finally(() => underWay.delete(tracked))
    underWay.add(tracked)
  }

  const enqueue = (action: Pending, dueMs: number): void => {
    lastId = (lastId + 1) % 0x7fffffff
    pending.set(lastId, action)
    due.push(dueMs, lastId)
  }

  const hold = async (
    message: ReceivedMessage,
    { provider, recipient }: Pick<HeldMail, 'provider' | 'recipient'>,
    plan: readonly PlannedAction[],
  ): Promise<void> => {
    const queue = pending
    const acceptedMs = deps.time.nowMs()
    const bytes = message.content.length
    heldBytes += bytes
    // What was forgotten in between is not planned, and no longer counted.
    const isForgotten = () => queue !== pending
    try {
      const content = await readAcceptedMail(message.content)
      const { mailFrom, ip } = message
      const mail = { provider, mailFrom, recipient, ip, content }
      const share = { bytes, actions: plan.length }
      if (isForgotten()) return
      for (const { kind, afterMs } of plan) enqueue({ mail, kind, share, attempts: 0 }, acceptedMs + afterMs)
    } catch (error) {
      deps.log.warn({ err: error }, 'windtunnel: nothing comes back of a message that cannot be read')
      if (isForgotten()) return
      heldBytes -= bytes
      for (const { kind } of plan) counters.count(kind, 'nothing')
    }
  }

  const end = (action: Pending, result: Result): void => {
    if (result === 'again' && action.attempts < MAX_ATTEMPTS)
      return enqueue(action, deps.time.nowMs() + retryMs(action.attempts) * deps.time.scale)
    counters.count(action.kind, result === 'again' ? 'failed' : result)
    action.share.actions -= 1
    if (action.share.actions === 0) heldBytes -= action.share.bytes
  }

  const perform = async (action: Pending): Promise<void> => {
    const { mail, kind } = action
    const queue = pending
    action.attempts += 1
    running.add(action)
    let result: Result = 'again'
    try {
      const wanted = habits.get(mail.provider.name) ?? mail.provider.afterwards
      const now = () => deps.time.now()
      result = await carryOut({ ...deps, now }, mail, wanted, { kind, signal: stopping.signal })
    } catch (error) {
      deps.log.warn({ err: error, kind }, 'windtunnel: something did not come back')
    } finally {
      running.delete(action)
      if (queue === pending) end(action, result)
    }
    afterwards.tick()
  }

  const afterwards: RunningAfterwards = {
    accepted: (message) => {
      const provider = profiles.get(message.provider)
      const wanted = habits.get(message.provider)
      if (!isOn || provider === undefined || wanted === undefined) return
      const messageId = readWantedFields(message.content).messageId ?? ''
      for (const recipient of message.rcptTo) {
        const plan = decideAfterwards(wanted, deps.seed, { messageId, recipient })
        if (plan.length === 0) continue
        for (const { kind } of plan) counters.count(kind, 'planned')
        if (pending.size + plan.length > maxPending || heldBytes + message.content.length > MAX_HELD_BYTES)
          for (const { kind } of plan) counters.count(kind, 'dropped')
        else track(hold(message, { provider, recipient }, plan))
      }
    },
    switch: (next) => {
      isOn = next
    },
    change: (provider, change) => {
      const before = habits.get(provider)
      if (before === undefined) return undefined
      const changed = { ...before, ...change }
      habits.set(provider, changed)
      return changed
    },
    describe: () => ({
      on: isOn,
      pending: pending.size + running.size,
      counts: counters.read(),
      providers: habits,
    }),
    tick: () => {
      while (
        running.size < MAX_CONCURRENT &&
        !stopping.signal.aborted &&
        due.earliest() <= deps.time.nowMs()
      ) {
        const id = due.pop()
        const action = pending.get(id)
        pending.delete(id)
        if (action !== undefined) track(perform(action))
      }
    },
    idle: async () => {
      while (underWay.size > 0) await Promise.all(underWay)
    },
    forget: () => {
      pending = new Map()
      due = createDueHeap()
      heldBytes = 0
      counters.clear()
    },
    stop: async () => {
      clearInterval(timer)
      stopping.abort()
      await afterwards.idle()
    },
  }
  const timer = setInterval(() => afterwards.tick(), TICK_MS).unref()
  return afterwards
}

function retryMs(attempts: number): number {
  return FIRST_RETRY_MS * 2 ** (attempts - 1)
}
