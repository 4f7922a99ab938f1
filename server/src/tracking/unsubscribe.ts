import { parseAddress } from '@pigeon/mail/address.ts'
import type { Clock } from '#platform/clock.ts'
import { asTenant } from '#platform/postgres/database.ts'
import type { Database, Transaction } from '#platform/postgres/database.ts'
import { addSuppressions, liftUnsubscriptions } from '#suppressions/add-suppressions.ts'
import {
  endSubscriptions,
  reviveSubscriptions,
  selectAddressee,
  selectEndOfEverything,
  selectStanding,
} from './tracking.store.ts'
import type { Addressee } from './tracking.store.ts'
import type { MessageIds } from './unsubscribe-link.ts'

/** What is recorded when somebody unsubscribes, in the same transaction. */
export interface UnsubscribedEvent {
  readonly type: 'unsubscribed'
  readonly tenantId: string
  readonly campaignId: string | null
  readonly contactId: string | null
  readonly messageId: string
  /** Domain of the recipient, A-labels. */
  readonly domain: string
  readonly at: Date
}

export interface UnsubscribeDeps {
  readonly db: Database
  readonly clock: Clock
  readonly appendEvent: (transaction: Transaction, event: UnsubscribedEvent) => Promise<void>
}

export type UnsubscribeScope = 'list' | 'everything'

/** Who the link is for and how they stand now. */
export interface SubscriptionState {
  readonly recipient: string
  readonly senderName: string
  /** null: the message was not for a list. */
  readonly listName: string | null
  readonly fromList: boolean
  readonly fromEverything: boolean
}

/** Undefined when there is no such message. Changes nothing: mail scanners open every link. */
export async function subscriptionState(
  deps: Pick<UnsubscribeDeps, 'db'>,
  ids: MessageIds,
): Promise<SubscriptionState | undefined> {
  return asTenant(deps.db, ids.tenantId, async (transaction) => {
    const addressee = await selectAddressee(transaction, ids.messageId)
    return addressee === undefined ? undefined : stateOf(transaction, addressee)
  })
}

/**
 * Takes a recipient off the list of the campaign that the message came from, or off everything: subscription,
 * suppression, its announcement and the event, in one transaction. Doing it again changes nothing and is no event.
 * A message without a list is off everything at once. Undefined when there is no such message.
 */
export async function unsubscribe(
  deps: UnsubscribeDeps,
  ids: MessageIds,
  scope: UnsubscribeScope,
): Promise<(SubscriptionState & { readonly changed: boolean }) | undefined> {
  return asTenant(deps.db, ids.tenantId, async (transaction) => {
    const addressee = await selectAddressee(transaction, ids.messageId)
    if (addressee === undefined) return undefined
    const before = await stateOf(transaction, addressee)
    const listId = scope === 'everything' ? null : addressee.list_id
    const isDone = before.fromEverything || (listId !== null && before.fromList)
    if (!isDone) await takeOff(deps, transaction, { ids, addressee, listId })
    return { ...(await stateOf(transaction, addressee)), changed: !isDone }
  })
}

/**
 * Undoes what the link did: unsubscriptions of this list and of everything are taken back, with the subscriptions that
 * they ended. Suppressions for other reasons stay.
 */
export async function resubscribe(
  deps: Pick<UnsubscribeDeps, 'db' | 'clock'>,
  ids: MessageIds,
): Promise<SubscriptionState | undefined> {
  return asTenant(deps.db, ids.tenantId, async (transaction) => {
    const addressee = await selectAddressee(transaction, ids.messageId)
    if (addressee === undefined) return undefined
    const { key } = addressOf(addressee.recipient)
    const endedAt = (await selectEndOfEverything(transaction, key)) ?? null
    await liftUnsubscriptions(transaction, ids.tenantId, [key], null)
    if (addressee.list_id !== null)
      await liftUnsubscriptions(transaction, ids.tenantId, [key], addressee.list_id)
    if (addressee.contact_id !== null) {
      await reviveSubscriptions(
        transaction,
        addressee.contact_id,
        addressee.list_id,
        endedAt,
        deps.clock.now(),
      )
    }
    return stateOf(transaction, addressee)
  })
}

async function takeOff(
  deps: UnsubscribeDeps,
  transaction: Transaction,
  what: { readonly ids: MessageIds; readonly addressee: Addressee; readonly listId: string | null },
): Promise<void> {
  const { ids, addressee, listId } = what
  const { key, domain } = addressOf(addressee.recipient)
  const now = deps.clock.now()
  const entry = { addressKey: key, listId, reason: 'unsubscribed' as const, messageId: ids.messageId }
  await addSuppressions(transaction, ids.tenantId, [entry], now)
  if (addressee.contact_id !== null) await endSubscriptions(transaction, addressee.contact_id, listId, now)
  await deps.appendEvent(transaction, {
    type: 'unsubscribed',
    tenantId: ids.tenantId,
    campaignId: addressee.campaign_id,
    contactId: addressee.contact_id,
    messageId: ids.messageId,
    domain,
    at: now,
  })
}

async function stateOf(transaction: Transaction, addressee: Addressee): Promise<SubscriptionState> {
  const { key } = addressOf(addressee.recipient)
  const standing = await selectStanding(transaction, key, addressee.list_id, addressee.contact_id)
  return {
    recipient: addressee.recipient,
    senderName: addressee.sender_name,
    listName: addressee.list_name,
    fromList: standing.from_list,
    fromEverything: standing.from_everything,
  }
}

function addressOf(recipient: string): { readonly key: string; readonly domain: string } {
  const address = parseAddress(recipient, { allowSingleLabel: true })
  if (!address.ok)
    throw new Error(`A message went to ${JSON.stringify(recipient)}, which is no address: ${address.message}`)
  return address
}
