import { sql } from 'kysely'
import type { Db, Transaction } from '#platform/postgres/database.ts'
import type { SendingMode, SendJob } from '#events/email-events.ts'

export interface ShardCredit {
  readonly id: number
  readonly epoch: number
  readonly credits: number
}

/**
 * Shards that can take more, locked against a change of owner until this transaction ends: no claim of an old
 * epoch can commit after a takeover.
 */
export async function lockCredits(transaction: Transaction, now: Date): Promise<ShardCredit[]> {
  const found = await sql<ShardCredit>`
    select id, epoch::int as epoch, (allowed_total - claimed_total)::int as credits from shards
     where lease_until > ${now} and allowed_total > claimed_total order by id for no key update`.execute(
    transaction,
  )
  return found.rows
}

export interface Want {
  readonly queueId: string
  readonly shard: number
  readonly limit: number
}

export interface ClaimedRow {
  readonly message_id: string
  readonly tenant_id: string
  readonly queue_id: string
  readonly contact_id: string | null
  readonly mode: SendingMode
  readonly domain: string
  readonly shard: number
  readonly attempt: number
  readonly expires_at: Date
  readonly provider: string | null
  readonly recipient: string
  readonly last_class: string | null
  readonly first_name: string | null
  readonly last_name: string | null
  readonly attributes: SendJob['attributes'] | null
}

/**
 * Claims what is due, oldest first within each queue and shard, and joins what delivery needs. A paused campaign gives
 * nothing. The limits are not known when this is planned (a tenth of the queue is guessed): as an array the rows are
 * looked up by their keys, joined they made it read three tables from end to end.
 */
export async function claimDue(
  transaction: Transaction,
  wants: readonly Want[],
  times: { now: Date; expiresLive: Date; expiresSandbox: Date },
): Promise<ClaimedRow[]> {
  const claimed = await sql<ClaimedRow>`
    with due as materialized (
      select d.message_id
        from unnest(${wants.map((want) => want.queueId)}::uuid[], ${wants.map((want) => want.shard)}::smallint[],
                    ${wants.map((want) => want.limit)}::int[]) as w(queue_id, shard, n)
       cross join lateral (
         select message_id from deliveries
          where queue_id = w.queue_id and shard = w.shard and claimed_epoch is null and due_at <= ${times.now}
            and not exists (select from campaigns c where c.id = w.queue_id and c.status <> 'sending')
          order by due_at limit w.n for update skip locked
       ) d
    ), claimed as (
      update deliveries d
         set claimed_epoch = s.epoch, attempt = d.attempt + 1, due_at = ${times.now},
             expires_at = coalesce(d.expires_at, case d.mode when 'live' then ${times.expiresLive}::timestamptz else ${times.expiresSandbox}::timestamptz end)
        from shards s
       where d.message_id = any(array(select message_id from due)) and s.id = d.shard
      returning d.message_id, d.tenant_id, d.queue_id, d.contact_id, d.mode, d.domain, d.shard, d.attempt, d.expires_at
    )
    select c.*, r.provider, m.recipient, m.class as last_class, k.first_name, k.last_name, k.attributes
      from claimed c
      join messages m on m.id = c.message_id
      left join contacts k on k.id = c.contact_id
      left join routes r on r.domain = c.domain and r.mode = c.mode`.execute(transaction)
  return claimed.rows
}

export async function addClaims(
  transaction: Transaction,
  shards: readonly number[],
  counts: readonly number[],
): Promise<void> {
  await sql`
    update shards s set claimed_total = claimed_total + w.n
      from unnest(${shards}::smallint[], ${counts}::int[]) as w(id, n) where s.id = w.id`.execute(transaction)
}

export interface UnroutedDomain {
  readonly mode: SendingMode
  readonly domain: string
}

/** Distinct domains without a shard, by a loose index scan: a million waiting rows cost no more than their domains. */
export async function findUnrouted(db: Db, limit: number): Promise<UnroutedDomain[]> {
  const found = await sql<UnroutedDomain>`
    with recursive each as (
      (select mode, domain from deliveries where shard is null order by mode, domain limit 1)
      union all
      select next.mode, next.domain
        from each, lateral (select d.mode, d.domain from deliveries d
                             where d.shard is null and (d.mode, d.domain) > (each.mode, each.domain)
                             order by d.mode, d.domain limit 1) next
    )
    select mode, domain from each limit ${limit}`.execute(db)
  return found.rows
}

export interface Resolved extends UnroutedDomain {
  readonly provider: string
  readonly expiresAt: Date
}

/** Stores routes; a provider seen for the first time goes to the shard with the fewest providers. */
export async function saveRoutes(
  transaction: Transaction,
  resolved: readonly Resolved[],
  shardCount: number,
  now: Date,
): Promise<void> {
  const names = [...new Set(resolved.map((each) => each.provider))].sort()
  await sql`select pg_advisory_xact_lock(hashtext('pigeon.providers'))`.execute(transaction)
  await sql`
    insert into providers (name, shard, first_seen_at)
    select n.name, ((select count(*) from providers) + n.position - 1) % ${shardCount}, ${now}
      from (select u.name, row_number() over (order by u.name) as position
              from unnest(${names}::text[]) as u(name)
             where not exists (select from providers p where p.name = u.name)) n
    on conflict do nothing`.execute(transaction)
  await sql`
    insert into routes (mode, domain, provider, shard, resolved_at, expires_at)
    select w.mode::sending_mode, w.domain, w.provider, p.shard, ${now}, w.expires_at
      from unnest(${resolved.map((r) => r.mode)}::text[], ${resolved.map((r) => r.domain)}::text[],
                  ${resolved.map((r) => r.provider)}::text[], ${resolved.map((r) => r.expiresAt)}::timestamptz[])
           as w(mode, domain, provider, expires_at)
      join providers p on p.name = w.provider
    on conflict (mode, domain) do update
      set provider = excluded.provider, shard = excluded.shard, resolved_at = excluded.resolved_at, expires_at = excluded.expires_at`.execute(
    transaction,
  )
}

/** Gives waiting deliveries the shard of their domain. Returns how many. */
export async function routeWaiting(db: Db, domains: readonly UnroutedDomain[]): Promise<number> {
  const routed = await sql`
    update deliveries d set shard = r.shard
      from unnest(${domains.map((each) => each.mode)}::text[], ${domains.map((each) => each.domain)}::text[]) as w(mode, domain)
      join routes r on r.mode = w.mode::sending_mode and r.domain = w.domain
     where d.shard is null and d.mode = r.mode and d.domain = r.domain`.execute(db)
  return Number(routed.numAffectedRows ?? 0n)
}

/** Routes that have expired, the oldest first, to be resolved again before they are needed. */
export async function findExpiredRoutes(db: Db, now: Date, limit: number): Promise<UnroutedDomain[]> {
  const found = await sql<UnroutedDomain>`
    select mode, domain from routes where expires_at <= ${now} order by expires_at limit ${limit}`.execute(db)
  return found.rows
}
