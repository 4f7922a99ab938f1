import type { SendingMode } from '#events/email-events.ts'
import type { LaneLimits } from '#delivery/shaping/shaping.ts'
import type { SourceCost, SourceRelay } from '#sources/source.ts'
import { createLaneHealth, type LaneHealth, type LaneTimes, type SavedHealth } from './lane-health.ts'
import { allOf, createRateLimit, type RateLimit } from './rate-limit.ts'
import { advance, beginWarmUp, budgetLeft, countSent, isWarm, type WarmUpState } from './warm-up.ts'

/** Where mail leaves from, as far as lanes care. */
export interface LaneSource {
  readonly id: string
  readonly name: string
  /** The IP address connections are bound to; the machine's choice when absent. */
  readonly localAddress?: string
  /** The installation's when absent. */
  readonly ehloName?: string
  /** Messages a day to each provider while it warms up, and which warm-up that is; absent: it is warm. */
  readonly warmUp?: { readonly since: string; readonly curve: readonly number[] }
  /** It ends what it has and takes nothing new. */
  readonly isDraining?: boolean
  /** Somebody else delivers what is sent from here. */
  readonly relay?: SourceRelay
  /** Absent: it costs nothing. */
  readonly cost?: SourceCost
}

/** Why nothing may leave from a source now, whichever provider it is for. */
export interface Closed {
  /** In words for people. */
  readonly reason: string
  /** Infinity: until something else happens. */
  readonly waitMs: number
  /** It has all that it can hold in hand: no reason for the mail to go elsewhere. */
  readonly isBusy: boolean
}

/** A person's word about a lane. */
export interface LaneOrder {
  readonly paused?: string
  /** Messages a minute, until `untilMs` (monotonic). */
  readonly messagesPerMinute?: number
  readonly untilMs?: number
}

/** What a lane remembers over a restart. */
export interface SavedLane {
  readonly health: SavedHealth
  readonly warmUp: WarmUpState | null
}

/** Why nothing may begin, and for how long at least. Infinity: until something else happens. */
export type Readiness =
  | { readonly isReady: true }
  | { readonly isReady: false; readonly waitMs: number; readonly isBusy: boolean }

/** What an attempt said about the lane. `refused`: because of the source; a recipient's own refusal is `other`. */
export type LaneVerdict =
  | { readonly kind: 'accepted' | 'other' }
  | { readonly kind: 'slow' | 'suspend'; readonly reply: string }

/** Messages under way for each connection: one in conversation, one ready. */
export const ACTIVE_PER_CONNECTION = 2
/** What a lane may take over from a suspended neighbour, above what it had. */
const SPILL = 1.5
const MIN_SPILL_PACE = 1
const READY: Readiness = { isReady: true }

export interface LaneOptions {
  readonly mode: SendingMode
  readonly provider: string
  readonly source: LaneSource
  readonly limits: () => LaneLimits
  readonly times: LaneTimes
  readonly saved: SavedLane | undefined
  /** UTC date. */
  readonly day: () => string
  readonly closed: (source: LaneSource) => Closed | undefined
}

export type Lane = ReturnType<typeof createLane>

