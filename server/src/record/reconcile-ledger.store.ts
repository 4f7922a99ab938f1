import { sql, type RawBuilder } from 'kysely'
import type { Db } from '#platform/postgres/database.ts'

export interface CampaignToCount {
  readonly id: string
  readonly tenant_id: string
  readonly accepted: number
}

/** Campaigns that have begun, in the order of their ids, after `after`. */
export async function listCampaigns(db: Db, after: string | null, limit: number): Promise<CampaignToCount[]> {
  const found = await sql<CampaignToCount>`
    select id, tenant_id, accepted from campaigns
     where (${after}::uuid is null or id > ${after}) order by id limit ${limit}`.execute(db)
  return found.rows
}

const FINAL = sql`('delivered', 'sent', 'bounced', 'failed', 'suppressed', 'cancelled')`

/** What a message counts as in `campaign_tallies`: what was cancelled says nothing about attempts. */
const TALLY_KEY = sql`
  m.provider, m.state, case when m.state = 'cancelled' then '' else coalesce(m.class, '') end,
  m.state <> 'cancelled' and m.attempts > 1`

export interface TallyDifference {
  readonly campaign_id: string
  readonly provider: string
  readonly state: string
  readonly class: string
  readonly retried: boolean
  /** What the messages add up to. */
  readonly recounted: number
  /** What `campaign_tallies` says. */
  readonly stored: number
}

/** Rows of `campaign_tallies` that are not what the messages add up to. */
export async function compareTallies(db: Db, campaigns: readonly string[]): Promise<TallyDifference[]> {
  const found = await sql<TallyDifference>`
    with recount as (
      select m.campaign_id, ${TALLY_KEY}, count(*) from messages m
       where m.campaign_id = any(${campaigns}::uuid[]) and m.state in ${FINAL} group by 1, 2, 3, 4, 5
    ), counted (campaign_id, provider, state, class, retried, count) as (select * from recount)
    select coalesce(t.campaign_id, c.campaign_id) as campaign_id, coalesce(t.provider, c.provider) as provider,
           coalesce(t.state, c.state) as state, coalesce(t.class, c.class) as class, coalesce(t.retried, c.retried) as retried,
           coalesce(c.count, 0) as recounted, coalesce(t.count, 0) as stored
      from (select * from campaign_tallies where campaign_id = any(${campaigns}::uuid[])) t
      full join counted c on (c.campaign_id, c.provider, c.state, c.class, c.retried) = (t.campaign_id, t.provider, t.state, t.class, t.retried)
     where coalesce(t.count, 0) <> coalesce(c.count, 0)
     order by 1, 2, 3, 4, 5`.execute(db)
  return found.rows
}

export interface AcceptedDifference {
  readonly id: string
  readonly accepted: number
  readonly messages: number
}

/** Campaigns whose `accepted` is not the number of their messages, and how many messages there are in all. */
export async function countMessages(
  db: Db,
  campaigns: readonly string[],
): Promise<{ total: number; differences: AcceptedDifference[] }> {
  const found = await sql<AcceptedDifference>`
    select c.id, c.accepted, coalesce(m.messages, 0) as messages
      from campaigns c
      left join (select campaign_id, count(*) as messages from messages where campaign_id = any(${campaigns}::uuid[]) group by 1) m
        on m.campaign_id = c.id
     where c.id = any(${campaigns}::uuid[]) order by c.id`.execute(db)
  return {
    total: found.rows.reduce((sum, row) => sum + row.messages, 0),
    differences: found.rows.filter((row) => row.accepted !== row.messages),
  }
}

/** Messages that are to be delivered and have no delivery, and deliveries without such a message. */
export async function findUnpaired(db: Db, campaigns: readonly string[], limit: number): Promise<string[]> {
  const found = await sql<{ id: string }>`
    (select m.id from messages m
      where m.campaign_id = any(${campaigns}::uuid[]) and m.state not in ${FINAL}
        and not exists (select from deliveries d where d.message_id = m.id) order by m.id limit ${limit})
    union all
    (select d.message_id from deliveries d left join messages m on m.id = d.message_id
      where d.queue_id = any(${campaigns}::uuid[]) and (m.id is null or m.state in ${FINAL}) order by d.message_id limit ${limit})`.execute(
    db,
  )
  return found.rows.map((row) => row.id)
}

/** Messages that are a second one of their campaign to the same contact. */
export async function findDoubles(
  db: Db,
  campaigns: readonly string[],
  limit: number,
): Promise<{ id: string; first: string }[]> {
  const found = await sql<{ id: string; first: string }>`
    select m.id, (select min(o.id::text) from messages o where o.campaign_id = m.campaign_id and o.contact_id = m.contact_id) as first
      from (select campaign_id, contact_id from messages
             where campaign_id = any(${campaigns}::uuid[]) and contact_id is not null
             group by 1, 2 having count(*) > 1 limit ${limit}) twice
      join messages m on m.campaign_id = twice.campaign_id and m.contact_id = twice.contact_id
     limit ${limit * 2}`.execute(db)
  return found.rows.filter((row) => row.id !== row.first)
}

