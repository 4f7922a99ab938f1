import { sql } from 'kysely'
import type { SendingMode } from '#platform/postgres/database.gen.ts'
import type { Db, Transaction } from '#platform/postgres/database.ts'
import { SUPPRESSIONS_CHANNEL } from './suppression.ts'
import type { NewSuppression, Suppression, SuppressionReason } from './suppression.ts'

const columns = sql`id, address_key as email, list_id, reason, mode, message_id, note, created_at, expires_at, held_at`

export type SuppressionRow = NewSuppression & { readonly tenantId: string }

/**
 * Adds what is new. Of two suppressions of one address the stronger reason stays (a complaint before an unsubscription
 * before a bounce before a person's note), and the later end. One that is over, or held back, gives way to a new one; a held
 * one never changes one that is in force. What is in force is announced.
 */
export async function insertSuppressions(
  db: Transaction,
  rows: readonly SuppressionRow[],
  now: Date,
): Promise<Suppression[]> {
  const column = <T>(pick: (row: SuppressionRow) => T): T[] => rows.map(pick)
  const isOver = sql`(s.expires_at is not null and s.expires_at <= ${now})`
  const givesWay = sql`(${isOver} or s.held_at is not null)`
  const added = await sql<Suppression>`
    with given as (
      select * from unnest(
        ${column((r) => r.tenantId)}::uuid[], ${column((r) => r.addressKey)}::text[], ${column((r) => r.listId)}::uuid[],
        ${column((r) => r.reason)}::suppression_reason[], ${column((r) => r.mode ?? null)}::sending_mode[],
        ${column((r) => r.messageId ?? null)}::uuid[], ${column((r) => r.note ?? null)}::text[],
        ${column((r) => r.expiresAt ?? null)}::timestamptz[], ${column((r) => r.heldAt ?? null)}::timestamptz[]
      ) as g (tenant_id, address_key, list_id, reason, mode, message_id, note, expires_at, held_at)
    )
    insert into suppressions as s (tenant_id, address_key, list_id, reason, mode, message_id, note, created_at, expires_at, held_at)
    select tenant_id, address_key, list_id, reason, mode, message_id, note, ${now}, expires_at, held_at
      from given order by tenant_id, address_key, list_id, mode
    on conflict (tenant_id, address_key, list_id, mode) do update
       set reason = case when ${givesWay} or ${strength(sql`excluded.reason`)} > ${strength(sql`s.reason`)} then excluded.reason else s.reason end,
           message_id = case when ${givesWay} then excluded.message_id else coalesce(s.message_id, excluded.message_id) end,
           note = case when ${givesWay} then excluded.note else coalesce(excluded.note, s.note) end,
           created_at = case when ${givesWay} then excluded.created_at else s.created_at end,
           expires_at = case when ${givesWay} then excluded.expires_at
                             when s.expires_at is null or excluded.expires_at is null then null
                             else greatest(s.expires_at, excluded.expires_at) end,
           held_at = excluded.held_at
     where excluded.held_at is null or ${isOver}
    returning ${columns}`.execute(db)
  const inForce = rows.filter((row) => (row.heldAt ?? null) === null)
  await announce(
    db,
    inForce.map((row) => wordOf(row, false)),
  )
  return added.rows
}

function wordOf(row: SuppressionRow, isLifted: boolean): object {
  return {
    tenant_id: row.tenantId,
    address_key: row.addressKey,
    list_id: row.listId,
    mode: row.mode ?? null,
    expires_at: row.expiresAt ?? null,
    is_lifted: isLifted,
  }
}

/** Tells processes that have messages in hand, when the transaction commits, that these hold no more. */
export async function announceLifted(
  db: Transaction,
  lifted: readonly Omit<SuppressionRow, 'reason'>[],
): Promise<void> {
  await announce(
    db,
    lifted.map((row) => wordOf({ ...row, reason: 'manual' }, true)),
  )
}

async function announce(db: Transaction, words: readonly object[]): Promise<void> {
  if (words.length === 0) return
  await sql`
    select pg_notify(${SUPPRESSIONS_CHANNEL}, word)
      from unnest(${words.map((word) => JSON.stringify(word))}::text[]) as word`.execute(db)
}

function strength(reason: ReturnType<typeof sql>) {
  return sql`array_position(array['manual', 'soft_bounce', 'hard_bounce', 'unsubscribed', 'complaint'], (${reason})::text)`
}

export interface Pairs {
  readonly tenantIds: readonly string[]
  readonly addressKeys: readonly string[]
  /** null: only what holds everywhere. */
  readonly listIds: readonly (string | null)[]
  /** The mode of the mail; null: only what holds for all mail. */
  readonly modes: readonly (SendingMode | null)[]
}

