import { sql } from 'kysely'
import type { WebhookEventName } from '#events/webhook-events.ts'
import type { Db, Transaction } from '#platform/postgres/database.ts'
import type { Webhook } from './webhook.ts'

const COLUMNS =
  sql.raw(`id, url, description, events, disabled_at is null as enabled, disabled_at, disabled_reason,
  failing_since, previous_secret_until, created_at, updated_at`)

export interface NewWebhookRow {
  readonly id: string
  readonly tenantId: string
  readonly url: string
  readonly description: string | null
  readonly events: readonly WebhookEventName[] | null
  readonly secret: Buffer
}

export async function insertWebhook(db: Transaction, row: NewWebhookRow, at: Date): Promise<Webhook> {
  const { rows } = await sql<Webhook>`
    insert into webhooks (id, tenant_id, url, description, events, secret, created_at, updated_at)
    values (${row.id}, ${row.tenantId}, ${row.url}, ${row.description}, ${listOf(row.events)}::text[], ${row.secret}, ${at}, ${at})
    returning ${COLUMNS}`.execute(db)
  return firstOf(rows)
}

/** Of the transaction's tenant. */
export async function countWebhooks(db: Transaction): Promise<number> {
  const { rows } = await sql<{
    count: number
  }>`select count(*) as count from webhooks where deleted_at is null`.execute(db)
  return rows[0]?.count ?? 0
}

/** One at a time makes webhooks for a tenant, so that they can be counted. */
export async function lockWebhooks(db: Transaction, tenantId: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`webhooks ${tenantId}`}, 0))`.execute(db)
}

export async function selectWebhook(
  db: Transaction,
  id: string,
  { lock = false }: { lock?: boolean } = {},
): Promise<Webhook | undefined> {
  const { rows } = await sql<Webhook>`
    select ${COLUMNS} from webhooks where id = ${id} and deleted_at is null ${lock ? sql`for no key update` : sql``}`.execute(
    db,
  )
  return rows[0]
}

/** Newest first. */
export async function selectWebhooks(
  db: Transaction,
  page: { readonly after: string | null; readonly rows: number },
): Promise<Webhook[]> {
  const { rows } = await sql<Webhook>`
    select ${COLUMNS} from webhooks
     where deleted_at is null and (${page.after}::uuid is null or id < ${page.after}::uuid)
     order by id desc limit ${page.rows}`.execute(db)
  return rows
}

export interface WebhookFields {
  readonly url: string
  readonly description: string | null
  readonly events: readonly WebhookEventName[] | null
  readonly enabled: boolean
}

/** Enabling it forgets why it was disabled, and since when it has failed. */
export async function updateWebhookRow(
  db: Transaction,
  id: string,
  fields: WebhookFields,
  at: Date,
): Promise<Webhook> {
  const { rows } = await sql<Webhook>`
    update webhooks
       set url = ${fields.url}, description = ${fields.description}, events = ${listOf(fields.events)}::text[],
           disabled_at = case when ${fields.enabled} then null else coalesce(disabled_at, ${at}) end,
           disabled_reason = case when ${fields.enabled} then null else disabled_reason end,
           failing_since = case when ${fields.enabled} and disabled_at is not null then null else failing_since end,
           updated_at = ${at}
     where id = ${id} returning ${COLUMNS}`.execute(db)
  return firstOf(rows)
}

/** The secret that was there goes on to be valid until then. */
export async function updateSecret(
  db: Transaction,
  id: string,
  secret: Buffer,
  previousUntil: Date,
  at: Date,
): Promise<Webhook> {
  const { rows } = await sql<Webhook>`
    update webhooks
       set previous_secret = secret, previous_secret_until = ${previousUntil}, secret = ${secret}, updated_at = ${at}
     where id = ${id} returning ${COLUMNS}`.execute(db)
  return firstOf(rows)
}

export async function markDeleted(db: Transaction, id: string, at: Date): Promise<void> {
  await sql`update webhooks set deleted_at = ${at}, updated_at = ${at} where id = ${id}`.execute(db)
}

export async function hasWebhooks(db: Db): Promise<boolean> {
  const { rows } = await sql<{ some: boolean }>`
    select exists (select from webhooks where disabled_at is null and deleted_at is null) as some`.execute(db)
  return rows[0]?.some === true
}

export interface Listener {
  readonly id: string
  readonly tenant_id: string
  readonly events: string[] | null
}

/** Who listens, of these tenants. With `hold` none of them is deleted before the transaction ends. */
export async function selectListeners(
  db: Db,
  tenantIds: readonly string[],
  { hold = false }: { hold?: boolean } = {},
): Promise<Listener[]> {
  const { rows } = await sql<Listener>`
    select id, tenant_id, events from webhooks
     where tenant_id = any(${[...tenantIds]}::uuid[]) and disabled_at is null and deleted_at is null
     order by id ${hold ? sql`for key share` : sql``}`.execute(db)
  return rows
}

/** To whom messages went. */
export async function selectRecipients(db: Db, messageIds: readonly string[]): Promise<Map<string, string>> {
  const { rows } = await sql<{ id: string; recipient: string }>`
    select id, recipient from messages where id = any(${[...messageIds]}::uuid[])`.execute(db)
  return new Map(rows.map((row) => [row.id, row.recipient]))
}

function listOf(events: readonly WebhookEventName[] | null): string[] | null {
  return events === null ? null : [...events]
}

function firstOf(rows: readonly Webhook[]): Webhook {
  const [row] = rows
  if (row === undefined) throw new Error('A statement that returns the webhook returned none.')
  return row
}
