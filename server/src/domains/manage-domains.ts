import { afterId, rowsToRead, toPage } from '#http/paging.ts'
import type { PageOf, PageRequest } from '#http/paging.ts'
import { asTenant } from '#platform/postgres/database.ts'
import type { Database } from '#platform/postgres/database.ts'
import { Problem } from '#platform/problem.ts'
import { describeDomain } from './describe-domain.ts'
import type { Domain } from './domain.ts'
import { deleteDomainRow, selectDomain, selectDomains } from './domains.store.ts'

export async function listDomains(
  deps: { db: Database },
  tenantId: string,
  page: PageRequest,
): Promise<PageOf<Domain>> {
  const rows = await asTenant(deps.db, tenantId, (transaction) =>
    selectDomains(transaction, tenantId, { after: afterId(page), rows: rowsToRead(page) }),
  )
  return toPage(rows.map(describeDomain), page)
}

/** Problem `domains.not_found`. */
export async function getDomain(deps: { db: Database }, tenantId: string, id: string): Promise<Domain> {
  const row = await asTenant(deps.db, tenantId, (transaction) => selectDomain(transaction, { tenantId, id }))
  if (row === undefined) throw domainNotFound()
  return describeDomain(row)
}

/** Its keys are deleted too: mail that is still under way from it is no longer signed. Problem `domains.not_found`. */
export async function deleteDomain(deps: { db: Database }, tenantId: string, id: string): Promise<void> {
  const found = await asTenant(deps.db, tenantId, (transaction) =>
    deleteDomainRow(transaction, { tenantId, id }),
  )
  if (!found) throw domainNotFound()
}

export function domainNotFound(): Problem {
  return new Problem(
    'not_found',
    'domains.not_found',
    'There is no domain with this id. GET /v1/domains lists yours.',
  )
}
