import type { Transaction } from '#platform/postgres/database.ts'
import { Problem } from '#platform/problem.ts'
import { holdPool } from './pools.store.ts'

/**
 * Whether the pool that a field of the input names is there; it is not deleted before the transaction ends. Problem
 * `pools.unknown` names the field.
 */
export async function assertPool(
  transaction: Transaction,
  poolId: string | null,
  field: string = 'pool_id',
): Promise<void> {
  if (poolId === null || (await holdPool(transaction, poolId))) return
  const message = 'There is no pool with this id. GET /v1/pools lists them.'
  throw new Problem('invalid', 'pools.unknown', message, {
    errors: [{ field, code: 'pools.unknown', message }],
  })
}
