import { sql } from 'kysely'
import type { SendingMode } from '#events/email-events.ts'
import type { Db } from '#platform/postgres/database.ts'

/**
 * `lane_suspended`: a provider refuses a source. Raised and resolved by the triggers of the table `lanes`.
 * `unknown_user_spike`: a provider suddenly knows many recipients no more. Raised and resolved by record.
 */
export const ALERT_KINDS = ['lane_suspended', 'unknown_user_spike'] as const

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

/** What an alert about a provider has in the columns of the source. */
const NO_SOURCE = { id: '00000000-0000-0000-0000-000000000000', name: '' } as const

export interface ProviderAlert {
  readonly kind: (typeof ALERT_KINDS)[number]
  readonly mode: SendingMode
  readonly provider: string
}

/** Raises it, or says it again in other words. */
export async function insertProviderAlert(
  db: Db,
  alert: ProviderAlert & { readonly text: string },
  now: Date,
): Promise<void> {
  await sql`
    insert into alerts (kind, mode, provider, source_id, source, text, raised_at, updated_at)
    values (${alert.kind}, ${alert.mode}, ${alert.provider}, ${NO_SOURCE.id}, ${NO_SOURCE.name}, ${alert.text}, ${now}, ${now})
    on conflict (kind, mode, provider, source_id) where resolved_at is null
    do update set text = excluded.text, updated_at = excluded.updated_at`.execute(db)
}

export async function selectOpenOfKind(
  db: Db,
  kind: ProviderAlert['kind'],
): Promise<Omit<ProviderAlert, 'kind'>[]> {
  const { rows } = await sql<Omit<ProviderAlert, 'kind'>>`
    select mode, provider from alerts where kind = ${kind} and resolved_at is null limit 1000`.execute(db)
  return rows
}

export async function resolveAlert(
  db: Db,
  { kind, mode, provider }: ProviderAlert,
  now: Date,
): Promise<void> {
  await sql`
    update alerts set resolved_at = ${now}, updated_at = ${now}
     where kind = ${kind} and mode = ${mode} and provider = ${provider} and resolved_at is null`.execute(db)
}