/** Of pairs given as columns, the positions (from 0) of the suppressed ones, each with a reason. */
export async function selectSuppressed(
  db: Db,
  pairs: Pairs,
  at: Date,
): Promise<{ index: number; reason: SuppressionReason }[]> {
  const found = await sql<{ index: number; reason: SuppressionReason }>`
    select distinct on (r.n) (r.n - 1)::int as index, x.reason
      from unnest(${pairs.tenantIds}::uuid[], ${pairs.addressKeys}::text[], ${pairs.listIds}::uuid[], ${pairs.modes}::sending_mode[])
           with ordinality as r (tenant_id, address_key, list_id, mode, n)
      join suppressions x on x.tenant_id = r.tenant_id and x.address_key = r.address_key
       and (x.list_id is null or x.list_id = r.list_id) and (x.mode is null or x.mode = r.mode)
       and x.held_at is null and (x.expires_at is null or x.expires_at > ${at})
     order by r.n, ${strength(sql`x.reason`)} desc`.execute(db)
  return found.rows
}

/**
 * Of many addresses of one tenant (a binary text[]), those that are suppressed for all mail, and whether their owner
 * unsubscribed.
 */
export async function selectSuppressedKeys(
  db: Transaction,
  wanted: { readonly tenantId: string; readonly listId: string; readonly keys: Buffer },
  at: Date,
): Promise<{ key: string; unsubscribed: boolean }[]> {
  const any = await sql`select from suppressions where tenant_id = ${wanted.tenantId} limit 1`.execute(db)
  if (any.rows.length === 0) return []
  const found = await sql<{ key: string; unsubscribed: boolean }>`
    select x.address_key as key, bool_or(x.reason = 'unsubscribed') as unsubscribed
      from suppressions x
     where x.tenant_id = ${wanted.tenantId} and x.address_key = any (${wanted.keys}::text[])
       and (x.list_id is null or x.list_id = ${wanted.listId}) and x.mode is null
       and x.held_at is null and (x.expires_at is null or x.expires_at > ${at})
     group by x.address_key`.execute(db)
  return found.rows
}

export interface SuppressionFilter {
  readonly addressKey: string | null
  /** What the address begins with, and its domain, both folded. */
  readonly prefix: string | null
  readonly domain: string | null
  readonly reason: SuppressionReason | null
  readonly listId: string | null
  readonly since: Date | null
  /** Only those that are held back (true) or are not (false). */
  readonly isHeld: boolean | null
}

/** Newest first. */
export async function listSuppressions(
  db: Transaction,
  filter: SuppressionFilter,
  page: { readonly after: string | null; readonly rows: number },
): Promise<Suppression[]> {
  const conditions = [
    sql`tenant_id = current_tenant()`,
    ...(filter.addressKey === null ? [] : [sql`address_key = ${filter.addressKey}`]),
    ...(filter.prefix === null ? [] : [sql`address_key like ${`${escapeLike(filter.prefix)}%`}`]),
    ...(filter.domain === null ? [] : [sql`split_part(address_key, '@', -1) = ${filter.domain}`]),
    ...(filter.reason === null ? [] : [sql`reason = ${filter.reason}::suppression_reason`]),
    ...(filter.listId === null ? [] : [sql`list_id = ${filter.listId}`]),
    ...(filter.since === null ? [] : [sql`created_at >= ${filter.since}`]),
    ...(filter.isHeld === null ? [] : [sql`(held_at is not null) = ${filter.isHeld}`]),
    ...(page.after === null ? [] : [sql`id < ${page.after}`]),
  ]
  const found = await sql<Suppression>`
    select ${columns} from suppressions where ${sql.join(conditions, sql` and `)} order by id desc limit ${page.rows}`.execute(
    db,
  )
  return found.rows
}

function escapeLike(text: string): string {
  return text.replaceAll(/[\\%_]/g, '\\$&')
}

/** Returns what there was. */
export async function deleteSuppression(db: Transaction, id: string): Promise<Suppression | undefined> {
  const gone = await sql<Suppression>`delete from suppressions where id = ${id} returning ${columns}`.execute(
    db,
  )
  return gone.rows[0]
}

/** Takes back unsubscriptions of an address (all other reasons stay); returns which. */
export async function deleteUnsubscriptions(
  db: Transaction,
  addressKeys: readonly string[],
  listId: string | null,
): Promise<Suppression[]> {
  const gone = await sql<Suppression>`
    delete from suppressions
     where tenant_id = current_tenant() and address_key = any (${addressKeys}::text[])
       and list_id is not distinct from ${listId}::uuid and reason = 'unsubscribed'
    returning ${columns}`.execute(db)
  return gone.rows
}