/** Messages and deliveries of campaigns that do not exist. */
export async function findStrays(
  db: Db,
  limit: number,
): Promise<{ table: 'messages' | 'deliveries'; id: string; campaign_id: string }[]> {
  const found = await sql<{ table: 'messages' | 'deliveries'; id: string; campaign_id: string }>`
    (select 'messages' as table, m.id, m.campaign_id from messages m
      where m.campaign_id is not null and not exists (select from campaigns c where c.id = m.campaign_id) limit ${limit})
    union all
    (select 'deliveries', d.message_id, d.queue_id from deliveries d
      where not exists (select from campaigns c where c.id = d.queue_id) limit ${limit})`.execute(db)
  return found.rows
}

export async function knownCampaigns(db: Db, ids: readonly string[]): Promise<Set<string>> {
  const found = await sql<{ id: string }>`select id from campaigns where id = any(${ids}::uuid[])`.execute(db)
  return new Set(found.rows.map((row) => row.id))
}

/** The last 32 bits of an id, which are random, as a number: what both databases compute alike. */
function bitsOf(id: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`(('x' || right(${id}::text, 8))::bit(32)::bigint)`
}

export interface Span {
  readonly until: Date
  /** Older ones may have left the history. */
  readonly eventsSince: Date
  readonly attemptsSince: Date
}

export interface BucketSum {
  readonly campaign_id: string
  readonly bucket: number
  readonly state: string
  readonly messages: number
  /** Sum of the ids' bits. */
  readonly bits: number
  readonly tries: number
}

/** Messages, their ids and attempts, added up in buckets, to be compared with the same sums of the events. */
export async function sumMessages(
  db: Db,
  campaigns: readonly string[],
  buckets: number,
  span: Span,
): Promise<BucketSum[]> {
  const found = await sql<BucketSum>`
    select campaign_id, (bits % ${buckets}::bigint)::int as bucket, state::text as state, count(*) as messages,
           sum(bits)::bigint as bits, sum(attempts)::bigint as tries
      from (select campaign_id, ${bitsOf(sql`id`)} as bits, state, attempts from messages
             where campaign_id = any(${campaigns}::uuid[]) and (state in ${FINAL} or state = 'deferred')
               and updated_at <= ${span.until} and updated_at > ${span.eventsSince}) m
     group by 1, 2, 3`.execute(db)
  return found.rows
}

/** The same of the messages whose last attempt ended them, to be compared with the attempts. */
export async function sumTried(
  db: Db,
  campaigns: readonly string[],
  buckets: number,
  span: Span,
): Promise<BucketSum[]> {
  const found = await sql<BucketSum>`
    select campaign_id, (bits % ${buckets}::bigint)::int as bucket, state::text as state, count(*) as messages,
           sum(bits)::bigint as bits, sum(attempts)::bigint as tries
      from (select campaign_id, ${bitsOf(sql`id`)} as bits, coalesce(bounced_from, state) as state, attempts from messages
             where campaign_id = any(${campaigns}::uuid[]) and coalesce(bounced_from, state) in ${FINAL} and state <> 'cancelled' and attempts > 0
               and updated_at <= ${span.until} and updated_at > ${span.attemptsSince}) m
     group by 1, 2, 3`.execute(db)
  return found.rows
}

export interface LedgerMessage {
  readonly id: string
  readonly tenant_id: string
  readonly campaign_id: string | null
  /** Null when there is a delivery without a message. */
  readonly state: string | null
  readonly provider: string
  readonly class: string
  readonly attempts: number
  /** What a bounce that came back later has taken the message from. */
  readonly bounced_from: string | null
  readonly updated_at: Date
  readonly waits: boolean
}

const MESSAGE = sql`
  coalesce(m.id, d.message_id) as id, coalesce(m.tenant_id, d.tenant_id) as tenant_id, coalesce(m.campaign_id, d.queue_id) as campaign_id,
  m.state::text as state, m.bounced_from::text as bounced_from, coalesce(m.provider, '') as provider, coalesce(m.class, '') as class, coalesce(m.attempts, 0) as attempts,
  coalesce(m.updated_at, d.due_at) as updated_at, d.message_id is not null as waits`

export async function findMessages(db: Db, ids: readonly string[]): Promise<LedgerMessage[]> {
  const found = await sql<LedgerMessage>`
    select ${MESSAGE} from (select * from messages where id = any(${ids}::uuid[])) m
      full join (select * from deliveries where message_id = any(${ids}::uuid[])) d on d.message_id = m.id`.execute(
    db,
  )
  return found.rows
}

/** The messages of some buckets of a campaign. */
export async function findInBuckets(
  db: Db,
  campaignId: string,
  buckets: number,
  wanted: readonly number[],
): Promise<LedgerMessage[]> {
  const found = await sql<LedgerMessage>`
    select ${MESSAGE} from messages m left join deliveries d on d.message_id = m.id
     where m.campaign_id = ${campaignId} and ${bitsOf(sql`m.id`)} % ${buckets}::bigint = any(${wanted}::bigint[])`.execute(
    db,
  )
  return found.rows
}
