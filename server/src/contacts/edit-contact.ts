import { asTenant } from '#platform/postgres/database.ts'
import type { Database } from '#platform/postgres/database.ts'
import type { Clock } from '#platform/clock.ts'
import { Problem } from '#platform/problem.ts'
import { badContact, readContact } from './contact-input.ts'
import type { GivenContact } from './contact-input.ts'
import type { Contact } from './contact.ts'
import { deleteContact, replaceContact, selectContact, selectSubscriptions } from './contacts.store.ts'
import type { Subscription } from './contacts.store.ts'

export type ContactWithLists = Contact & { readonly lists: Subscription[] }

export async function getContact(
  deps: { readonly db: Database },
  tenantId: string,
  id: string,
): Promise<ContactWithLists> {
  return asTenant(deps.db, tenantId, async (transaction) => {
    const contact = await selectContact(transaction, id)
    if (contact === undefined) throw contactNotFound()
    return { ...contact, lists: await selectSubscriptions(transaction, id) }
  })
}

/** Replaces names, attributes and address. Problem `contacts.address_taken` when another contact has the address. */
export async function editContact(
  deps: { readonly db: Database; readonly clock: Clock },
  tenantId: string,
  id: string,
  given: GivenContact,
): Promise<ContactWithLists> {
  const fields = readContact(given)
  if (!('email' in fields)) throw badContact(fields)
  await asTenant(deps.db, tenantId, async (transaction) => {
    const outcome = await replaceContact(transaction, id, fields, deps.clock.now())
    if (outcome === 'unknown') throw contactNotFound()
    if (outcome === 'taken') {
      throw new Problem(
        'conflict',
        'contacts.address_taken',
        'Another contact has this address. Change that one, or delete it first.',
      )
    }
  })
  return getContact(deps, tenantId, id)
}

/** Deletes a contact and its subscriptions. What was sent to it stays in the reports; suppressions stay as well. */
export async function removeContact(
  deps: { readonly db: Database },
  tenantId: string,
  id: string,
): Promise<void> {
  const isGone = await asTenant(deps.db, tenantId, (transaction) => deleteContact(transaction, id))
  if (!isGone) throw contactNotFound()
}

function contactNotFound(): Problem {
  return new Problem('not_found', 'contacts.not_found', 'There is no such contact.')
}
