import { sql } from 'kysely'
import type { Db, Transaction } from '#platform/postgres/database.ts'
import type { UserRole, UserStatus } from '#platform/postgres/database.gen.ts'
import type { User } from './user.ts'

const COLUMNS = ['id', 'email', 'first_name', 'last_name', 'role', 'status', 'created_at'] as const

export interface UserRow {
  readonly id: string
  readonly tenantId: string
  readonly email: string
  readonly emailKey: string
  readonly passwordHash: string
  readonly firstName: string | null
  readonly lastName: string | null
  readonly role: UserRole
}

export async function insertUser(transaction: Transaction, user: UserRow, at: Date): Promise<User> {
  return transaction
    .insertInto('users')
    .values({
      id: user.id,
      tenant_id: user.tenantId,
      email: user.email,
      email_key: user.emailKey,
      password_hash: user.passwordHash,
      first_name: user.firstName,
      last_name: user.lastName,
      role: user.role,
      created_at: at,
      updated_at: at,
    })
    .returning(COLUMNS)
    .executeTakeFirstOrThrow()
}

export async function selectUser(db: Db, id: string): Promise<User | undefined> {
  return db.selectFrom('users').select(COLUMNS).where('id', '=', id).executeTakeFirst()
}

export interface Login {
  readonly user_id: string
  readonly tenant_id: string
  readonly password_hash: string
  readonly status: UserStatus
}

/** Before a tenant is known. */
export async function findLogin(db: Db, emailKey: string): Promise<Login | undefined> {
  const { rows } = await sql<Login>`
    select user_id, tenant_id, password_hash, status from find_login(${emailKey})`.execute(db)
  return rows[0]
}

export async function hasOwner(db: Db): Promise<boolean> {
  const { rows } = await sql<{ found: boolean }>`select has_owner() as found`.execute(db)
  return rows[0]?.found === true
}

/** Waits until no other set-up is under way; held until the transaction ends. */
export async function lockSetup(transaction: Transaction): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended('pigeon.setup', 0))`.execute(transaction)
}
