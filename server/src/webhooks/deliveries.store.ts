import { sql } from 'kysely'
import type { Transaction } from '#platform/postgres/database.ts'
import type { WebhookDeliveryState } from '#platform/postgres/database.gen.ts'

/** One event for one webhook. */
export interface Delivery {
  readonly id: string
  readonly webhook_id: string
  readonly event: string
  readonly subject_id: string
  readonly state: WebhookDeliveryState
  readonly attempts: number
  /** When it is tried next; null: it is not. */
  readonly next_attempt_at: Date | null
  readonly last_status: number | null
  readonly last_error: string | null
  readonly created_at: Date
  readonly completed_at: Date | null
}

const COLUMNS = sql.raw(`id, webhook_id, event, subject_id, state, attempts,
  case when state = 'pending' then due_at end as next_attempt_at, last_status, last_error, created_at, completed_at`)

export interface DeliveryFilter {
  readonly state: WebhookDeliveryState | null
  readonly event: string | null
  readonly subjectId: string | null
}

/** Of a webhook, newest first. */
export async function selectDeliveries(
  db: Transaction,
  webhookId: string,
  filter: DeliveryFilter,
  page: { readonly after: string | null; readonly rows: number },
): Promise<Delivery[]> {
  const { rows } = await sql<Delivery>`
    select ${COLUMNS} from webhook_deliveries
     where webhook_id = ${webhookId} and (${page.after}::uuid is null or id < ${page.after}::uuid)
       and (${filter.state}::webhook_delivery_state is null or state = ${filter.state}::webhook_delivery_state)
       and (${filter.event}::text is null or event = ${filter.event})
       and (${filter.subjectId}::uuid is null or subject_id = ${filter.subjectId}::uuid)
     order by id desc limit ${page.rows}`.execute(db)
  return rows
}

export async function selectDelivery(
  db: Transaction,
  key: DeliveryKey,
): Promise<(Delivery & { readonly payload: string }) | undefined> {
  const { rows } = await sql<Delivery & { payload: string }>`
    select ${COLUMNS}, payload from webhook_deliveries where id = ${key.id} and webhook_id = ${key.webhookId}`.execute(
    db,
  )
  return rows[0]
}

export interface DeliveryKey {
  readonly webhookId: string
  readonly id: string
}

export interface Attempt {
  readonly number: number
  readonly url: string
  readonly at: Date
  readonly duration_ms: number
  readonly status: number | null
  readonly response: string | null
  readonly error: string | null
}

/** In their order. */
export async function selectAttempts(db: Transaction, deliveryId: string): Promise<Attempt[]> {
  const { rows } = await sql<Attempt>`
    select number, url, at, duration_ms, status, response, error from webhook_attempts
     where delivery_id = ${deliveryId} order by number limit 1000`.execute(db)
  return rows
}

/** A delivery is due at once, at the beginning of its schedule. */
const AGAIN = (at: Date) => sql`state = 'pending', tries = 0, due_at = ${at}, completed_at = null`

export async function replayOne(db: Transaction, key: DeliveryKey, at: Date): Promise<Delivery | undefined> {
  const { rows } = await sql<Delivery>`
    update webhook_deliveries set ${AGAIN(at)}
     where id = ${key.id} and webhook_id = ${key.webhookId} returning ${COLUMNS}`.execute(db)
  return rows[0]
}

export interface ReplayRange {
  /** Null: what was delivered and what has failed. */
  readonly state: 'delivered' | 'failed' | null
  readonly event: string | null
  readonly from: Date | null
  readonly to: Date | null
}

/** The oldest of them, at most `limit`. Returns how many. */
export async function replayMany(
  db: Transaction,
  webhookId: string,
  range: ReplayRange,
  limit: number,
  at: Date,
): Promise<number> {
  const again = await sql`
    update webhook_deliveries set ${AGAIN(at)}
     where id in (
       select id from webhook_deliveries
        where webhook_id = ${webhookId} and state <> 'pending'
          and (${range.state}::webhook_delivery_state is null or state = ${range.state}::webhook_delivery_state)
          and (${range.event}::text is null or event = ${range.event})
          and (${range.from}::timestamptz is null or created_at >= ${range.from})
          and (${range.to}::timestamptz is null or created_at < ${range.to})
        order by id limit ${limit})`.execute(db)
  return Number(again.numAffectedRows ?? 0n)
}

export async function insertTest(
  db: Transaction,
  row: {
    readonly id: string
    readonly tenantId: string
    readonly webhookId: string
    readonly payload: string
  },
  at: Date,
): Promise<Delivery> {
  const { rows } = await sql<Delivery>`
    insert into webhook_deliveries (id, tenant_id, webhook_id, event, subject_id, payload, due_at, created_at)
    values (${row.id}, ${row.tenantId}, ${row.webhookId}, 'webhook.test', ${row.webhookId}, ${row.payload}, ${at}, ${at})
    returning ${COLUMNS}`.execute(db)
  const [made] = rows
  if (made === undefined) throw new Error('A statement that returns the delivery returned none.')
  return made
}
