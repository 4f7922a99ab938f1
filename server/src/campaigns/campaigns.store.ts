import { sql } from 'kysely'
import type { Db, Transaction } from '#platform/postgres/database.ts'
import type { MessageClass } from '#platform/postgres/database.gen.ts'
import { CAMPAIGNS_CHANNEL, type CampaignStatus } from './campaign.ts'

export interface Campaign {
  readonly id: string
  readonly tenant_id: string
  readonly name: string
  readonly status: CampaignStatus
  readonly list_id: string | null
  readonly template_id: string | null
  readonly template_version: number | null
  readonly subject: string | null
  readonly from_email: string
  readonly from_name: string | null
  readonly reply_to: string | null
  readonly pool_id: string | null
  readonly message_class: MessageClass
  readonly expires_after_minutes: number | null
  readonly track_opens: boolean | null
  readonly track_clicks: boolean | null
  readonly mode: 'sandbox' | 'live' | null
  readonly scheduled_local: string | null
  readonly time_zone: string | null
  readonly scheduled_at: Date | null
  readonly missed_at: Date | null
  readonly problem: string | null
  readonly started_at: Date | null
  readonly paused_at: Date | null
  readonly cancelled_at: Date | null
  readonly completed_at: Date | null
  readonly fanout_completed_at: Date | null
  readonly accepted: number
  readonly created_at: Date
  readonly updated_at: Date
}

export interface CampaignFields {
  readonly name: string
  readonly list_id: string | null
  readonly template_id: string | null
  readonly subject: string | null
  readonly from_email: string
  readonly from_name: string | null
  readonly reply_to: string | null
  readonly pool_id: string | null
  readonly message_class: MessageClass
  readonly expires_after_minutes: number | null
  /** null: as the tenant says. */
  readonly track_opens: boolean | null
  readonly track_clicks: boolean | null
}

export async function insertCampaign(
  transaction: Transaction,
  tenantId: string,
  fields: CampaignFields,
  now: Date,
): Promise<Campaign> {
  const made = await sql<Campaign>`
    insert into campaigns (tenant_id, name, list_id, template_id, subject, from_email, from_name, reply_to, pool_id, message_class, expires_after_minutes, track_opens, track_clicks, created_at, updated_at)
    values (${tenantId}, ${fields.name}, ${fields.list_id}, ${fields.template_id}, ${fields.subject}, ${fields.from_email},
            ${fields.from_name}, ${fields.reply_to}, ${fields.pool_id}, ${fields.message_class}::message_class, ${fields.expires_after_minutes},
            ${fields.track_opens}, ${fields.track_clicks}, ${now}, ${now})
    returning *`.execute(transaction)
  return firstOf(made.rows)
}

export async function updateCampaign(
  transaction: Transaction,
  id: string,
  fields: CampaignFields,
  now: Date,
): Promise<Campaign> {
  const changed = await sql<Campaign>`
    update campaigns
       set name = ${fields.name}, list_id = ${fields.list_id}, template_id = ${fields.template_id}, subject = ${fields.subject},
           from_email = ${fields.from_email}, from_name = ${fields.from_name}, reply_to = ${fields.reply_to},
           pool_id = ${fields.pool_id}, message_class = ${fields.message_class}::message_class,
           expires_after_minutes = ${fields.expires_after_minutes}, track_opens = ${fields.track_opens},
           track_clicks = ${fields.track_clicks}, problem = null,
           updated_at = ${now}
     where id = ${id} returning *`.execute(transaction)
  return firstOf(changed.rows)
}

/** The campaign, if this tenant has it. `lock` holds it until the transaction ends. */
export async function findCampaign(
  db: Db,
  id: string,
  options: { lock?: boolean } = {},
): Promise<Campaign | undefined> {
  const lock = options.lock === true ? sql`for update` : sql``
  const found = await sql<Campaign>`select * from campaigns where id = ${id} ${lock}`.execute(db)
  return found.rows[0]
}

export async function listCampaigns(
  db: Db,
  page: { after: string | null; rows: number; status: CampaignStatus | null },
): Promise<Campaign[]> {
  const found = await sql<Campaign>`
    select * from campaigns
     where (${page.after}::uuid is null or id < ${page.after}) and (${page.status}::campaign_status is null or status = ${page.status})
     order by id desc limit ${page.rows}`.execute(db)
  return found.rows
}

