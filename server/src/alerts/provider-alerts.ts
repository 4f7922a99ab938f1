import type { Db } from '#platform/postgres/database.ts'
import { insertProviderAlert, resolveAlert, selectOpenOfKind, type ProviderAlert } from './alerts.store.ts'

/** Raises an alert about a provider as a whole; while it is open, saying it again changes its words. */
export function raiseProviderAlert(
  db: Db,
  alert: ProviderAlert & { readonly text: string },
  now: Date,
): Promise<void> {
  return insertProviderAlert(db, alert, now)
}

/** The providers of which an alert of this kind is open. */
export function openProviderAlerts(
  db: Db,
  kind: ProviderAlert['kind'],
): Promise<Omit<ProviderAlert, 'kind'>[]> {
  return selectOpenOfKind(db, kind)
}

export function resolveProviderAlert(db: Db, alert: ProviderAlert, now: Date): Promise<void> {
  return resolveAlert(db, alert, now)
}
