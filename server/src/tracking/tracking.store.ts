import { sql } from 'kysely'
import type { Transaction } from '#platform/postgres/database.ts'

/** To whom a message went and for which list. */
export interface Addressee {
  readonly recipient: string
  readonly campaign_id: string | null
  readonly contact_id: string | null
  readonly list_id: string | null
  readonly list_name: string | null
  readonly sender_name: string
}

export async function selectAddressee(db: Transaction, messageId: string): Promise<Addressee | undefined> {
  const found = await sql<Addressee>`
    select m.recipient, m.campaign_id, m.contact_id, k.list_id, l.name as list_name, t.name as sender_name
      from messages m
      join tenants t on t.tenant_id = m.tenant_id
      left join campaigns k on k.id = m.campaign_id
      left join lists l on l.id = k.list_id
     where m.id = ${messageId}`.execute(db)
  return found.rows[0]
}

export interface Standing {
  /** There is a suppression because of an unsubscription: of this list, of everything. */
  readonly from_list: boolean
  readonly from_everything: boolean
}

export async function selectStanding(
  db: Transaction,
  addressKey: string,
  listId: string | null,
  contactId: string | null,
): Promise<Standing> {
  const found = await sql<Standing>`
    select (exists (select from suppressions where tenant_id = current_tenant() and address_key = ${addressKey}
                                               and list_id = ${listId} and reason = 'unsubscribed')
            or exists (select from subscriptions where list_id = ${listId} and contact_id = ${contactId} and status = 'unsubscribed')
           ) as from_list,
           exists (select from suppressions where tenant_id = current_tenant() and address_key = ${addressKey}
                                              and list_id is null and reason = 'unsubscribed') as from_everything`.execute(
    db,
  )
  return found.rows[0] ?? { from_list: false, from_everything: false }
}

/** Ends subscriptions that are not ended yet: one list, or (null) all lists of the contact. */
export async function endSubscriptions(
  db: Transaction,
  contactId: string,
  listId: string | null,
  now: Date,
): Promise<void> {
  await sql`
    update subscriptions set status = 'unsubscribed', unsubscribed_at = ${now}
     where contact_id = ${contactId} and (${listId}::uuid is null or list_id = ${listId}) and status = 'subscribed'`.execute(
    db,
  )
}

/** When the unsubscription from everything was made, which is also the time of the subscriptions that it ended. */
export async function selectEndOfEverything(db: Transaction, addressKey: string): Promise<Date | undefined> {
  const found = await sql<{ created_at: Date }>`
    select created_at from suppressions
     where tenant_id = current_tenant() and address_key = ${addressKey} and list_id is null and reason = 'unsubscribed'`.execute(
    db,
  )
  return found.rows[0]?.created_at
}

/** Revives the subscription to this list, and those that ended at that moment. */
export async function reviveSubscriptions(
  db: Transaction,
  contactId: string,
  listId: string | null,
  endedAt: Date | null,
  now: Date,
): Promise<void> {
  await sql`
    update subscriptions set status = 'subscribed', subscribed_at = ${now}, unsubscribed_at = null
     where contact_id = ${contactId} and status = 'unsubscribed'
       and (list_id = ${listId} or unsubscribed_at = ${endedAt}::timestamptz)`.execute(db)
}
