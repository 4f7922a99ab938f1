import { sql } from 'kysely'
import type { Db, Transaction } from '#platform/postgres/database.ts'
import { SUPPRESSIONS_CHANNEL } from './suppression.ts'
import type { NewSuppression, Suppression, SuppressionReason } from './suppression.ts'

const columns = sql`id, address_key as email, list_id, reason, message_id, note, created_at, expires_at`

/**
 * Adds what is new. Of two suppressions of one address the stronger reason stays (a complaint before an unsubscription
 * before a bounce before a person's note), and the later end. Everything that was given is announced.
 */
export async function insertSuppressions(
  db: Transaction,
  tenantId: string,
  entries: readonly NewSuppression[],
  now: Date,
): Promise<Suppression[]> {
  const added = await sql<Suppression>`
    with given as (
      select * from unnest(
        ${entries.map((e) => e.addressKey)}::text[], ${entries.map((e) => e.listId)}::uuid[],
        ${entries.map((e) => e.reason)}::suppression_reason[], ${entries.map((e) => e.messageId ?? null)}::uuid[],
        ${entries.map((e) => e.note ?? null)}::text[], ${entries.map((e) => e.expiresAt ?? null)}::timestamptz[]
      ) as g (address_key, list_id, reason, message_id, note, expires_at)
    )
    insert into suppressions as s (tenant_id, address_key, list_id, reason, message_id, note, created_at, expires_at)
    select ${tenantId}, address_key, list_id, reason, message_id, note, ${now}, expires_at from given order by address_key, list_id
    on conflict (tenant_id, address_key, list_id) do update
       set reason = case when ${strength(sql`excluded.reason`)} > ${strength(sql`s.reason`)} then excluded.reason else s.reason end,
           message_id = coalesce(s.message_id, excluded.message_id),
           note = coalesce(excluded.note, s.note),
           expires_at = case when s.expires_at is null or excluded.expires_at is null then null
                             else greatest(s.expires_at, excluded.expires_at) end
    returning ${columns}`.execute(db)
  await sql`
    select pg_notify(${SUPPRESSIONS_CHANNEL},
                     json_build_object('tenant_id', ${tenantId}::uuid, 'address_key', address_key, 'list_id', list_id)::text)
      from unnest(${entries.map((e) => e.addressKey)}::text[], ${entries.map((e) => e.listId)}::uuid[]) as g (address_key, list_id)`.execute(
    db,
  )
  return added.rows
}

function strength(reason: ReturnType<typeof sql>) {
  return sql`array_position(array['manual', 'hard_bounce', 'unsubscribed', 'complaint'], (${reason})::text)`
}

export interface Pairs {
  readonly tenantIds: readonly string[]
  readonly addressKeys: readonly string[]
  /** null: only what holds everywhere. */
  readonly listIds: readonly (string | null)[]
}

/** Of pairs given as columns, the positions (from 0) of the suppressed ones, each with a reason. */
export async function selectSuppressed(
  db: Db,
  pairs: Pairs,
  at: Date,
): Promise<{ index: number; reason: SuppressionReason }[]> {
  const found = await sql<{ index: number; reason: SuppressionReason }>`
    select distinct on (r.n) (r.n - 1)::int as index, x.reason
      from unnest(${pairs.tenantIds}::uuid[], ${pairs.addressKeys}::text[], ${pairs.listIds}::uuid[])
           with ordinality as r (tenant_id, address_key, list_id, n)
      join suppressions x on x.tenant_id = r.tenant_id and x.address_key = r.address_key
       and (x.list_id is null or x.list_id = r.list_id) and (x.expires_at is null or x.expires_at > ${at})
     order by r.n, ${strength(sql`x.reason`)} desc`.execute(db)
  return found.rows
}

/** Of many addresses of one tenant (a binary text[]), the suppressed ones and whether their owner unsubscribed. */
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
       and (x.list_id is null or x.list_id = ${wanted.listId}) and (x.expires_at is null or x.expires_at > ${at})
     group by x.address_key`.execute(db)
  return found.rows
}

export interface SuppressionFilter {
  readonly addressKey: string | null
  readonly listId: string | null
  readonly after: string | null
  readonly rows: number
}

/** Newest first. */
export async function listSuppressions(db: Transaction, filter: SuppressionFilter): Promise<Suppression[]> {
  const found = await sql<Suppression>`
    select ${columns} from suppressions
     where tenant_id = current_tenant()
       and (${filter.addressKey}::text is null or address_key = ${filter.addressKey})
       and (${filter.listId}::uuid is null or list_id = ${filter.listId})
       and (${filter.after}::uuid is null or id < ${filter.after})
     order by id desc limit ${filter.rows}`.execute(db)
  return found.rows
}

export async function deleteSuppression(db: Transaction, id: string): Promise<boolean> {
  const gone = await sql`delete from suppressions where id = ${id}`.execute(db)
  return (gone.numAffectedRows ?? 0n) > 0n
}

/** Takes back unsubscriptions of an address (all other reasons stay); returns how many. */
export async function deleteUnsubscriptions(
  db: Transaction,
  addressKeys: readonly string[],
  listId: string | null,
): Promise<number> {
  const gone = await sql`
    delete from suppressions
     where tenant_id = current_tenant() and address_key = any (${addressKeys}::text[])
       and list_id is not distinct from ${listId}::uuid and reason = 'unsubscribed'`.execute(db)
  return Number(gone.numAffectedRows ?? 0n)
}
