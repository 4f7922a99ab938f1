import type { Db, Transaction } from '#platform/postgres/database.ts'
import type { Tenant } from './tenant.ts'

const COLUMNS = [
  'tenant_id as id',
  'name',
  'status',
  'mode',
  'time_zone',
  'pool_id',
  'created_at',
  'updated_at',
] as const

export async function insertTenant(
  transaction: Transaction,
  tenant: Pick<Tenant, 'id' | 'name' | 'mode' | 'time_zone'>,
  at: Date,
): Promise<Tenant> {
  const { id, name, mode, time_zone } = tenant
  return transaction
    .insertInto('tenants')
    .values({ tenant_id: id, name, mode, time_zone, created_at: at, updated_at: at })
    .returning(COLUMNS)
    .executeTakeFirstOrThrow()
}

export async function selectTenant(db: Db, id: string): Promise<Tenant | undefined> {
  return db.selectFrom('tenants').select(COLUMNS).where('tenant_id', '=', id).executeTakeFirst()
}

export async function updateTenantRow(
  transaction: Transaction,
  id: string,
  change: Pick<Tenant, 'name' | 'time_zone'> | Pick<Tenant, 'pool_id'>,
  at: Date,
): Promise<Tenant | undefined> {
  return transaction
    .updateTable('tenants')
    .set({ ...change, updated_at: at })
    .where('tenant_id', '=', id)
    .returning(COLUMNS)
    .executeTakeFirst()
}
