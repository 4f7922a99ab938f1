import type { SendingMode } from '#platform/postgres/database.gen.ts'
import type { Db, Transaction } from '#platform/postgres/database.ts'
import type { SuppressionReason } from './suppression.ts'
import { selectSuppressed, selectSuppressedKeys } from './suppressions.store.ts'
import type { Pairs } from './suppressions.store.ts'

/**
 * Which of many recipients must not be written to, in one statement. `pairs` are columns of equal length (tenant, key
 * of the address, list, mode of the mail); the answer holds the positions of the suppressed ones with the strongest reason. A
 * suppression whose end has come at `at`, or that is held back, does not count. For all tenants at once run it with the engine's connection.
 */
export async function findSuppressed(
  db: Db,
  pairs: Pairs,
  at: Date,
): Promise<ReadonlyMap<number, SuppressionReason>> {
  if (pairs.addressKeys.length === 0) return new Map()
  const found = await selectSuppressed(db, pairs, at)
  return new Map(found.map(({ index, reason }) => [index, reason]))
}

/** Why this address must not be written to on this list, or undefined. */
export async function isSuppressed(
  db: Db,
  recipient: {
    readonly tenantId: string
    readonly addressKey: string
    readonly listId: string | null
    readonly mode: SendingMode
  },
  at: Date,
): Promise<SuppressionReason | undefined> {
  const { tenantId, addressKey, listId, mode } = recipient
  const pairs = { tenantIds: [tenantId], addressKeys: [addressKey], listIds: [listId], modes: [mode] }
  return (await findSuppressed(db, pairs, at)).get(0)
}

/** For imports: the suppressed of many addresses (a binary text[]) of one tenant, and whether their owner unsubscribed. */
export async function findSuppressedKeys(
  transaction: Transaction,
  wanted: { readonly tenantId: string; readonly listId: string; readonly keys: Buffer },
  at: Date,
): Promise<ReadonlyMap<string, { readonly unsubscribed: boolean }>> {
  const found = await selectSuppressedKeys(transaction, wanted, at)
  return new Map(found.map(({ key, unsubscribed }) => [key, { unsubscribed }]))
}
