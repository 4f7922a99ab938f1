import type { Clock } from '#platform/clock.ts'
import { asTenant } from '#platform/postgres/database.ts'
import type { Database } from '#platform/postgres/database.ts'
import { assertPool } from '#sources/assert-pool.ts'
import { tenantNotFound } from './get-tenant.ts'
import { assertTimeZone } from './tenant.ts'
import type { Tenant } from './tenant.ts'
import { updateTenantRow } from './tenants.store.ts'

/** Schedules that exist keep the instant that they were given. Problem `tenants.bad_time_zone`. */
export async function updateTenant(
  deps: { db: Database; clock: Clock },
  tenantId: string,
  input: { readonly name: string; readonly time_zone: string },
): Promise<Tenant> {
  assertTimeZone(input.time_zone)
  const change = { name: input.name.trim(), time_zone: input.time_zone }
  const tenant = await asTenant(deps.db, tenantId, (transaction) =>
    updateTenantRow(transaction, tenantId, change, deps.clock.now()),
  )
  if (tenant === undefined) throw tenantNotFound()
  return tenant
}

/** The pool that the mail of this tenant leaves from; null: that of the message's class. Problem `pools.unknown`. */
export async function setTenantPool(
  deps: { db: Database; clock: Clock },
  tenantId: string,
  poolId: string | null,
): Promise<Tenant> {
  const tenant = await asTenant(deps.db, tenantId, async (transaction) => {
    await assertPool(transaction, poolId)
    return updateTenantRow(transaction, tenantId, { pool_id: poolId }, deps.clock.now())
  })
  if (tenant === undefined) throw tenantNotFound()
  return tenant
}
