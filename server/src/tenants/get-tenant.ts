import { asTenant } from '#platform/postgres/database.ts'
import type { Database } from '#platform/postgres/database.ts'
import { Problem } from '#platform/problem.ts'
import type { Tenant } from './tenant.ts'
import { selectTenant } from './tenants.store.ts'

/** The tenant itself. Problem `tenants.not_found` when it was deleted meanwhile. */
export async function getTenant(deps: { db: Database }, tenantId: string): Promise<Tenant> {
  const tenant = await findTenant(deps, tenantId)
  if (tenant === undefined) throw tenantNotFound()
  return tenant
}

export async function findTenant(deps: { db: Database }, tenantId: string): Promise<Tenant | undefined> {
  return asTenant(deps.db, tenantId, (transaction) => selectTenant(transaction, tenantId))
}

export function tenantNotFound(): Problem {
  return new Problem('not_found', 'tenants.not_found', 'This tenant does not exist any more.')
}
