import { sql } from 'kysely'
import type { Transaction } from '#platform/postgres/database.ts'

/** What a tenant has said about tracking. */
export interface TrackingRow {
  readonly opens: boolean
  readonly clicks: boolean
  readonly privacy: boolean
  readonly host: string | null
  readonly host_verified_at: Date | null
}

const columns = sql`
  track_opens as opens, track_clicks as clicks, tracking_privacy as privacy, tracking_host as host,
  tracking_host_verified_at as host_verified_at`

export async function selectTracking(db: Transaction): Promise<TrackingRow | undefined> {
  const found = await sql<TrackingRow>`
    select ${columns} from tenants where tenant_id = current_tenant()`.execute(db)
  return found.rows[0]
}

/** Another host is not verified yet. */
export async function updateTracking(
  db: Transaction,
  tracking: Omit<TrackingRow, 'host_verified_at'>,
  now: Date,
): Promise<TrackingRow | undefined> {
  const { opens, clicks, privacy, host } = tracking
  const changed = await sql<TrackingRow>`
    update tenants
       set track_opens = ${opens}, track_clicks = ${clicks}, tracking_privacy = ${privacy}, tracking_host = ${host}::text,
           tracking_host_verified_at = case when tracking_host = ${host}::text then tracking_host_verified_at end, updated_at = ${now}
     where tenant_id = current_tenant() returning ${columns}`.execute(db)
  return changed.rows[0]
}

/** Only while the host is still the one that was looked up. */
export async function updateHostVerified(
  db: Transaction,
  host: string,
  verifiedAt: Date | null,
): Promise<void> {
  await sql`
    update tenants set tracking_host_verified_at = ${verifiedAt}
     where tenant_id = current_tenant() and tracking_host = ${host}`.execute(db)
}