export async function deleteCampaign(transaction: Transaction, id: string): Promise<void> {
  await sql`delete from campaigns where id = ${id}`.execute(transaction)
}

export interface StatusChange {
  readonly status: CampaignStatus
  readonly set: Readonly<
    Partial<Pick<Campaign, 'scheduled_local' | 'time_zone' | 'scheduled_at' | 'missed_at' | 'problem'>>
  > &
    Readonly<
      Partial<
        Pick<
          Campaign,
          | 'started_at'
          | 'paused_at'
          | 'cancelled_at'
          | 'completed_at'
          | 'template_version'
          | 'mode'
          | 'list_id'
        >
      >
    >
}

/** Moves the status, and tells delivery at once (on commit). */
export async function changeStatus(
  transaction: Transaction,
  id: string,
  change: StatusChange,
  now: Date,
): Promise<Campaign> {
  const sets = Object.entries(change.set).map(([column, value]) => sql`${sql.ref(column)} = ${value}`)
  const changed = await sql<Campaign>`
    update campaigns set ${sql.join([sql`status = ${change.status}::campaign_status`, sql`updated_at = ${now}`, ...sets])}
     where id = ${id} returning *`.execute(transaction)
  await sql`select pg_notify(${CAMPAIGNS_CHANNEL}, ${JSON.stringify({ id, status: change.status })})`.execute(
    transaction,
  )
  return firstOf(changed.rows)
}

/** What sending needs to know of the list and the template that a campaign names. */
export async function findReadiness(
  transaction: Transaction,
  campaign: Campaign,
): Promise<{
  list: { has_subscribers: boolean } | undefined
  template: { version: number; is_active: boolean } | undefined
  mode: 'sandbox' | 'live'
}> {
  const list = await sql<{ has_subscribers: boolean }>`
    select exists (select from subscriptions s where s.list_id = l.id and s.status = 'subscribed') as has_subscribers
      from lists l where l.id = ${campaign.list_id}`.execute(transaction)
  const template = await sql<{ version: number; is_active: boolean }>`
    select version, is_active from templates where id = ${campaign.template_id}`.execute(transaction)
  const tenant = await sql<{
    mode: 'sandbox' | 'live'
  }>`select mode from tenants where tenant_id = ${campaign.tenant_id}`.execute(transaction)
  return { list: list.rows[0], template: template.rows[0], mode: tenant.rows[0]?.mode ?? 'sandbox' }
}

export interface Tally {
  readonly provider: string
  readonly state: 'delivered' | 'sent' | 'bounced' | 'failed' | 'suppressed' | 'cancelled'
  readonly class: string
  readonly retried: boolean
  readonly count: number
  readonly first_at: Date
  readonly last_at: Date
}

export async function findTallies(db: Db, campaignId: string): Promise<Tally[]> {
  const found = await sql<Tally>`
    select provider, state, class, retried, count, first_at, last_at from campaign_tallies
     where campaign_id = ${campaignId} order by provider, state, class, retried`.execute(db)
  return found.rows
}

export interface Recipient {
  readonly id: string
  readonly contact_id: string | null
  readonly recipient: string
  readonly state: string
  readonly provider: string
  readonly attempts: number
  readonly code: number | null
  readonly class: string | null
  readonly reply: string | null
  readonly updated_at: Date
}

export async function listRecipients(
  db: Db,
  campaignId: string,
  page: { after: string | null; rows: number; state: string | null },
): Promise<Recipient[]> {
  const found = await sql<Recipient>`
    select id, contact_id, recipient, state, provider, attempts, code, class, reply, updated_at from messages
     where campaign_id = ${campaignId} and (${page.after}::uuid is null or contact_id > ${page.after})
       and (${page.state}::message_state is null or state = ${page.state}::message_state)
     order by contact_id limit ${page.rows}`.execute(db)
  return found.rows
}

function firstOf(rows: readonly Campaign[]): Campaign {
  const [row] = rows
  if (row === undefined) throw new Error('A statement that returns the campaign returned none.')
  return row
}

export async function selectNames(db: Db, ids: readonly string[]): Promise<{ id: string; name: string }[]> {
  const found = await sql<{ id: string; name: string }>`
    select id, name from campaigns where tenant_id = current_tenant() and id = any(${[...ids]}::uuid[])`.execute(
    db,
  )
  return found.rows
}
