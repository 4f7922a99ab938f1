import { parseAddress } from '@pigeon/mail/address.ts'
import type { SendingMode } from '#platform/postgres/database.gen.ts'
import type { Transaction } from '#platform/postgres/database.ts'
import { Problem } from '#platform/problem.ts'
import type { FieldError } from '#platform/problem.ts'
import type { NewSuppression, Suppression, SuppressionReason } from './suppression.ts'
import {
  announceLifted,
  deleteUnsubscriptions,
  insertSuppressions,
  type SuppressionRow,
} from './suppressions.store.ts'

export const MAX_SUPPRESSIONS_PER_CALL = 1_000

/** Stores suppressions and announces them, in the caller's transaction of the tenant. Adding one again changes nothing. */
export async function addSuppressions(
  transaction: Transaction,
  tenantId: string,
  entries: readonly NewSuppression[],
  now: Date,
): Promise<Suppression[]> {
  return storeSuppressions(
    transaction,
    entries.map((entry) => ({ ...entry, tenantId })),
    now,
  )
}

/** The same for several tenants at once, in a transaction of the engine. Of two for one address the last counts. */
export async function storeSuppressions(
  transaction: Transaction,
  rows: readonly SuppressionRow[],
  now: Date,
): Promise<Suppression[]> {
  const unique = new Map(
    rows.map((row) => [JSON.stringify([row.tenantId, row.addressKey, row.listId, row.mode ?? null]), row]),
  )
  return unique.size === 0 ? [] : insertSuppressions(transaction, [...unique.values()], now)
}

/** Takes back unsubscriptions only: bounces, complaints and a person's word stay. `listId` null: the one for everything. */
export async function liftUnsubscriptions(
  transaction: Transaction,
  tenantId: string,
  addressKeys: readonly string[],
  listId: string | null,
): Promise<number> {
  const lifted = await deleteUnsubscriptions(transaction, addressKeys, listId)
  await announceLifted(
    transaction,
    lifted.map((each) => ({ tenantId, addressKey: each.email, listId: each.list_id, mode: each.mode })),
  )
  return lifted.length
}

export interface GivenSuppression {
  readonly email: string
  readonly list_id?: string | null
  readonly reason?: SuppressionReason
  readonly mode?: SendingMode | null
  readonly note?: string | null
  readonly expires_at?: string | null
}

/** What a person or a program adds by hand: all of it, or (one address being wrong) none. */
export async function suppressAddresses(
  transaction: Transaction,
  tenantId: string,
  given: readonly GivenSuppression[],
  now: Date,
): Promise<Suppression[]> {
  const errors: FieldError[] = []
  const entries = given.flatMap((entry, i): NewSuppression[] => {
    const address = parseAddress(entry.email)
    if (!address.ok) {
      errors.push({ field: `suppressions[${i}].email`, code: address.code, message: address.message })
      return []
    }
    return [newSuppression(address.key, entry)]
  })
  if (errors.length > 0) {
    throw new Problem(
      'invalid',
      'suppressions.bad_address',
      'Nothing was added. Correct the addresses named in errors.',
      { errors },
    )
  }
  return addSuppressions(transaction, tenantId, entries, now)
}

/** What was given, for the address of this key. */
export function newSuppression(addressKey: string, given: Omit<GivenSuppression, 'email'>): NewSuppression {
  const endsAt = given.expires_at ?? null
  return {
    addressKey,
    listId: given.list_id ?? null,
    reason: given.reason ?? 'manual',
    mode: given.mode ?? null,
    note: given.note ?? null,
    expiresAt: endsAt === null ? null : new Date(endsAt),
  }
}
