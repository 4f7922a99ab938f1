import type { SendingMode, TenantStatus } from '#platform/postgres/database.gen.ts'
import { Problem } from '#platform/problem.ts'

export interface Tenant {
  readonly id: string
  readonly name: string
  readonly status: TenantStatus
  readonly mode: SendingMode
  readonly time_zone: string
  /** The pool that its mail leaves from, unless a campaign names another; null: that of the message's class. */
  readonly pool_id: string | null
  readonly created_at: Date
  readonly updated_at: Date
}

/** A name of the IANA time zone database that this Node knows. Offsets like +01:00 are refused: they know no summer. */
export function isTimeZone(name: string): boolean {
  if (!/^[A-Za-z]/.test(name)) return false
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}

/** Throws a Problem unless `name` is a time zone. */
export function assertTimeZone(name: string): void {
  if (isTimeZone(name)) return
  const message = `${JSON.stringify(name)} is not a time zone. Use a name like Europe/Berlin or UTC.`
  throw new Problem('invalid', 'tenants.bad_time_zone', message, {
    errors: [{ field: 'time_zone', code: 'tenants.bad_time_zone', message }],
  })
}
