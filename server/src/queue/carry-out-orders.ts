import { LIMITS } from '#campaigns/campaign.ts'
import { requeueMessages } from '#campaigns/requeue-messages.ts'
import { activeCampaigns, cancelWaiting, type QueuePart } from '#campaigns/progress.ts'
import type { Clock } from '#platform/clock.ts'
import type { Database, Transaction } from '#platform/postgres/database.ts'
import type { Stream } from '#platform/stream/stream.ts'
import { addDone, deleteCompleted, lockOpenOrder, makeDue, type QueueOrder } from './orders.store.ts'

export interface OrderDeps {
  readonly db: Database
  readonly stream: Stream
  readonly clock: Clock
}

/** Messages that one transaction makes due. */
const FLUSH_CHUNK = 2_000
/** How long an order can be asked about when it is done. */
const KEPT_MS = 30 * 86_400_000

interface Step {
  /** Messages that it was about. */
  readonly count: number
  /** How far a retry has read its campaign. */
  readonly cursor: string | null
  readonly isLast: boolean
}

/**
 * Does one chunk of the oldest order about what waits or has ended, of any tenant; returns how many messages that was, and
 * one for a chunk of which none was meant. What has come to wait since the order was given is not its business.
 */
export async function carryOutQueueOrders(deps: OrderDeps): Promise<number> {
  return deps.db.transaction().execute(async (transaction) => {
    const order = await lockOpenOrder(transaction)
    if (order === undefined) return 0
    const { count, cursor, isLast } = await STEPS[order.action](deps, transaction, order)
    await addDone(transaction, order.id, { count, cursor, completedAt: isLast ? deps.clock.now() : null })
    return isLast ? count : Math.max(1, count)
  })
}

type StepOf = (deps: OrderDeps, transaction: Transaction, order: QueueOrder) => Promise<Step>

const STEPS: Readonly<Record<QueueOrder['action'], StepOf>> = {
  flush: async (_deps, transaction, order) => {
    const part = await partOf(transaction, order)
    const count = await makeDue(transaction, part, FLUSH_CHUNK, order.created_at)
    return { count, cursor: null, isLast: count < FLUSH_CHUNK }
  },
  purge: async (deps, transaction, order) => {
    const count = await cancelWaiting(deps, transaction, await partOf(transaction, order))
    return { count, cursor: null, isLast: count < LIMITS.cancelChunk }
  },
  retry: async (deps, transaction, { campaign_id: campaignId, provider, cursor: after }) => {
    if (campaignId === null) return { count: 0, cursor: null, isLast: true }
    const { count, cursor } = await requeueMessages(deps, transaction, { campaignId, provider, after })
    return { count, cursor, isLast: cursor === null }
  },
}

/** An order about nothing must not be one about everything. */
async function partOf(transaction: Transaction, order: QueueOrder): Promise<QueuePart> {
  const { destination, campaign_id: campaignId } = order
  if (campaignId !== null) return { queueIds: [campaignId], destination }
  if (destination === null) return { queueIds: [], destination }
  return { queueIds: (await activeCampaigns({ db: transaction })).map(({ id }) => id), destination }
}

/** Deletes orders that were done long ago. Returns how many. */
export function forgetQueueOrders(deps: Pick<OrderDeps, 'db' | 'clock'>): Promise<number> {
  return deleteCompleted(deps.db, new Date(deps.clock.now().getTime() - KEPT_MS))
}
