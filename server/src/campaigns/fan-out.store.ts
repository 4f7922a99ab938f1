import { sql } from 'kysely'
import type { Transaction } from '#platform/postgres/database.ts'

export interface UnpartedCampaign {
  readonly id: string
  readonly tenant_id: string
  readonly list_id: string
}

/** The campaign, locked, if it is sending and its fan-out has not begun; another process may have it already. */
export async function lockUnparted(
  transaction: Transaction,
  campaignId: string,
): Promise<UnpartedCampaign | undefined> {
  const found = await sql<UnpartedCampaign>`
    select id, tenant_id, list_id from campaigns
     where id = ${campaignId} and status = 'sending' and fanout_completed_at is null and fanout_parts_left is null
       for update skip locked`.execute(transaction)
  return found.rows[0]
}

/** Divides the list at every `parts`-th of its contacts, in the order of their ids; a list below `splitAt` stays whole. */
export async function insertParts(
  transaction: Transaction,
  campaign: UnpartedCampaign,
  parts: number,
  splitAt: number,
): Promise<void> {
  const counted = await sql<{ subscribed: number }>`
    select coalesce(sum(subscribed), 0)::bigint as subscribed from list_counts where list_id = ${campaign.list_id}`.execute(
    transaction,
  )
  const subscribed = counted.rows[0]?.subscribed ?? 0
  const wanted = subscribed < splitAt ? 1 : parts
  await sql`
    with bounds as materialized (
      select n, (select contact_id from subscriptions where list_id = ${campaign.list_id}
                  order by contact_id offset ${Math.floor(subscribed / wanted)} * n limit 1) as contact_id
        from generate_series(1, ${wanted} - 1) n
    ), made as (
      insert into campaign_parts (campaign_id, tenant_id, part, cursor, until)
      select ${campaign.id}, ${campaign.tenant_id}, n,
             coalesce((select contact_id from bounds where bounds.n = series.n), '00000000-0000-0000-0000-000000000000'),
             (select contact_id from bounds where bounds.n = series.n + 1)
        from generate_series(0, ${wanted} - 1) series(n)
       where n = 0 or exists (select from bounds where bounds.n = series.n and contact_id is not null)
      returning 1
    )
    update campaigns set fanout_parts_left = (select count(*) from made) where id = ${campaign.id}`.execute(
    transaction,
  )
}

export interface FanOutPart {
  readonly campaign_id: string
  readonly tenant_id: string
  readonly list_id: string
  readonly mode: 'sandbox' | 'live'
  readonly started_at: Date
  readonly part: number
  readonly cursor: string
  readonly until: string | null
}

/** A part of a campaign that is sending, locked: one that is not finished and that nobody else has in hand. */
export async function lockFreePart(
  transaction: Transaction,
  campaignId: string,
): Promise<FanOutPart | undefined> {
  const found = await sql<FanOutPart>`
    select p.campaign_id, p.tenant_id, p.part, p.cursor, p.until, c.list_id, c.mode, c.started_at
      from campaign_parts p join campaigns c on c.id = p.campaign_id
     where p.campaign_id = ${campaignId} and p.completed_at is null and c.status = 'sending'
     order by p.part limit 1
       for update of p skip locked`.execute(transaction)
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
  part: FanOutPart,
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
       where list_id = ${part.list_id}
         and contact_id > ${part.cursor} and contact_id <= coalesce(${part.until}, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
         and status = 'subscribed' and subscribed_at <= ${part.started_at}
       order by contact_id limit ${limit}
    ), page as materialized (
      select new_id() as id, s.contact_id, k.email,
             split_part(k.email_key, '@', -1) as domain,
             exists (
               select from suppressions x
                where x.tenant_id = ${part.tenant_id} and x.address_key = k.email_key
                  and (x.list_id is null or x.list_id = ${part.list_id})
                  and (x.mode is null or x.mode = ${part.mode}) and x.held_at is null
                  and (x.expires_at is null or x.expires_at > ${now})
             ) as suppressed
        from next s join contacts k on k.id = s.contact_id
    ), made as (
      insert into messages (id, tenant_id, campaign_id, contact_id, recipient, state, mode, created_at, updated_at)
      select id, ${part.tenant_id}, ${part.campaign_id}, contact_id, email,
             (case when suppressed then 'suppressed' else 'queued' end)::message_state, ${part.mode}, ${now}, ${now}
        from page
    ), queued as (
      insert into deliveries (message_id, tenant_id, queue_id, contact_id, mode, domain, shard, destination, due_at)
      select p.id, ${part.tenant_id}, ${part.campaign_id}, p.contact_id, ${part.mode}, p.domain, r.shard, r.destination, ${now}
        from page p left join routes r on r.domain = p.domain and r.mode = ${part.mode}
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
  part: FanOutPart,
  chunk: FanOutChunk,
  completedAt: Date | null,
): Promise<void> {
  await sql`
    update campaign_parts set cursor = coalesce(${chunk.cursor}, cursor), completed_at = ${completedAt}
     where campaign_id = ${part.campaign_id} and part = ${part.part}`.execute(transaction)
}

/** Adds the chunk to its campaign. False when that is no longer sending: then the chunk must not be committed. */
export async function countChunk(
  transaction: Transaction,
  part: FanOutPart,
  chunk: FanOutChunk,
  isLast: boolean,
  now: Date,
): Promise<boolean> {
  const ended = isLast ? 1 : 0
  const counted = await sql`
    update campaigns
       set accepted = accepted + ${chunk.contacts}, fanout_parts_left = fanout_parts_left - ${ended},
           fanout_completed_at = case when fanout_parts_left = ${ended} then ${now}::timestamptz end, updated_at = ${now}
     where id = ${part.campaign_id} and status = 'sending'`.execute(transaction)
  if ((counted.numAffectedRows ?? 0n) === 0n) return false
  if (chunk.suppressed.length === 0) return true
  await sql`
    insert into campaign_tallies (campaign_id, tenant_id, provider, state, class, retried, count, first_at, last_at)
    values (${part.campaign_id}, ${part.tenant_id}, '', 'suppressed', '', false, ${chunk.suppressed.length}, ${now}, ${now})
    on conflict (campaign_id, provider, state, class, retried)
    do update set count = campaign_tallies.count + excluded.count, last_at = excluded.last_at`.execute(
    transaction,
  )
  return true
}
