import { asTenant, type Transaction } from '#platform/postgres/database.ts'
import { liftUnsubscriptions } from '#suppressions/add-suppressions.ts'
import { reviveLists, selectChoices, type ListChoice } from './preferences.store.ts'
import { selectAddressee, type Addressee } from './tracking.store.ts'
import { addressOf, takeOff, type UnsubscribeDeps } from './unsubscribe.ts'
import type { MessageIds } from './unsubscribe-link.ts'

/** The lists of the recipient of a message, as the recipient sees them. */
export interface Preferences {
  readonly recipient: string
  readonly senderName: string
  readonly lists: readonly ListChoice[]
}

/** Undefined when there is no such message. Changes nothing. */
export async function showPreferences(
  deps: Pick<UnsubscribeDeps, 'db'>,
  ids: MessageIds,
): Promise<Preferences | undefined> {
  return withAddressee(deps, ids, preferencesOf)
}

/** What was saved, and the lists that wait for a confirmation. */
export interface SavedPreferences extends Preferences {
  readonly toConfirm: readonly ListChoice[]
}

/**
 * Takes the recipient off every list that is shown and not `wanted`, at once. Lists that are wanted again are not joined
 * yet: whoever has a forwarded message could do that, so it needs a second, signed step (`confirmLists`).
 */
export async function savePreferences(
  deps: UnsubscribeDeps,
  ids: MessageIds,
  wanted: ReadonlySet<string>,
): Promise<SavedPreferences | undefined> {
  return withAddressee(deps, ids, async (transaction, addressee) => {
    const { lists } = await preferencesOf(transaction, addressee)
    for (const list of lists) {
      if (!list.is_subscribed || wanted.has(list.id)) continue
      await takeOff(deps, transaction, { ids, addressee, listId: list.id })
    }
    const toConfirm = lists.filter((list) => !list.is_subscribed && wanted.has(list.id))
    return { ...(await preferencesOf(transaction, addressee)), toConfirm }
  })
}

/**
 * The second step: the recipient is on these lists again, if they are still shown to him. An unsubscription from everything
 * is taken back; lists that it ended and that are not named stay ended. Suppressions for other reasons stay.
 */
export async function confirmLists(
  deps: Pick<UnsubscribeDeps, 'db' | 'clock'>,
  ids: MessageIds,
  listIds: readonly string[],
): Promise<Preferences | undefined> {
  return withAddressee(deps, ids, async (transaction, addressee) => {
    const { lists } = await preferencesOf(transaction, addressee)
    const chosen = lists.filter((list) => listIds.includes(list.id)).map((list) => list.id)
    if (chosen.length > 0 && addressee.contact_id !== null) {
      const { key } = addressOf(addressee.recipient)
      for (const listId of [null, ...chosen])
        await liftUnsubscriptions(transaction, ids.tenantId, [key], listId)
      await reviveLists(transaction, addressee.contact_id, chosen, deps.clock.now())
    }
    return preferencesOf(transaction, addressee)
  })
}

async function withAddressee<T>(
  deps: Pick<UnsubscribeDeps, 'db'>,
  ids: MessageIds,
  work: (transaction: Transaction, addressee: Addressee) => Promise<T>,
): Promise<T | undefined> {
  return asTenant(deps.db, ids.tenantId, async (transaction) => {
    const addressee = await selectAddressee(transaction, ids.messageId)
    return addressee === undefined ? undefined : work(transaction, addressee)
  })
}

async function preferencesOf(transaction: Transaction, addressee: Addressee): Promise<Preferences> {
  const { recipient, sender_name: senderName, contact_id: contactId, list_id: listId } = addressee
  const { key } = addressOf(recipient)
  const lists = contactId === null ? [] : await selectChoices(transaction, contactId, key, listId)
  return { recipient, senderName, lists }
}