/** One source to one provider: its limits, what it has learned, and what is under way. Times are monotonic ms. */
export function createLane(options: LaneOptions) {
  const { mode, provider } = options
  const health: LaneHealth = createLaneHealth(options.times, options.saved?.health)
  const begun = createMeter()
  const refused = createMeter()
  let source = options.source
  let active = 0
  let limits = options.limits()
  let limit = allOf(limits.rates.map(createRateLimit))
  let pace = { value: 0, limit: allOf([]) }
  let spillPace: number | undefined
  let order: LaneOrder = {}
  let ordered: RateLimit = allOf([])
  let warmUp: WarmUpState | undefined = options.saved?.warmUp ?? undefined

  /** Limits are new when the shaping file has changed. */
  function refresh(): void {
    const current = options.limits()
    if (current === limits) return
    limits = current
    limit = allOf(limits.rates.map(createRateLimit))
  }

  function paceLimit(nowMs: number): RateLimit {
    const wanted = Math.min(health.pace(nowMs) ?? Infinity, spillPace ?? Infinity)
    if (wanted !== pace.value) {
      const rates = wanted === Infinity ? [] : [{ count: wanted, perMs: 1_000 }]
      const next = allOf(rates.map(createRateLimit))
      // A new limit knows nothing of the message before it: it must not begin with a burst.
      if (pace.value !== 0 && wanted !== Infinity) next.take(nowMs)
      pace = { value: wanted, limit: next }
    }
    return pace.limit
  }

  function today(): WarmUpState | undefined {
    if (source.warmUp === undefined) return undefined
    const { since, curve } = source.warmUp
    const day = options.day()
    if (warmUp?.since !== since) warmUp = beginWarmUp(day, since)
    warmUp = advance(warmUp, curve, day)
    return warmUp
  }

  function curve(): readonly number[] {
    return source.warmUp?.curve ?? []
  }

  function budget(): number {
    const state = today()
    return state === undefined ? Infinity : budgetLeft(state, curve())
  }

  function maxActive(nowMs: number): number {
    if (health.state(nowMs) === 'probing') return 1
    const connections = Math.max(1, Math.floor(limits.maxConnections * health.share(nowMs)))
    return connections * ACTIVE_PER_CONNECTION
  }

  function maxConnections(nowMs: number): number {
    return Math.ceil(maxActive(nowMs) / ACTIVE_PER_CONNECTION)
  }

  function setOrder(next: LaneOrder): void {
    order = next
    const perMinute = next.messagesPerMinute
    ordered = allOf(perMinute === undefined ? [] : [createRateLimit({ count: perMinute / 60, perMs: 1_000 })])
    if (next.paused === undefined) health.resume()
    else health.pause(next.paused)
  }

  function orderIsOver(nowMs: number): boolean {
    return order.untilMs !== undefined && nowMs >= order.untilMs
  }

  return {
    key: `${mode}/${provider}/${source.id}`,
    mode,
    provider,
    health,
    source: () => source,
    /** Why its source takes nothing now, if it does not. */
    closed: () => options.closed(source),
    limits: () => limits,
    active: () => active,
    isWarming: () => {
      const state = today()
      return state !== undefined && !isWarm(state, curve())
    },
    budget,
    /** Connections that it may have open now. */
    maxConnections,
    /** What the pool of connections is to keep to. */
    connectionLimits: (nowMs: number) => ({ ...limits, maxConnections: maxConnections(nowMs) }),
    /** Messages a second, over about the last ten seconds. */
    rate: (nowMs: number) => begun.rate(nowMs),
    refusedShare: (nowMs: number) => (begun.rate(nowMs) === 0 ? 0 : refused.rate(nowMs) / begun.rate(nowMs)),
    /** Its part of the turns: less when it is slowed, and less as the day's budget of a warming source goes. */
    share: (nowMs: number) => {
      const whole = curve()[today()?.stage ?? Infinity] ?? Infinity
      const left = whole === Infinity ? 1 : budget() / whole
      return Math.max(0.01, health.share(nowMs) * left)
    },
    setSource: (next: LaneSource) => {
      source = next
    },
    setOrder,
    /** A neighbour in its pool is suspended: it may take over some of that, not all at once. */
    limitSpill: (nowMs: number) => {
      spillPace ??= Math.max(MIN_SPILL_PACE, begun.rate(nowMs) * SPILL)
    },
    liftSpill: () => {
      spillPace = undefined
    },
    readiness: (nowMs: number): Readiness => {
      refresh()
      if (orderIsOver(nowMs)) setOrder({})
      const state = health.state(nowMs)
      if (source.isDraining === true || state === 'paused') return notReady(Infinity)
      if (state === 'suspended') return notReady((health.suspendedUntil() ?? nowMs) - nowMs)
      if (budget() <= 0) return notReady(Infinity)
      const closed = options.closed(source)
      if (closed !== undefined) return { isReady: false, waitMs: closed.waitMs, isBusy: closed.isBusy }
      const waitMs = Math.max(limit.waitMs(nowMs), paceLimit(nowMs).waitMs(nowMs), ordered.waitMs(nowMs))
      if (waitMs > 0) return { isReady: false, waitMs, isBusy: true }
      return active < maxActive(nowMs) ? READY : { isReady: false, waitMs: Infinity, isBusy: true }
    },
    begin: (nowMs: number) => {
      active += 1
      limit.take(nowMs)
      paceLimit(nowMs).take(nowMs)
      ordered.take(nowMs)
      begun.add(nowMs)
      const state = today()
      if (state !== undefined) warmUp = countSent(state)
    },
    /** True when the verdict suspends the lane. */
    end: (nowMs: number, verdict: LaneVerdict): boolean => {
      active -= 1
      if (verdict.kind === 'accepted') health.onAccepted(nowMs)
      if (!('reply' in verdict)) return false
      refused.add(nowMs)
      const state = today()
      if (state !== undefined) warmUp = { ...state, refused: state.refused + 1 }
      if (verdict.kind === 'suspend') return health.onBlocked(nowMs, verdict.reply)
      health.onSlow(nowMs, begun.rate(nowMs), verdict.reply)
      return false
    },
    /** Complaints of today that have come in so far. */
    setComplaints: (count: number) => {
      const state = today()
      if (state !== undefined) warmUp = { ...state, complained: count }
    },
    save: (): SavedLane => ({ health: health.save(), warmUp: today() ?? null }),
  }
}

function notReady(waitMs: number): Readiness {
  return { isReady: false, waitMs, isBusy: false }
}

/** What goes by fades with a time constant of ten seconds. */
const FADE_MS = 10_000

interface Meter {
  add(nowMs: number): void
  /** A second. */
  rate(nowMs: number): number
}

/** A meter that has just begun has seen this much time at least, so that the first message is not a rate of thousands. */
const MIN_AGE_MS = 1_000

function createMeter(): Meter {
  let value = 0
  let lastMs = 0
  let sinceMs = 0
  const at = (nowMs: number): number => value * Math.exp(-Math.max(0, nowMs - lastMs) / FADE_MS)
  return {
    add: (nowMs) => {
      const faded = at(nowMs)
      if (faded < 0.01) sinceMs = nowMs
      value = faded + 1
      lastMs = nowMs
    },
    rate: (nowMs) => {
      const seen = 1 - Math.exp(-Math.max(MIN_AGE_MS, nowMs - sinceMs) / FADE_MS)
      const now = at(nowMs)
      return now < 0.001 ? 0 : (now * 1_000) / FADE_MS / seen
    },
  }
}
