import { sql } from 'kysely'
import type { SendingMode } from '#platform/postgres/database.gen.ts'
import type { Db, Transaction } from '#platform/postgres/database.ts'
import type { Strikes } from './bounce-policy.ts'

/** Whose strikes: an address of a tenant, in one mode. */
export interface StrikeKey {
  readonly tenantId: string
  readonly mode: SendingMode
  readonly addressKey: string
}

export type StrikeRow = StrikeKey & Strikes

/** The strikes of each address, locked until the transaction ends; an address without any gets an empty row. */
export async function lockStrikes(
  transaction: Transaction,
  keys: readonly StrikeKey[],
  now: Date,
): Promise<StrikeRow[]> {
  const found = await sql<StrikeRow>`
    insert into bounce_strikes as b (tenant_id, mode, address_key, updated_at)
    select distinct on (tenant_id, mode, address_key) tenant_id, mode, address_key, ${now}::timestamptz
      from unnest(${keys.map((k) => k.tenantId)}::uuid[], ${keys.map((k) => k.mode)}::sending_mode[],
                  ${keys.map((k) => k.addressKey)}::text[]) as k (tenant_id, mode, address_key)
     order by tenant_id, mode, address_key
    on conflict (tenant_id, mode, address_key) do update set updated_at = excluded.updated_at
    returning tenant_id as "tenantId", mode, address_key as "addressKey", ambiguous_at as "ambiguousAt", soft_at as "softAt"`.execute(
    transaction,
  )
  return found.rows
}

export async function saveStrikes(transaction: Transaction, rows: readonly StrikeRow[]): Promise<void> {
  await sql`
    update bounce_strikes b set ambiguous_at = r."ambiguousAt", soft_at = r."softAt"
      from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
           as r ("tenantId" uuid, mode sending_mode, "addressKey" text, "ambiguousAt" timestamptz, "softAt" timestamptz[])
     where b.tenant_id = r."tenantId" and b.mode = r.mode and b.address_key = r."addressKey"`.execute(
    transaction,
  )
}

export async function deleteStrikes(transaction: Transaction, keys: readonly StrikeKey[]): Promise<void> {
  await sql`
    delete from bounce_strikes b
     using unnest(${keys.map((k) => k.tenantId)}::uuid[], ${keys.map((k) => k.mode)}::sending_mode[],
                  ${keys.map((k) => k.addressKey)}::text[]) as k (tenant_id, mode, address_key)
     where b.tenant_id = k.tenant_id and b.mode = k.mode and b.address_key = k.address_key`.execute(
    transaction,
  )
}

/**
 * Ends what was in doubt about the recipients of delivered messages: held suppressions go, and a refusal before counts no
 * more. Costs two look-ups while nothing is in doubt. `lower` stands for the folding of addresses that need no more.
 */
export async function endDoubts(transaction: Transaction, messageIds: readonly string[]): Promise<void> {
  await sql`
    with to_whom as materialized (
      select m.tenant_id, m.mode, lower(m.recipient) as address_key from messages m
       where m.id = any(${messageIds}::uuid[])
         and (exists (select from suppressions where held_at is not null)
              or exists (select from bounce_strikes where ambiguous_at is not null))
    ), released as (
      delete from suppressions s using to_whom t
       where s.tenant_id = t.tenant_id and s.address_key = t.address_key and s.held_at is not null
         and s.mode is not distinct from nullif(t.mode, 'live')
    )
    update bounce_strikes b set ambiguous_at = null from to_whom t
     where b.tenant_id = t.tenant_id and b.mode = t.mode and b.address_key = t.address_key
       and b.ambiguous_at is not null`.execute(transaction)
}

export async function deleteOldStrikes(db: Db, before: Date): Promise<void> {
  await sql`delete from bounce_strikes where updated_at < ${before}`.execute(db)
}
