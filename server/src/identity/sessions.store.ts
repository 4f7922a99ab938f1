import { sql } from 'kysely'
import type { Db, Transaction } from '#platform/postgres/database.ts'
import type { UserRole, UserStatus } from '#platform/postgres/database.gen.ts'

export interface SessionRow {
  readonly id: string
  readonly tenantId: string
  readonly userId: string
  readonly createdAt: Date
  readonly expiresAt: Date
}

export async function insertSession(transaction: Transaction, session: SessionRow): Promise<void> {
  await transaction
    .insertInto('sessions')
    .values({
      id: session.id,
      tenant_id: session.tenantId,
      user_id: session.userId,
      created_at: session.createdAt,
      expires_at: session.expiresAt,
    })
    .execute()
}

export async function revokeSession(transaction: Transaction, id: string, at: Date): Promise<void> {
  await transaction
    .updateTable('sessions')
    .set({ revoked_at: at })
    .where('id', '=', id)
    .where('revoked_at', 'is', null)
    .execute()
}

export interface FoundSession {
  readonly tenant_id: string
  readonly user_id: string
  readonly expires_at: Date
  readonly revoked_at: Date | null
  readonly role: UserRole
  readonly status: UserStatus
}

/** Before a tenant is known. */
export async function findSession(db: Db, id: string): Promise<FoundSession | undefined> {
  const { rows } = await sql<FoundSession>`
    select tenant_id, user_id, expires_at, revoked_at, role, status from find_session(${id})`.execute(db)
  return rows[0]
}

/** Of all tenants: for the engine's connection. Returns how many. */
export async function deleteSessionsBefore(db: Db, before: Date): Promise<number> {
  const result = await sql`delete from sessions where expires_at < ${before}`.execute(db)
  return Number(result.numAffectedRows ?? 0n)
}
