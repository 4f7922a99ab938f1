import type { Clock } from '#platform/clock.ts'
import type { Database } from '#platform/postgres/database.ts'
import { deleteResolved } from './alerts.store.ts'

/** How long an alert that is over can be read. */
const KEPT_MS = 90 * 86_400_000

/** Deletes alerts that have long been over. Returns how many. */
export function forgetAlerts(deps: { readonly db: Database; readonly clock: Clock }): Promise<number> {
  return deleteResolved(deps.db, new Date(deps.clock.now().getTime() - KEPT_MS))
}
