import { afterId, rowsToRead, toPage } from '#http/paging.ts'
import type { PageOf, PageRequest } from '#http/paging.ts'
import type { Clock } from '#platform/clock.ts'
import { asTenant } from '#platform/postgres/database.ts'
import type { Database } from '#platform/postgres/database.ts'
import { Problem } from '#platform/problem.ts'
import type { ApiKey } from './api-key.ts'
import { revokeApiKeyRow, selectApiKeys } from './api-keys.store.ts'
import type { IdentityCache } from './identity-cache.ts'

/** Newest first, the revoked ones too: what a key was stays on record. */
export async function listApiKeys(
  deps: { db: Database },
  tenantId: string,
  page: PageRequest,
): Promise<PageOf<ApiKey>> {
  const rows = await asTenant(deps.db, tenantId, (transaction) =>
    selectApiKeys(transaction, tenantId, { after: afterId(page), rows: rowsToRead(page) }),
  )
  return toPage(rows, page)
}

/** This process refuses it at once, others within seconds. Problem `api_keys.not_found`. */
export async function revokeApiKey(
  deps: { db: Database; clock: Clock; identities: IdentityCache },
  tenantId: string,
  id: string,
): Promise<void> {
  const found = await asTenant(deps.db, tenantId, (transaction) =>
    revokeApiKeyRow(transaction, { tenantId, id }, deps.clock.now()),
  )
  if (!found)
    throw new Problem(
      'not_found',
      'api_keys.not_found',
      'There is no API key with this id. GET /v1/api-keys lists yours.',
    )
  deps.identities.forget(id)
}
