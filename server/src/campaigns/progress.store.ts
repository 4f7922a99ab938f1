import { sql } from 'kysely'
import type { Db, Transaction } from '#platform/postgres/database.ts'

export interface ActiveCampaign {
  readonly id: string
  readonly tenant_id: string
  readonly status: 'sending' | 'paused' | 'cancelled'
  readonly mode: 'sandbox' | 'live'
  readonly message_class: 'bulk' | 'transactional'
  readonly fanout_completed_at: Date | null
}

/** Campaigns with work left, oldest first. */
export async function findActive(db: Db): Promise<ActiveCampaign[]> {
  const found = await sql<ActiveCampaign>`
    select id, tenant_id, status, mode, message_class, fanout_completed_at from campaigns
     where status in ('sending', 'paused', 'cancelled') and completed_at is null and started_at is not null
     order by started_at limit 1000`.execute(db)
  return found.rows
}

export interface FinishedCampaign {
  readonly tenant_id: string
  readonly name: string
  readonly status: 'sent' | 'cancelled'
}

/** `sent` when every message is final: nothing is left in `deliveries`. Undefined when something is. */
export async function completeIfDone(
  db: Db,
  campaignId: string,
  now: Date,
): Promise<FinishedCampaign | undefined> {
  const done = await sql<FinishedCampaign>`
    update campaigns c
       set status = case when c.status = 'sending' then 'sent' else c.status end, completed_at = ${now}, updated_at = ${now}
     where c.id = ${campaignId} and c.completed_at is null
       and (c.status = 'sending' and c.fanout_completed_at is not null or c.status = 'cancelled')
       and not exists (select from deliveries d where d.queue_id = c.id)
    returning tenant_id, name, status`.execute(db)
  return done.rows[0]
}

/** A part of what waits: of these campaigns, to one destination or (null) to all. */
export interface QueuePart {
  readonly queueIds: readonly string[]
  readonly destination: number | null
}

export interface CancelledMessage {
  readonly id: string
  readonly tenant_id: string
  readonly campaign_id: string
  readonly contact_id: string | null
  readonly domain: string
}

/** Takes messages that nobody has in hand out of the queue, and counts them. */
export async function cancelChunk(
  transaction: Transaction,
  { queueIds, destination }: QueuePart,
  limit: number,
  now: Date,
): Promise<CancelledMessage[]> {
  const toThere = destination === null ? sql`` : sql`and destination = ${destination}`
  const gone = await sql<CancelledMessage>`
    with waiting as materialized (
      select d.message_id from unnest(${[...queueIds]}::uuid[]) as q(id)
       cross join lateral (
         select message_id from deliveries
          where queue_id = q.id ${toThere} and claimed_epoch is null limit ${limit} for update skip locked) d
       limit ${limit}
    ), gone as (
      delete from deliveries d using waiting w where d.message_id = w.message_id returning d.message_id, d.queue_id, d.domain
    ), moved as (
      update messages m set state = 'cancelled', updated_at = ${now}
        from gone where m.id = gone.message_id and m.state in ('queued', 'deferred')
      returning m.id, m.contact_id, m.tenant_id, m.provider, gone.queue_id as campaign_id, gone.domain
    ), counted as (
      insert into campaign_tallies (campaign_id, tenant_id, provider, state, class, retried, count, first_at, last_at)
      select campaign_id, tenant_id, provider, 'cancelled', '', false, count(*), ${now}, ${now}
        from moved group by 1, 2, 3 order by 1, 3
      on conflict (campaign_id, provider, state, class, retried)
      do update set count = campaign_tallies.count + excluded.count, last_at = excluded.last_at
    )
    select id, tenant_id, campaign_id, contact_id, domain from moved`.execute(transaction)
  return gone.rows
}

export interface DueCampaign {
  readonly id: string
  readonly tenant_id: string
  readonly scheduled_at: Date
}

export async function findDue(db: Db, now: Date): Promise<DueCampaign[]> {
  const found = await sql<DueCampaign>`
    select id, tenant_id, scheduled_at from campaigns
     where status = 'scheduled' and missed_at is null and problem is null and scheduled_at <= ${now}
     order by scheduled_at limit 100`.execute(db)
  return found.rows
}

export async function markMissed(db: Db, campaignId: string, now: Date): Promise<void> {
  await sql`update campaigns set missed_at = ${now}, updated_at = ${now} where id = ${campaignId} and status = 'scheduled'`.execute(
    db,
  )
}

export async function markProblem(db: Db, campaignId: string, problem: string, now: Date): Promise<void> {
  await sql`update campaigns set problem = ${problem}, updated_at = ${now} where id = ${campaignId} and status = 'scheduled'`.execute(
    db,
  )
}
