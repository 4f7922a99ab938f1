/** `paused` is a person's doing, the others are the provider's. */
export type LaneState = 'open' | 'slowed' | 'suspended' | 'probing' | 'paused'

/** How fast a lane gives way and comes back, in milliseconds. */
export interface LaneTimes {
  /** A burst of refusals to messages that were under way together counts once. */
  readonly burstMs: number
  /** A lane that is slowed and hears no refusal gets a step faster this often. */
  readonly stepMs: number
  /** The first suspension; each further one is twice as long, up to `suspendMaxMs`. */
  readonly suspendMs: number
  readonly suspendMaxMs: number
  /** Blocks that are further apart than this have nothing to do with each other. */
  readonly blockWindowMs: number
  /** After this long without a block the next suspension is a first one again. */
  readonly forgiveMs: number
}

const MINUTE = 60_000
const HOUR = 60 * MINUTE

/** Lengths that mailbox providers and the rules of other senders name: slow for half an hour, blocks of hours. */
export const LIVE_TIMES: LaneTimes = {
  burstMs: 10_000,
  stepMs: 30_000,
  suspendMs: 15 * MINUTE,
  suspendMaxMs: 12 * HOUR,
  blockWindowMs: 10 * MINUTE,
  forgiveMs: 24 * HOUR,
}

/** The sandbox's messages live for 30 s: a lane comes back while they do. */
export const SANDBOX_TIMES: LaneTimes = {
  burstMs: 500,
  stepMs: 500,
  suspendMs: 1_000,
  suspendMaxMs: 8_000,
  blockWindowMs: 10 * MINUTE,
  forgiveMs: HOUR,
}

/** One block may be meant for a message; this many in the window are meant for the source. */
export const BLOCKS_TO_SUSPEND = 3
/** Multiplicative decrease, and the additive increase as a share of the pace at which the provider refused. */
const DECREASE = 0.5
const INCREASE = 0.1
/** Messages a second below which a lane is not slowed any further: one in a minute. */
export const MIN_PACE = 1 / 60

export interface LaneHealth {
  /** As of `nowMs`: what a time-out has changed is applied. */
  state(nowMs: number): LaneState
  /** Messages a second it may send; undefined: as the limits say. */
  pace(nowMs: number): number | undefined
  /** Share of its connections that a slowed lane may use: between 0 and 1. */
  share(nowMs: number): number
  /** When a suspended lane may be tried again, in monotonic ms. */
  suspendedUntil(): number | undefined
  /** Why it is not open, in the words of the provider. */
  reason(): string | undefined
  onAccepted(nowMs: number): void
  /** The provider says: slower. `pace`: messages a second that it had been getting. */
  onSlow(nowMs: number, pace: number, reply: string): void
  /** The provider refuses this source. True when this suspends the lane. */
  onBlocked(nowMs: number, reply: string): boolean
  /** Ends a suspension early, by asking with one message. */
  probe(): void
  pause(reason: string): void
  resume(): void
  save(): SavedHealth
}

/** What must outlive the process. Times are monotonic ms of the process that saved it. */
export interface SavedHealth {
  readonly state: LaneState
  readonly pace: number | null
  readonly ceiling: number | null
  readonly strikes: number
  readonly untilMs: number | null
  /** When the last block was heard. */
  readonly blockedMs: number | null
  readonly reason: string | null
}

/**
 * What a lane has learned from its provider's answers: additive increase, multiplicative decrease; suspensions that
 * double; one message that asks whether a suspension may end. A recipient's own refusal is not its business.
 */
export function createLaneHealth(times: LaneTimes, saved?: SavedHealth): LaneHealth {
  let state: LaneState = saved?.state ?? 'open'
  let pace = saved?.pace ?? undefined
  let ceiling = saved?.ceiling ?? 0
  let strikes = saved?.strikes ?? 0
  let untilMs = saved?.untilMs ?? 0
  let reason = saved?.reason ?? undefined
  let slowedMs = -Infinity
  let steppedMs = -Infinity
  let blocks: number[] = []
  let lastBlockMs = saved?.blockedMs ?? -Infinity
  let stateBeforePause: LaneState = 'open'

  function tick(nowMs: number): void {
    if (state === 'suspended' && nowMs >= untilMs) state = 'probing'
    if (state !== 'slowed' || pace === undefined) return
    const steps = Math.floor((nowMs - steppedMs) / times.stepMs)
    if (steps <= 0) return
    steppedMs += steps * times.stepMs
    pace += steps * ceiling * INCREASE
    // Twice the pace at which it was refused: what made the provider complain is over.
    if (pace >= 2 * ceiling) open()
  }

  function open(): void {
    state = 'open'
    pace = undefined
    ceiling = 0
    reason = undefined
  }

  function slow(nowMs: number, from: number, reply: string): void {
    state = 'slowed'
    ceiling = Math.max(ceiling, from, MIN_PACE)
    pace = Math.max(MIN_PACE, from * DECREASE)
    slowedMs = nowMs
    steppedMs = nowMs
    reason = reply
  }

  function suspend(nowMs: number, reply: string): void {
    strikes += 1
    state = 'suspended'
    untilMs = nowMs + Math.min(times.suspendMs * 2 ** (strikes - 1), times.suspendMaxMs)
    blocks = []
    reason = reply
  }

  return {
    state: (nowMs) => {
      tick(nowMs)
      return state
    },
    pace: (nowMs) => {
      tick(nowMs)
      return pace
    },
    share: (nowMs) => {
      tick(nowMs)
      return pace === undefined || ceiling === 0 ? 1 : Math.min(1, pace / ceiling)
    },
    suspendedUntil: () => (state === 'suspended' ? untilMs : undefined),
    reason: () => reason,
    onAccepted: (nowMs) => {
      tick(nowMs)
      if (state === 'probing') slow(nowMs, Math.max(ceiling * INCREASE, 1), reason ?? 'It was suspended.')
    },
    onSlow: (nowMs, measured, reply) => {
      tick(nowMs)
      if (state === 'suspended' || state === 'paused' || nowMs - slowedMs < times.burstMs) return
      slow(nowMs, Math.min(pace ?? Infinity, measured), reply)
    },
    onBlocked: (nowMs, reply) => {
      tick(nowMs)
      if (state === 'suspended' || state === 'paused') return false
      if (nowMs - lastBlockMs >= times.forgiveMs) strikes = 0
      lastBlockMs = nowMs
      blocks = [...blocks.filter((at) => nowMs - at < times.blockWindowMs), nowMs]
      const isEnough = state === 'probing' || blocks.length >= BLOCKS_TO_SUSPEND
      if (isEnough) suspend(nowMs, reply)
      return isEnough
    },
    probe: () => {
      if (state === 'suspended') state = 'probing'
    },
    pause: (words) => {
      if (state !== 'paused') stateBeforePause = state
      state = 'paused'
      reason = words
    },
    resume: () => {
      if (state !== 'paused') return
      state = stateBeforePause
      if (state === 'open') reason = undefined
    },
    save: () => ({
      state: state === 'paused' ? stateBeforePause : state,
      pace: pace ?? null,
      ceiling: ceiling === 0 ? null : ceiling,
      strikes,
      untilMs: state === 'suspended' ? untilMs : null,
      blockedMs: lastBlockMs === -Infinity ? null : lastBlockMs,
      reason: reason ?? null,
    }),
  }
}
