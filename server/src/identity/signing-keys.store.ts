import { sql } from 'kysely'
import type { Db, Transaction } from '#platform/postgres/database.ts'

export interface SigningKeyRow {
  readonly id: string
  readonly algorithm: string
  readonly public_key: string
  readonly private_key_encrypted: Buffer
}

/** Newest first. */
export async function selectSigningKeys(db: Db): Promise<SigningKeyRow[]> {
  const { rows } = await sql<SigningKeyRow>`
    select id, algorithm, public_key, private_key_encrypted from signing_keys order by created_at desc, id desc`.execute(
    db,
  )
  return rows
}

export async function insertSigningKey(
  transaction: Transaction,
  row: SigningKeyRow,
  at: Date,
): Promise<void> {
  await sql`
    insert into signing_keys (id, algorithm, public_key, private_key_encrypted, created_at)
    values (${row.id}, ${row.algorithm}, ${row.public_key}, ${row.private_key_encrypted}, ${at})`.execute(
    transaction,
  )
}

/** Processes that start together take turns, so that the second finds the key of the first. */
export async function lockSigningKeys(transaction: Transaction): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended('pigeon.signing_keys', 0))`.execute(transaction)
}
