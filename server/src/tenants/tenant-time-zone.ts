import type { Database } from '#platform/postgres/database.ts'
import { getTenant } from './get-tenant.ts'

/** The zone in which this tenant's schedules are read, e.g. `Europe/Berlin`. */
export async function tenantTimeZone(deps: { db: Database }, tenantId: string): Promise<string> {
  const { time_zone } = await getTenant(deps, tenantId)
  return time_zone
}
