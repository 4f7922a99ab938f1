import { asTenant, type Database } from '#platform/postgres/database.ts'
import { selectNames } from './campaigns.store.ts'

/** The names of those campaigns of the tenant that exist, by id. */
export async function nameCampaigns(
  deps: { db: Database },
  tenantId: string,
  ids: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  if (ids.length === 0) return new Map()
  const rows = await asTenant(deps.db, tenantId, (transaction) => selectNames(transaction, ids))
  return new Map(rows.map(({ id, name }) => [id, name]))
}
