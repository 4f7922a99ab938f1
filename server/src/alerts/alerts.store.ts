import { sql } from 'kysely'
import type { SendingMode } from '#events/email-events.ts'
import type { Db } from '#platform/postgres/database.ts'

/** `lane_suspended`: a provider refuses a source. Raised and resolved by the triggers of the table `lanes`. */
export const ALERT_KINDS = ['lane_suspended'] as const

export interface Alert {
  readonly id: string
  readonly kind: (typeof ALERT_KINDS)[number]
  readonly mode: SendingMode
  readonly provider: string
  readonly source_id: string
  readonly source: string
  readonly text: string
  readonly times: number
  readonly raised_at: Date
  readonly updated_at: Date
  readonly resolved_at: Date | null
}

/** Newest first. */
export async function selectAlerts(
  db: Db,
  page: { readonly after: string | null; readonly rows: number; readonly isOpen: boolean | null },
): Promise<Alert[]> {
  const { rows } = await sql<Alert>`
    select id, kind, mode, provider, source_id, source, text, times, raised_at, updated_at, resolved_at from alerts
     where (${page.after}::uuid is null or id < ${page.after}::uuid)
       and (${page.isOpen}::boolean is null or (resolved_at is null) = ${page.isOpen})
     order by id desc limit ${page.rows}`.execute(db)
  return rows
}

/** Returns how many. */
export async function deleteResolved(db: Db, before: Date): Promise<number> {
  const gone = await sql`delete from alerts where resolved_at < ${before}`.execute(db)
  return Number(gone.numAffectedRows ?? 0n)
}
