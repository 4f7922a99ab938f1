import { sql } from 'kysely'
import type { Analytics } from '#platform/analytics/open-analytics.ts'
import type { Transaction } from '#platform/postgres/database.ts'

type Row = Readonly<Record<string, unknown>>

/** The key of a contact's address. */
export async function selectKeyOfContact(transaction: Transaction, id: string): Promise<string | undefined> {
  const { rows } = await sql<{ key: string }>`select email_key as key from contacts where id = ${id}`.execute(
    transaction,
  )
  return rows[0]?.key
}

/** What is known of an address beside its messages, of the transaction's tenant. */
export async function selectPerson(transaction: Transaction, key: string): Promise<Record<string, Row[]>> {
  const contacts = await sql<Row>`
    select id, email, first_name, last_name, attributes, created_at, updated_at from contacts
     where tenant_id = current_tenant() and email_key = ${key}`.execute(transaction)
  const subscriptions = await sql<Row>`
    select s.list_id, l.name, s.status, s.subscribed_at, s.unsubscribed_at
      from contacts c join subscriptions s on s.contact_id = c.id join lists l on l.id = s.list_id
     where c.tenant_id = current_tenant() and c.email_key = ${key} order by s.list_id`.execute(transaction)
  const suppressions = await sql<Row>`
    select id, address_key as email, list_id, reason, mode, message_id, note, created_at, expires_at, held_at from suppressions
     where tenant_id = current_tenant() and address_key = ${key} order by id`.execute(transaction)
  const strikes = await sql<Row>`
    select mode, address_key as email, ambiguous_at, soft_at, updated_at from bounce_strikes
     where tenant_id = current_tenant() and address_key = ${key} order by mode`.execute(transaction)
  return {
    contacts: contacts.rows,
    subscriptions: subscriptions.rows,
    suppressions: suppressions.rows,
    bounce_strikes: strikes.rows,
  }
}

/** Campaigns of the transaction's tenant, from the oldest. */
export async function selectCampaignIds(
  transaction: Transaction,
  page: { readonly after: string; readonly rows: number },
): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select id from campaigns where tenant_id = current_tenant() and id > ${page.after} order by id limit ${page.rows}`.execute(
    transaction,
  )
  return rows.map(({ id }) => id)
}

/** Messages of a campaign to an address, those too whose contact is gone. Reads the campaign: no index knows recipients. */
export async function selectMessages(
  transaction: Transaction,
  campaignId: string,
  key: string,
): Promise<Row[]> {
  const { rows } = await sql<Row>`
    select id, campaign_id, contact_id, recipient, state, mode, in_doubt, provider, attempts, code, enhanced, class, reply,
           created_at, updated_at
      from messages
     where campaign_id = ${campaignId}
       and (lower(recipient) = ${key}
            or contact_id = (select id from contacts where tenant_id = current_tenant() and email_key = ${key}))
     order by id`.execute(transaction)
  return rows
}

/** What happened to these messages: with the addresses and the programs of whoever opened and clicked. */
export async function readHistory(
  analytics: Analytics,
  tenantId: string,
  messageIds: readonly string[],
): Promise<{ events: Row[]; attempts: Row[] }> {
  const params = { tenant: tenantId, messages: messageIds }
  const ofThese = 'tenant_id = {tenant:UUID} and message_id in {messages:Array(UUID)}'
  return {
    events: await analytics.query<Row>(
      `select * except (tenant_id, created_at) from email_events where ${ofThese} order by timestamp, attempt`,
      params,
    ),
    attempts: await analytics.query<Row>(
      `select * except (tenant_id) from attempts where ${ofThese} order by started_at, attempt`,
      params,
    ),
  }
}
