import { recordAudit, type Actor } from '#audit/record-audit.ts'
import type { Clock } from '#platform/clock.ts'
import { asTenant, type Database, type Transaction } from '#platform/postgres/database.ts'
import { Problem } from '#platform/problem.ts'
import { findDestination } from '#queue/find-destination.ts'
import { flushDestination } from '#queue/order-queue.ts'
import { inForce, NO_ORDER, saysNothing, wordsOf, type LaneTarget, type OrderFields } from './lane-order.ts'
import {
  countSuspended,
  deleteOrderRow,
  lockOrders,
  saveOrder,
  selectOrder,
  selectOrderAt,
  selectSourceId,
  type LaneOrder,
  type OrderPlace,
} from './lanes.store.ts'

interface Deps {
  readonly db: Database
  readonly clock: Clock
}

/** Nothing more begins there, within a second or two; what has begun ends. Messages wait and use no attempt. */
export function pauseLanes(
  deps: Deps,
  actor: Actor,
  { reason, ...target }: LaneTarget & { readonly reason: string },
): Promise<LaneOrder | null> {
  return change(deps, actor, 'pause', target, (order) => ({ ...order, paused: reason }))
}

/**
 * Ends a pause, of exactly this target: one of a single source stays when all are resumed. What waits is due at once.
 * Problem `lanes.not_paused`.
 */
export function resumeLanes(deps: Deps, actor: Actor, target: LaneTarget): Promise<LaneOrder | null> {
  return change(deps, actor, 'resume', target, (order) => {
    if (order.paused !== null) return { ...order, paused: null }
    throw new Problem(
      'conflict',
      'lanes.not_paused',
      `There is no pause of ${wordsOf(target)}. GET /v1/lanes/orders lists what was ordered.`,
    )
  })
}

export interface LaneLimit extends LaneTarget {
  readonly messages_per_minute: number
  /** Absent: until a person says so. */
  readonly for_minutes?: number
}

/** No more than this, each minute, from each source that it is about; spread evenly. */
export function limitLanes(
  deps: Deps,
  actor: Actor,
  { messages_per_minute, for_minutes, ...target }: LaneLimit,
): Promise<LaneOrder | null> {
  return change(deps, actor, 'limit', target, (order, now) => ({
    ...order,
    messages_per_minute,
    until: for_minutes === undefined ? null : new Date(now.getTime() + for_minutes * 60_000),
  }))
}

/** Ends suspensions early: one message asks. Problem `lanes.nothing_suspended`. */
export function probeLanes(deps: Deps, actor: Actor, target: LaneTarget): Promise<LaneOrder | null> {
  return change(
    deps,
    actor,
    'probe',
    target,
    (order, now) => ({ ...order, probe_at: now }),
    async (transaction, place) => {
      if ((await countSuspended(transaction, place)) > 0) return
      throw new Problem(
        'conflict',
        'lanes.nothing_suspended',
        `No lane of ${wordsOf(target)} is suspended. GET /v1/lanes shows their states.`,
      )
    },
  )
}

/** Takes back an order and everything in it. Problem `lanes.no_such_order`. */
export async function deleteLaneOrder(deps: Deps, actor: Actor, id: string): Promise<void> {
  await asTenant(deps.db, actor.tenantId, async (transaction) => {
    await lockOrders(transaction)
    const order = await selectOrder(transaction, id)
    if (order === undefined)
      throw new Problem(
        'not_found',
        'lanes.no_such_order',
        'There is no order with this id. GET /v1/lanes/orders lists them.',
      )
    const now = deps.clock.now()
    await deleteOrderRow(transaction, id)
    if (order.paused !== null) await flushWaiting(transaction, actor, order, now)
    const subject = wordsOf(order)
    const entry = { action: 'lanes.delete_order', subject, before: fieldsOf(order), after: null }
    await recordAudit(transaction, actor, entry, now)
  })
}

/** Changes the order of a target, makes it or, when it says nothing any more, deletes it: with its audit entry. */
async function change(
  deps: Deps,
  actor: Actor,
  verb: string,
  target: LaneTarget,
  changed: (order: OrderFields, now: Date) => OrderFields,
  assertPossible: (transaction: Transaction, place: OrderPlace) => Promise<void> = async () => undefined,
): Promise<LaneOrder | null> {
  return asTenant(deps.db, actor.tenantId, async (transaction) => {
    const now = deps.clock.now()
    const place = await placeOf(transaction, target)
    await assertPossible(transaction, place)
    await lockOrders(transaction)
    const found = await selectOrderAt(transaction, place)
    const before = found === undefined ? undefined : inForce(found, now)
    const after = changed(before === undefined ? NO_ORDER : fieldsOf(before), now)
    const order = saysNothing(after) ? null : await saveOrder(transaction, place, after, now)
    if (order === null && found !== undefined) await deleteOrderRow(transaction, found.id)
    if (before?.paused != null && after.paused === null) await flushWaiting(transaction, actor, place, now)
    const entry = {
      action: `lanes.${verb}`,
      subject: wordsOf(target),
      before: before === undefined ? null : fieldsOf(before),
      after: order === null ? null : fieldsOf(order),
    }
    await recordAudit(transaction, actor, entry, now)
    return order
  })
}

/** What was given back while nobody could say for how long is looked at now, not in a minute. */
async function flushWaiting(
  transaction: Transaction,
  actor: Actor,
  { mode, provider }: Pick<OrderPlace, 'mode' | 'provider'>,
  now: Date,
): Promise<void> {
  const id = await findDestination(transaction, mode, provider)
  if (id !== undefined) await flushDestination(transaction, actor.tenantId, { id, mode, provider }, now)
}

/** Problems `lanes.no_such_provider` and `lanes.no_such_source`: a slip must not be an order about nothing. */
async function placeOf(
  transaction: Transaction,
  { mode, provider, source }: LaneTarget,
): Promise<OrderPlace> {
  if ((await findDestination(transaction, mode, provider)) === undefined)
    throw new Problem(
      'not_found',
      'lanes.no_such_provider',
      `Nothing has been sent to a provider ${provider} in mode ${mode}. GET /v1/lanes shows how providers are called.`,
    )
  if (source === undefined) return { mode, provider, sourceId: null }
  const sourceId = await selectSourceId(transaction, source)
  if (sourceId !== undefined) return { mode, provider, sourceId }
  throw new Problem('not_found', 'lanes.no_such_source', `There is no source called ${source}.`)
}

function fieldsOf({ paused, messages_per_minute, until, probe_at }: OrderFields): OrderFields {
  return { paused, messages_per_minute, until, probe_at }
}
