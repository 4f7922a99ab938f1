import type { Clock } from '#platform/clock.ts'
import { uuidv7 } from '#platform/ids.ts'
import { asTenant } from '#platform/postgres/database.ts'
import type { Database, Transaction } from '#platform/postgres/database.ts'
import { assertTimeZone } from './tenant.ts'
import type { Tenant } from './tenant.ts'
import { insertTenant } from './tenants.store.ts'

export interface NewTenant {
  readonly name: string
  /** UTC when absent. */
  readonly timeZone?: string | undefined
  /** `sandbox` when absent: live sending is switched on later. */
  readonly mode?: 'sandbox' | 'live' | undefined
}

/** Makes a tenant. Problem `tenants.bad_time_zone`. */
export async function createTenant(deps: { db: Database; clock: Clock }, input: NewTenant): Promise<Tenant> {
  const id = uuidv7()
  return asTenant(deps.db, id, (transaction) => addTenant(deps, transaction, { ...input, id }))
}

/** The same within a transaction that sees this tenant already. */
export async function addTenant(
  deps: { clock: Clock },
  transaction: Transaction,
  input: NewTenant & { readonly id: string },
): Promise<Tenant> {
  const { id, name, timeZone = 'UTC', mode = 'sandbox' } = input
  assertTimeZone(timeZone)
  return insertTenant(transaction, { id, name: name.trim(), time_zone: timeZone, mode }, deps.clock.now())
}
