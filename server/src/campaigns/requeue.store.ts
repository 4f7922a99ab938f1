import { sql } from 'kysely'
import type { SendingMode } from '#events/email-events.ts'
import type { Transaction } from '#platform/postgres/database.ts'
import { CAMPAIGNS_CHANNEL } from './campaign.ts'

/** A campaign that has begun and was not cancelled, locked. */
export async function lockBegun(
  transaction: Transaction,
  campaignId: string,
): Promise<{ id: string } | undefined> {
  const found = await sql<{ id: string }>`
    select id from campaigns where id = ${campaignId} and status in ('sending', 'paused', 'sent') for update`.execute(
    transaction,
  )
  return found.rows[0]
}

export interface RequeuePart {
  readonly campaignId: string
  /** Null: of every provider. */
  readonly provider: string | null
  /** Contacts up to this one are done; null for none. */
  readonly after: string | null
  readonly classes: readonly string[]
}

export interface RequeuedMessage {
  readonly id: string
  readonly tenant_id: string
  readonly contact_id: string
  readonly domain: string
  readonly provider: string
  readonly attempts: number
}

export interface RequeueChunk {
  readonly moved: readonly RequeuedMessage[]
  /** The last contact that was looked at; null when there is none left. */
  readonly cursor: string | null
}

/**
 * Looks at the next `limit` messages of a campaign and makes those wait again that ended as failed or bounced for one of
 * the classes: a new delivery whose attempts go on counting, and a tally less. A contact that was erased stays out.
 */
export async function requeueChunk(
  transaction: Transaction,
  part: RequeuePart,
  limit: number,
  now: Date,
): Promise<RequeueChunk> {
  const ofProvider = part.provider === null ? sql`` : sql`and p.provider = ${part.provider}`
  const result = await sql<{ cursor: string | null; moved: readonly RequeuedMessage[] | null }>`
    with page as materialized (
      select id, contact_id, provider, state, class, code, enhanced, reply from messages
       where campaign_id = ${part.campaignId} and contact_id > coalesce(${part.after}, '00000000-0000-0000-0000-000000000000'::uuid)
       order by contact_id limit ${limit}
    ), moved as (
      update messages m set state = 'deferred', requeued_after = m.attempts, in_doubt = false, updated_at = ${now}
        from page p join contacts k on k.id = p.contact_id
       where m.id = p.id and m.state in ('bounced', 'failed') and p.class = any(${[...part.classes]}::text[]) ${ofProvider}
      returning m.id, m.tenant_id, m.contact_id, m.mode, m.provider, m.attempts, p.state, p.class, p.code, p.enhanced, p.reply,
                split_part(k.email_key, '@', -1) as domain
    ), queued as (
      insert into deliveries (message_id, tenant_id, queue_id, contact_id, mode, domain, shard, destination, attempt, due_at, last_reply)
      select m.id, m.tenant_id, ${part.campaignId}::uuid, m.contact_id, m.mode, m.domain, r.shard, r.destination, m.attempts, ${now}::timestamptz,
             case when m.code is not null then jsonb_build_object('code', m.code, 'enhanced', m.enhanced, 'reply', m.reply) end
        from moved m left join routes r on r.domain = m.domain and r.mode = m.mode
    ), counted as (
      insert into campaign_tallies (campaign_id, tenant_id, provider, state, class, retried, count, first_at, last_at)
      select ${part.campaignId}::uuid, tenant_id, provider, state, class, attempts > 1, -count(*), ${now}::timestamptz, ${now}::timestamptz
        from moved group by 1, 2, 3, 4, 5, 6 order by 3, 4, 5, 6
      on conflict (campaign_id, provider, state, class, retried) do update set count = campaign_tallies.count + excluded.count
    )
    select (select contact_id from page order by contact_id desc limit 1) as cursor,
           (select jsonb_agg(jsonb_build_object('id', id, 'tenant_id', tenant_id, 'contact_id', contact_id, 'domain', domain,
                                                'provider', provider, 'attempts', attempts)) from moved) as moved`.execute(
    transaction,
  )
  const row = result.rows[0]
  return { cursor: row?.cursor ?? null, moved: row?.moved ?? [] }
}

/** After messages of it wait again: its empty tallies go, and one that was sent is sending again, which delivery is told. */
export async function reopenCampaign(transaction: Transaction, campaignId: string, now: Date): Promise<void> {
  await sql`delete from campaign_tallies where campaign_id = ${campaignId} and count = 0`.execute(transaction)
  const reopened = await sql<{ mode: SendingMode }>`
    update campaigns set status = 'sending', completed_at = null, updated_at = ${now}
     where id = ${campaignId} and status = 'sent' returning mode`.execute(transaction)
  if (reopened.rows.length === 0) return
  await sql`select pg_notify(${CAMPAIGNS_CHANNEL}, ${JSON.stringify({ id: campaignId, status: 'sending' })})`.execute(
    transaction,
  )
}
