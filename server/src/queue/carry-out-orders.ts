import { LIMITS } from '#campaigns/campaign.ts'
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

/**
 * Does one chunk of the oldest order about what waits, of any tenant; returns how many messages that was. An order is done
 * when a chunk is not full: what has waited since then is not its business.
 */
export async function carryOutQueueOrders(deps: OrderDeps): Promise<number> {
  return deps.db.transaction().execute(async (transaction) => {
    const order = await lockOpenOrder(transaction)
    if (order === undefined) return 0
    const isFlush = order.action === 'flush'
    const part = await partOf(transaction, order)
    const count = isFlush
      ? await makeDue(transaction, part, FLUSH_CHUNK, order.created_at)
      : await cancelWaiting(deps, transaction, part)
    const isDone = count < (isFlush ? FLUSH_CHUNK : LIMITS.cancelChunk)
    await addDone(transaction, order.id, count, isDone ? deps.clock.now() : null)
    return count
  })
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
