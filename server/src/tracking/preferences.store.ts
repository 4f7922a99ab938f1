import { sql } from 'kysely'
import type { Transaction } from '#platform/postgres/database.ts'

export interface ListChoice {
  readonly id: string
  readonly name: string
  readonly description: string | null
  readonly is_subscribed: boolean
}

/** Lists of one contact that are shown to recipients at most. */
const MAX_LISTS = 100

/**
 * The lists that a contact is or was on: those that are public, and the one that the message came from, whose name it knows
 * anyway. A list that the address is suppressed for is one that it is not on.
 */
export async function selectChoices(
  db: Transaction,
  contactId: string,
  addressKey: string,
  ownListId: string | null,
): Promise<ListChoice[]> {
  const found = await sql<ListChoice>`
    select l.id, l.name, l.description,
           s.status = 'subscribed' and not exists (
             select from suppressions x
              where x.tenant_id = current_tenant() and x.address_key = ${addressKey}
                and (x.list_id is null or x.list_id = l.id) and x.reason = 'unsubscribed') as is_subscribed
      from subscriptions s
      join lists l on l.id = s.list_id
     where s.contact_id = ${contactId} and l.status = 'active' and (l.is_public or l.id = ${ownListId})
     order by l.name, l.id limit ${MAX_LISTS}`.execute(db)
  return found.rows
}

/** The subscriptions to these lists live again; nothing else is touched. */
export async function reviveLists(
  db: Transaction,
  contactId: string,
  listIds: readonly string[],
  now: Date,
): Promise<void> {
  await sql`
    update subscriptions set status = 'subscribed', subscribed_at = ${now}, unsubscribed_at = null
     where contact_id = ${contactId} and list_id = any(${listIds}::uuid[]) and status = 'unsubscribed'`.execute(
    db,
  )
}
