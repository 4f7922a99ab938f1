import { sql } from 'kysely'
import type { SendingMode } from '#events/email-events.ts'
import type { Db, Transaction } from '#platform/postgres/database.ts'
import type { QueuePart } from '#campaigns/progress.ts'
import type { QueueAction } from '#platform/postgres/database.gen.ts'

export interface QueueOrder {
  readonly id: string
  readonly action: QueueAction
  readonly mode: SendingMode | null
  readonly provider: string | null
  readonly destination: number | null
  readonly campaign_id: string | null
  /** How far a retry has read the campaign. */
  readonly cursor: string | null
  /** Messages so far. */
  readonly done: number
  readonly created_at: Date
  readonly completed_at: Date | null
}

const COLUMNS = sql.raw(
  'id, action, mode, provider, destination, campaign_id, cursor, done, created_at, completed_at',
)

export type NewOrder = Pick<QueueOrder, 'action' | 'mode' | 'provider' | 'destination' | 'campaign_id'>

export async function insertOrder(
  transaction: Transaction,
  tenantId: string,
  order: NewOrder,
  at: Date,
): Promise<QueueOrder> {
  const { rows } = await sql<QueueOrder>`
    insert into queue_orders (tenant_id, action, mode, provider, destination, campaign_id, created_at)
    values (${tenantId}, ${order.action}::queue_action, ${order.mode}::sending_mode, ${order.provider}, ${order.destination},
            ${order.campaign_id}, ${at})
    returning ${COLUMNS}`.execute(transaction)
  const [made] = rows
  if (made === undefined) throw new Error('An order that was made did not come back.')
  return made
}

export async function selectQueueOrder(db: Db, id: string): Promise<QueueOrder | undefined> {
  const { rows } = await sql<QueueOrder>`select ${COLUMNS} from queue_orders where id = ${id}`.execute(db)
  return rows[0]
}

/** The oldest that is not done, for this transaction alone. */
export async function lockOpenOrder(transaction: Transaction): Promise<QueueOrder | undefined> {
  const { rows } = await sql<QueueOrder>`
    select ${COLUMNS} from queue_orders where completed_at is null order by created_at limit 1
       for update skip locked`.execute(transaction)
  return rows[0]
}

export interface OrderStep {
  readonly count: number
  readonly cursor: string | null
  readonly completedAt: Date | null
}

export async function addDone(
  transaction: Transaction,
  id: string,
  { count, cursor, completedAt }: OrderStep,
): Promise<void> {
  await sql`
    update queue_orders set done = done + ${count}, cursor = coalesce(${cursor}, cursor), completed_at = ${completedAt} where id = ${id}`.execute(
    transaction,
  )
}

/** Returns how many. */
export async function deleteCompleted(db: Db, before: Date): Promise<number> {
  const gone = await sql`delete from queue_orders where completed_at < ${before}`.execute(db)
  return Number(gone.numAffectedRows ?? 0n)
}

/** What waits of a campaign of the transaction's tenant: at most `most` + 1 rows are read. */
export async function countOfCampaign(
  transaction: Transaction,
  campaignId: string,
  destination: number | null,
  most: number,
): Promise<number> {
  const toThere = destination === null ? sql`` : sql`and destination = ${destination}`
  const { rows } = await sql<{ count: number }>`
    select count(*) as count from (
      select from deliveries where queue_id = ${campaignId} ${toThere} and claimed_epoch is null limit ${most + 1}) d`.execute(
    transaction,
  )
  return rows[0]?.count ?? 0
}

/**
 * Makes due what waits for a later try, up to `limit`: one that was never tried does not grow old, and so begins its life
 * again. Returns how many. Destination by destination, because the index is sorted so.
 */
export async function makeDue(
  transaction: Transaction,
  { queueIds, destination }: QueuePart,
  limit: number,
  at: Date,
): Promise<number> {
  const wanted = destination === null ? sql`true` : sql`id = ${destination}`
  const changed = await sql`
    with waiting as materialized (
      select d.message_id from unnest(${[...queueIds]}::uuid[]) as q(id)
       cross join (select id from destinations where ${wanted}) t
       cross join lateral (
         select message_id from deliveries
          where queue_id = q.id and destination = t.id and claimed_epoch is null and due_at > ${at}
          order by due_at limit ${limit} for update skip locked) d
       limit ${limit})
    update deliveries set due_at = ${at}, expires_at = case attempt when 0 then null else expires_at end
     where message_id = any(array(select message_id from waiting))`.execute(transaction)
  return Number(changed.numAffectedRows ?? 0n)
}
