import { sql } from 'kysely'
import type { Db, Transaction } from '#platform/postgres/database.ts'
import type { SendingMode, UserRole, UserStatus } from '#platform/postgres/database.gen.ts'
import type { ApiKey } from './api-key.ts'

const COLUMNS = [
  'id',
  'user_id',
  'name',
  'prefix',
  'mode',
  'scopes',
  'expires_at',
  'last_used_at',
  'revoked_at',
  'created_at',
] as const

export interface NewApiKeyRow {
  readonly id: string
  readonly tenant_id: string
  readonly user_id: string
  readonly name: string
  readonly prefix: string
  readonly key_hash: Buffer
  readonly mode: SendingMode
  readonly scopes: string[]
  readonly expires_at: Date | null
  readonly created_at: Date
}

export async function insertApiKey(transaction: Transaction, row: NewApiKeyRow): Promise<ApiKey> {
  return transaction.insertInto('api_keys').values(row).returning(COLUMNS).executeTakeFirstOrThrow()
}

/** Newest first. */
export async function selectApiKeys(
  transaction: Transaction,
  tenantId: string,
  page: { after: string | null; rows: number },
): Promise<ApiKey[]> {
  let query = transaction.selectFrom('api_keys').select(COLUMNS).where('tenant_id', '=', tenantId)
  if (page.after !== null) query = query.where('id', '<', page.after)
  return query.orderBy('id', 'desc').limit(page.rows).execute()
}

/** The time of the first revocation is kept. Returns whether there is such a key. */
export async function revokeApiKeyRow(
  transaction: Transaction,
  key: { tenantId: string; id: string },
  at: Date,
): Promise<boolean> {
  const result = await transaction
    .updateTable('api_keys')
    .set((eb) => ({ revoked_at: eb.fn.coalesce('revoked_at', eb.val(at)) }))
    .where('tenant_id', '=', key.tenantId)
    .where('id', '=', key.id)
    .executeTakeFirst()
  return result.numUpdatedRows > 0n
}

export async function markApiKeyUsed(
  transaction: Transaction,
  key: { id: string; notSince: Date },
  at: Date,
): Promise<void> {
  await transaction
    .updateTable('api_keys')
    .set({ last_used_at: at })
    .where('id', '=', key.id)
    .where((eb) => eb.or([eb('last_used_at', 'is', null), eb('last_used_at', '<', key.notSince)]))
    .execute()
}

export interface FoundApiKey {
  readonly id: string
  readonly tenant_id: string
  readonly user_id: string
  readonly mode: SendingMode
  readonly scopes: string[]
  readonly expires_at: Date | null
  readonly revoked_at: Date | null
  readonly last_used_at: Date | null
  readonly role: UserRole
  readonly user_status: UserStatus
}

/** Before a tenant is known. */
export async function findApiKey(db: Db, hash: Buffer): Promise<FoundApiKey | undefined> {
  const { rows } = await sql<FoundApiKey>`
    select id, tenant_id, user_id, mode, scopes, expires_at, revoked_at, last_used_at, role, user_status
      from find_api_key(${hash})`.execute(db)
  return rows[0]
}
