import { afterId, rowsToRead, toPage } from '#http/paging.ts'
import type { PageOf, PageRequest } from '#http/paging.ts'
import type { Database } from '#platform/postgres/database.ts'
import { Problem } from '#platform/problem.ts'
import { DEFAULT_POOL_ID } from './pool.ts'
import { deletePoolRow, selectPools, selectPoolUses } from './pools.store.ts'
import type { PoolUses, PoolView } from './pools.store.ts'
import { lockSources } from './sources.store.ts'
import { isDefault, readPool } from './write-pool.ts'

export async function listPools(deps: { db: Database }, page: PageRequest): Promise<PageOf<PoolView>> {
  return toPage(await selectPools(deps.db, { after: afterId(page), rows: rowsToRead(page) }), page)
}

/**
 * Its sources stay, and campaigns that are over forget it. Problems `pools.not_found`, `pools.is_default`, and
 * `pools.in_use` while a pool overflows into it or a rule, a class, a tenant or a campaign has it.
 */
export async function deletePool(deps: { db: Database }, id: string): Promise<void> {
  await deps.db.transaction().execute(async (transaction) => {
    await lockSources(transaction)
    const pool = await readPool(transaction, id)
    if (id === DEFAULT_POOL_ID) throw isDefault('stays')
    const uses = [
      ...pool.classes.map((each) => `${each} mail`),
      ...describeUses(await selectPoolUses(transaction, id)),
    ]
    if (uses.length > 0) throw inUse(uses)
    await deletePoolRow(transaction, id)
  })
}

function describeUses({ overflows, tenants, campaigns, rules }: PoolUses): string[] {
  return [
    ...overflows.map((name) => `the pool ${name}, which overflows into it`),
    ...(tenants > 0 ? [counted(tenants, 'tenant')] : []),
    ...(campaigns > 0 ? [counted(campaigns, 'campaign')] : []),
    ...(rules > 0 ? [counted(rules, 'routing rule')] : []),
  ]
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}

function inUse(uses: readonly string[]): Problem {
  return new Problem(
    'conflict',
    'pools.in_use',
    `The pool is used by: ${uses.join('; ')}. Give these another pool first, then delete it.`,
  )
}
