import type { Transaction } from '#platform/postgres/database.ts'
import { liftUnsubscriptions } from '#suppressions/add-suppressions.ts'
import { findSuppressed } from '#suppressions/find-suppressed.ts'
import { readContacts } from './contact-input.ts'
import type { CleanContact, GivenContact } from './contact-input.ts'
import type { OnExisting } from './contact.ts'
import { insertSubscriptions, selectListContactsById, upsertRows } from './contacts.store.ts'
import type { ListContact } from './contacts.store.ts'
import { listExists } from './imports.store.ts'
import { listNotFound } from './list.ts'

export const MAX_CONTACTS_PER_CALL = 1_000

export interface StoredContacts {
  readonly created: number
  readonly updated: number
  readonly skipped: number
  readonly data: ListContact[]
}

/**
 * Stores contacts (one for each address of the tenant) and subscribes them to a list. Who unsubscribed from it stays
 * unsubscribed, unless `resubscribe` says that the person asked for it again. All or nothing; of several entries for
 * one address the last one counts.
 */
export async function upsertListContacts(
  transaction: Transaction,
  place: { readonly tenantId: string; readonly listId: string; readonly now: Date },
  input: { readonly contacts: readonly GivenContact[]; readonly on_existing?: OnExisting },
): Promise<StoredContacts> {
  const { tenantId, listId, now } = place
  const onExisting = input.on_existing ?? 'upsert'
  if (!(await listExists(transaction, listId))) throw listNotFound()
  const contacts = [
    ...new Map(readContacts(input.contacts).map((contact) => [contact.key, contact])).values(),
  ]
  const rows = await upsertRows(transaction, tenantId, contacts, { onExisting, now })
  const idOf = new Map(rows.map(({ key, id }) => [key, id]))
  const idsOf = (some: readonly CleanContact[]): string[] => some.flatMap(({ key }) => idOf.get(key) ?? [])
  const revived = contacts.filter((contact) => contact.resubscribe)
  await liftUnsubscriptions(
    transaction,
    tenantId,
    revived.map(({ key }) => key),
    listId,
  )
  const unsubscribed = await unsubscribedOf(transaction, { tenantId, listId, now }, contacts)
  await insertSubscriptions(
    transaction,
    {
      tenantId,
      listId,
      contactIds: rows.map(({ id }) => id),
      unsubscribedIds: idsOf(unsubscribed),
      revivedIds: idsOf(revived.filter((contact) => !unsubscribed.includes(contact))),
    },
    now,
  )
  const created = rows.filter((row) => row.created).length
  const known = rows.length - created
  return {
    created,
    updated: onExisting === 'upsert' ? known : 0,
    skipped: onExisting === 'skip' ? known : 0,
    data: await selectListContactsById(
      transaction,
      listId,
      rows.map(({ id }) => id),
    ),
  }
}

async function unsubscribedOf(
  transaction: Transaction,
  place: { readonly tenantId: string; readonly listId: string; readonly now: Date },
  contacts: readonly CleanContact[],
): Promise<CleanContact[]> {
  const pairs = {
    tenantIds: contacts.map(() => place.tenantId),
    addressKeys: contacts.map(({ key }) => key),
    listIds: contacts.map(() => place.listId),
    modes: contacts.map(() => null),
  }
  const suppressed = await findSuppressed(transaction, pairs, place.now)
  return contacts.filter((_, i) => suppressed.get(i) === 'unsubscribed')
}
