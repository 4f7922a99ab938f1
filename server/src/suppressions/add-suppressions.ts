import { parseAddress } from '@pigeon/mail/address.ts'
import type { Transaction } from '#platform/postgres/database.ts'
import { Problem } from '#platform/problem.ts'
import type { FieldError } from '#platform/problem.ts'
import type { NewSuppression, Suppression } from './suppression.ts'
import { deleteUnsubscriptions, insertSuppressions } from './suppressions.store.ts'

export const MAX_SUPPRESSIONS_PER_CALL = 1_000

/** Stores suppressions and announces them, in the caller's transaction of the tenant. Adding one again changes nothing. */
export async function addSuppressions(
  transaction: Transaction,
  tenantId: string,
  entries: readonly NewSuppression[],
  now: Date,
): Promise<Suppression[]> {
  const unique = new Map(entries.map((entry) => [JSON.stringify([entry.addressKey, entry.listId]), entry]))
  return unique.size === 0 ? [] : insertSuppressions(transaction, tenantId, [...unique.values()], now)
}

/** Takes back unsubscriptions only: bounces, complaints and a person's word stay. `listId` null: the one for everything. */
export async function liftUnsubscriptions(
  transaction: Transaction,
  addressKeys: readonly string[],
  listId: string | null,
): Promise<number> {
  return deleteUnsubscriptions(transaction, addressKeys, listId)
}

export interface GivenSuppression {
  readonly email: string
  readonly list_id?: string | null
  readonly reason?: 'manual' | 'hard_bounce' | 'complaint' | 'unsubscribed'
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
    return [
      {
        addressKey: address.key,
        listId: entry.list_id ?? null,
        reason: entry.reason ?? 'manual',
        note: entry.note ?? null,
        expiresAt:
          entry.expires_at === undefined || entry.expires_at === null ? null : new Date(entry.expires_at),
      },
    ]
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
