import { sql } from 'kysely'
import type { Transaction } from '#platform/postgres/database.ts'

export interface FanOutCampaign {
  readonly id: string
  readonly tenant_id: string
  readonly list_id: string
  readonly mode: 'sandbox' | 'live'
  readonly started_at: Date
  readonly fanout_cursor: string | null
}

/** The campaign, locked, if it is sending and not all of its messages exist; another process may have it already. */
export async function lockForFanOut(
  transaction: Transaction,
  campaignId: string,
): Promise<FanOutCampaign | undefined> {
  const found = await sql<FanOutCampaign>`
    select id, tenant_id, list_id, mode, started_at, fanout_cursor
      from campaigns
     where id = ${campaignId} and status = 'sending' and fanout_completed_at is null
       for update skip locked`.execute(transaction)
  return found.rows[0]
}

export interface FanOutChunk {
  /** Subscriptions that the chunk covers: fewer than asked for means that it is the last. */
  readonly covered: number
  /** Those with a contact: one message each. */
  readonly contacts: number
  readonly cursor: string | null
  readonly suppressed: readonly {
    readonly id: string
    readonly contact_id: string
    readonly domain: string
  }[]
}

/**
 * Messages and deliveries of the next contacts after the cursor, in one statement. A suppressed contact gets a
 * message that is final at once and no delivery. Subscriptions younger than the start of the campaign wait for
 * the next one: who gets it is decided when sending begins.
 */
export async function insertChunk(
  transaction: Transaction,
  campaign: FanOutCampaign,
  limit: number,
  now: Date,
): Promise<FanOutChunk> {
  const result = await sql<{
    covered: number
    contacts: number
    cursor: string | null
    suppressed: FanOutChunk['suppressed'] | null
  }>`
    with next as materialized (
      select contact_id from subscriptions
       where list_id = ${campaign.list_id}
         and contact_id > ${campaign.fanout_cursor ?? '00000000-0000-0000-0000-000000000000'}
         and status = 'subscribed' and subscribed_at <= ${campaign.started_at}
       order by contact_id limit ${limit}
    ), page as materialized (
      select new_id() as id, s.contact_id, k.email,
             split_part(k.email_key, '@', -1) as domain,
             exists (
               select from suppressions x
                where x.tenant_id = ${campaign.tenant_id} and x.address_key = k.email_key
                  and (x.list_id is null or x.list_id = ${campaign.list_id})
                  and (x.expires_at is null or x.expires_at > ${now})
             ) as suppressed
        from next s join contacts k on k.id = s.contact_id
    ), made as (
      insert into messages (id, tenant_id, campaign_id, contact_id, recipient, state, mode, created_at, updated_at)
      select id, ${campaign.tenant_id}, ${campaign.id}, contact_id, email,
             (case when suppressed then 'suppressed' else 'queued' end)::message_state, ${campaign.mode}, ${now}, ${now}
        from page
    ), queued as (
      insert into deliveries (message_id, tenant_id, queue_id, contact_id, mode, domain, shard, due_at)
      select p.id, ${campaign.tenant_id}, ${campaign.id}, p.contact_id, ${campaign.mode}, p.domain, r.shard, ${now}
        from page p left join routes r on r.domain = p.domain and r.mode = ${campaign.mode}
       where not p.suppressed
    )
    select (select count(*) from next) as covered, (select contact_id from next order by contact_id desc limit 1) as cursor, count(*) as contacts,
           jsonb_agg(jsonb_build_object('id', id, 'contact_id', contact_id, 'domain', domain)) filter (where suppressed) as suppressed
      from page`.execute(transaction)
  const row = result.rows[0]
  return {
    covered: row?.covered ?? 0,
    contacts: row?.contacts ?? 0,
    cursor: row?.cursor ?? null,
    suppressed: row?.suppressed ?? [],
  }
}

export async function moveCursor(
  transaction: Transaction,
  campaign: FanOutCampaign,
  chunk: FanOutChunk,
  isLast: boolean,
  now: Date,
): Promise<void> {
  await sql`
    update campaigns
       set fanout_cursor = coalesce(${chunk.cursor}, fanout_cursor), accepted = accepted + ${chunk.contacts},
           fanout_completed_at = ${isLast ? now : null}, updated_at = ${now}
     where id = ${campaign.id}`.execute(transaction)
  if (chunk.suppressed.length === 0) return
  await sql`
    insert into campaign_tallies (campaign_id, tenant_id, provider, state, class, retried, count, first_at, last_at)
    values (${campaign.id}, ${campaign.tenant_id}, '', 'suppressed', '', false, ${chunk.suppressed.length}, ${now}, ${now})
    on conflict (campaign_id, provider, state, class, retried)
    do update set count = campaign_tallies.count + excluded.count, last_at = excluded.last_at`.execute(
    transaction,
  )
}
