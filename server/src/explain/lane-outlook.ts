import type { KnownLane, KnownLanes, KnownOrder } from '#delivery/read-lanes.ts'
import { advance, beginWarmUp, budgetLeft, dayOf, isWarm, type WarmUpState } from '#delivery/lanes/warm-up.ts'
import type { LaneState } from '#delivery/lanes/lane-health.ts'
import type { Rate } from '#delivery/lanes/rate-limit.ts'
import type { LaneLimits } from '#delivery/shaping/shaping.ts'
import type { PoolMember } from '#sources/pool.ts'

/** Whether a source could take a message to a provider now, and why not. */
export interface LaneOutlook {
  readonly source_id: string
  readonly source: string
  readonly kind: 'ip' | 'relay'
  readonly pool: string
  readonly weight: number
  readonly state: LaneState | 'draining'
  readonly can_send: boolean
  /** In words, with what to do about it where something can be done. */
  readonly reason: string
  /** When it may send again; null: now, or nobody knows. */
  readonly ready_at: Date | null
  readonly is_warming: boolean
  /** Messages left of today's warm-up budget; null: no budget. */
  readonly budget_left: number | null
  /** Messages a minute that limits, health and orders allow; null: no limit. */
  readonly allowed_per_minute: number | null
  /** Messages a minute that it sends now. */
  readonly sending_per_minute: number
  readonly max_connections: number | null
}

export interface LaneQuestion {
  readonly provider: string
  readonly pool: string
  readonly member: PoolMember
  readonly limits: LaneLimits
  readonly known: KnownLanes
  readonly now: Date
}

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000

type Verdict = Pick<LaneOutlook, 'state' | 'can_send' | 'reason' | 'ready_at'>

/** What delivery would find if it chose now: the same rules as those of a lane, asked from outside. */
export function laneOutlook(question: LaneQuestion): LaneOutlook {
  const { member, limits, now } = question
  const { source } = member
  const lane = question.known.lanes.find(
    (each) => each.sourceId === source.id && each.provider === question.provider,
  )
  const order = orderFor(question.known.orders, question.provider, source.id, now)
  const budget = warmUpBudgetLeft(member, lane, now)
  return {
    source_id: source.id,
    source: source.name,
    kind: source.kind,
    pool: question.pool,
    weight: member.weight,
    ...verdictOf(question, lane, order, budget),
    is_warming: budget !== Infinity,
    budget_left: finite(budget),
    allowed_per_minute: finite(allowedPerMinute(limits.rates, lane, order)),
    sending_per_minute: lane?.perMinute ?? 0,
    max_connections: finite(limits.maxConnections),
  }
}

function verdictOf(
  { member, provider, now }: LaneQuestion,
  lane: KnownLane | undefined,
  order: KnownOrder | undefined,
  budget: number,
): Verdict {
  const { name, isDraining } = member.source
  const said = lane?.reason == null ? '' : ` It said: ${lane.reason}`
  const stopped = (state: Verdict['state'], reason: string, readyAt: Date | null = null): Verdict => ({
    state,
    can_send: false,
    reason,
    ready_at: readyAt,
  })
  if (isDraining)
    return stopped('draining', `It is draining. To use it again run: pigeon sources activate ${name}`)
  if (order?.paused != null)
    return stopped('paused', `A person has paused it: ${order.paused} It goes on when a person resumes it.`)
  if (lane?.state === 'suspended' && lane.until !== null && lane.until > now)
    return stopped(
      'suspended',
      `${provider} refused this source, so it is left alone until ${timeOf(lane.until)}.${said}`,
      lane.until,
    )
  if (budget <= 0)
    return stopped(
      lane?.state ?? 'open',
      'It is warming up and has used its budget of today. Add a warm source to the pool, or wait for tomorrow (UTC).',
      new Date(Math.floor(now.getTime() / DAY_MS + 1) * DAY_MS),
    )
  return { state: stateNow(lane), can_send: true, reason: whyOpen(lane, provider, said), ready_at: null }
}

/** A suspension that is over is asked about by one message. A pause without an order has been lifted. */
function stateNow(lane: KnownLane | undefined): LaneState {
  if (lane === undefined || lane.state === 'paused') return 'open'
  return lane.state === 'suspended' ? 'probing' : lane.state
}

function whyOpen(lane: KnownLane | undefined, provider: string, said: string): string {
  if (lane === undefined) return `It may send: nothing has gone from it to ${provider} yet.`
  const state = stateNow(lane)
  if (state === 'slowed') return `It may send, slowly: ${provider} asked for less.${said}`
  if (state === 'probing')
    return `It may send one message, to ask whether ${provider} takes its mail again.${said}`
  return 'It may send.'
}

/** The order for this very source, else the one for all of them. One whose time is over counts no longer. */
function orderFor(
  orders: readonly KnownOrder[],
  provider: string,
  sourceId: string,
  now: Date,
): KnownOrder | undefined {
  const inForce = orders.filter(
    (order) => order.provider === provider && (order.until === null || order.until > now),
  )
  return (
    inForce.find((order) => order.sourceId === sourceId) ?? inForce.find((order) => order.sourceId === null)
  )
}

/** Messages left today; Infinity for a source that is warm. */
function warmUpBudgetLeft(member: PoolMember, lane: KnownLane | undefined, now: Date): number {
  const state = warmUpState(member, lane, now)
  return state === undefined ? Infinity : budgetLeft(state.state, state.curve)
}

/** Where a source stands with a provider today; undefined when it is warm. */
export function warmUpState(
  { source }: PoolMember,
  lane: Pick<KnownLane, 'warmUp'> | undefined,
  now: Date,
): { readonly state: WarmUpState; readonly curve: readonly number[] } | undefined {
  if (source.warmUp === null) return undefined
  const { curve } = source.warmUp
  const since = source.warmUp.startedAt.toISOString()
  const day = dayOf(now)
  const known = lane?.warmUp?.since === since ? lane.warmUp : undefined
  const state = advance(known ?? beginWarmUp(day, since), curve, day)
  return isWarm(state, curve) ? undefined : { state, curve }
}

function allowedPerMinute(
  rates: readonly Rate[],
  lane: KnownLane | undefined,
  order: KnownOrder | undefined,
): number {
  const pace = stateNow(lane) === 'slowed' ? lane?.pace : null
  return Math.min(
    ...rates.map(({ count, perMs }) => (count * MINUTE_MS) / perMs),
    (pace ?? Infinity) * 60,
    order?.perMinute ?? Infinity,
  )
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null
}

/** `2026-11-22 09:30 UTC`. */
export function timeOf(at: Date): string {
  return `${at.toISOString().slice(0, 16).replace('T', ' ')} UTC`
}
