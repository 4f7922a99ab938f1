import { sql } from 'kysely'
import type { Db, Transaction } from '#platform/postgres/database.ts'

interface NewEntry {
  readonly tenantId: string
  readonly userId: string
  readonly apiKeyId: string | null
  readonly address: string
  readonly action: string
  readonly subject: string
  readonly before: object | null
  readonly after: object | null
}

export async function insertAuditEntry(transaction: Transaction, entry: NewEntry, at: Date): Promise<void> {
  await sql`
    insert into audit_entries (tenant_id, at, user_id, api_key_id, address, action, subject, before, after)
    values (${entry.tenantId}, ${at}, ${entry.userId}, ${entry.apiKeyId}, ${entry.address}, ${entry.action}, ${entry.subject},
            ${jsonOf(entry.before)}::jsonb, ${jsonOf(entry.after)}::jsonb)`.execute(transaction)
}

export interface AuditEntry {
  readonly id: string
  readonly at: Date
  readonly user_id: string
  readonly api_key_id: string | null
  readonly address: string
  readonly action: string
  readonly subject: string
  readonly before: Record<string, unknown> | null
  readonly after: Record<string, unknown> | null
}

/** Of the transaction's tenant, newest first. */
export async function selectAuditEntries(
  db: Db,
  page: { readonly after: string | null; readonly rows: number; readonly action: string | null },
): Promise<AuditEntry[]> {
  const { rows } = await sql<AuditEntry>`
    select id, at, user_id, api_key_id, address, action, subject, before, after from audit_entries
     where (${page.after}::uuid is null or id < ${page.after}::uuid) and (${page.action}::text is null or action = ${page.action})
     order by id desc limit ${page.rows}`.execute(db)
  return rows
}

function jsonOf(value: object | null): string | null {
  return value === null ? null : JSON.stringify(value)
}
