import { sql } from 'kysely'
import type { Db, Transaction } from '#platform/postgres/database.ts'
import type { LastReply, SendingMode, SendJob } from '#events/email-events.ts'

/** What a destination can take now. */
export interface Credit {
  readonly destination: number
  readonly mode: SendingMode
  readonly shard: number
  /** Of the shard. */
  readonly epoch: number
  readonly credits: number
}

/** Before a destination's owner has said what it can take, this much is a fair guess. */
const FIRST_CREDIT = 50

/**
 * Destinations that can take more, with their shards locked against a change of owner until this transaction ends: no claim
 * of an old epoch can commit after a takeover. `reserve` is what may be claimed beyond the credits.
 */
export async function lockCredits(transaction: Transaction, now: Date, reserve: number): Promise<Credit[]> {
  const found = await sql<Credit>`
    select d.id as destination, d.mode, d.shard, s.epoch::int as epoch,
           (case when d.epoch = s.epoch then d.allowed_total - d.claimed_total else ${FIRST_CREDIT} end)::int as credits
      from destinations d join shards s on s.id = d.shard
     where s.lease_until > ${now} and (d.epoch <> s.epoch or not d.stopped and d.allowed_total - d.claimed_total > ${-reserve})
     order by d.id for share of s`.execute(transaction)
  return found.rows
}

/** How long a message is tried, from its first attempt. Milliseconds. */
export interface Lifetimes {
  readonly bulkMs: number
  readonly transactionalMs: number
  readonly sandboxMs: number
}

export interface Want {
  readonly queueId: string
  readonly destination: number
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
  readonly destination: number
  readonly attempt: number
  readonly last_source: string | null
  readonly expires_at: Date
  readonly provider: string | null
  readonly recipient: string
  readonly last_class: string | null
  readonly last_reply: LastReply | null
  readonly first_name: string | null
  readonly last_name: string | null
  readonly attributes: SendJob['attributes'] | null
}

/** Deliveries of one claim: a longer transaction keeps others waiting. */
const CLAIM_TOTAL = 2_000

/**
 * Claims what is due, oldest first within each queue and destination, and joins what delivery needs. A paused campaign gives
 * nothing. The limits are not known when this is planned (a tenth of the queue is guessed): as an array the rows are
 * looked up by their keys, joined they made it read three tables from end to end.
 */
export async function claimDue(
  transaction: Transaction,
  wants: readonly Want[],
  now: Date,
  lifetimes: Lifetimes,
): Promise<ClaimedRow[]> {
  const claimed = await sql<ClaimedRow>`
    with due as materialized (
      select d.message_id
        from unnest(${wants.map((want) => want.queueId)}::uuid[], ${wants.map((want) => want.destination)}::int[],
                    ${wants.map((want) => want.limit)}::int[]) as w(queue_id, destination, n)
       cross join lateral (
         select message_id from deliveries
          where queue_id = w.queue_id and destination = w.destination and claimed_epoch is null and due_at <= ${now}
            and not exists (select from campaigns c where c.id = w.queue_id and c.status <> 'sending')
          order by due_at limit w.n for update skip locked
       ) d
       limit ${CLAIM_TOTAL}
    ), claimed as (
      update deliveries d
         set claimed_epoch = s.epoch, attempt = d.attempt + 1, due_at = ${now},
             expires_at = coalesce(d.expires_at, ${now}::timestamptz + interval '1 ms' * case
               when d.mode = 'sandbox' then ${lifetimes.sandboxMs}::bigint
               when c.expires_after_minutes is not null then c.expires_after_minutes * 60000::bigint
               when c.message_class = 'transactional' then ${lifetimes.transactionalMs}::bigint
               else ${lifetimes.bulkMs}::bigint end)
        from shards s, campaigns c
       where d.message_id = any(array(select message_id from due)) and s.id = d.shard and c.id = d.queue_id
      returning d.message_id, d.tenant_id, d.queue_id, d.contact_id, d.mode, d.domain, d.shard, d.destination, d.last_source, d.last_reply, d.attempt, d.expires_at
    )
    select c.*, t.provider, m.recipient, m.class as last_class, k.first_name, k.last_name, k.attributes
      from claimed c
      join messages m on m.id = c.message_id
      left join contacts k on k.id = c.contact_id
      left join destinations t on t.id = c.destination`.execute(transaction)
  return claimed.rows
}

export interface Claims {
  readonly destination: number
  readonly epoch: number
  readonly count: number
}

/** Counts claims against the credits; the first of an epoch begins its counts. */
export async function addClaims(transaction: Transaction, claims: readonly Claims[]): Promise<void> {
  await sql`
    update destinations d
       set claimed_total = case when d.epoch = w.epoch then d.claimed_total else 0 end + w.n,
           allowed_total = case when d.epoch = w.epoch then d.allowed_total else ${FIRST_CREDIT} end, epoch = w.epoch
      from unnest(${claims.map((each) => each.destination)}::int[], ${claims.map((each) => each.epoch)}::bigint[],
                  ${claims.map((each) => each.count)}::int[]) as w(id, epoch, n)
     where d.id = w.id`.execute(transaction)
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

/** Stores routes; destinations seen for the first time are dealt out to the shards in turn. */
export async function saveRoutes(
  transaction: Transaction,
  resolved: readonly Resolved[],
  shardCount: number,
  now: Date,
): Promise<void> {
  const column = <K extends keyof Resolved>(name: K): Resolved[K][] => resolved.map((each) => each[name])
  await sql`select pg_advisory_xact_lock(hashtext('pigeon.destinations'))`.execute(transaction)
  await sql`
    insert into destinations (mode, provider, shard, first_seen_at)
    select n.mode, n.provider, ((select count(*) from destinations) + n.position - 1) % ${shardCount}, ${now}
      from (select u.mode, u.provider, row_number() over (order by u.mode, u.provider) as position
              from (select distinct mode::sending_mode, provider from unnest(${column('mode')}::text[], ${column('provider')}::text[]) as u(mode, provider)) u
             where not exists (select from destinations d where d.mode = u.mode and d.provider = u.provider)) n
    on conflict do nothing`.execute(transaction)
  await sql`
    insert into routes (mode, domain, provider, shard, destination, resolved_at, expires_at)
    select w.mode::sending_mode, w.domain, w.provider, d.shard, d.id, ${now}, w.expires_at
      from unnest(${column('mode')}::text[], ${column('domain')}::text[], ${column('provider')}::text[], ${column('expiresAt')}::timestamptz[])
           as w(mode, domain, provider, expires_at)
      join destinations d on d.mode = w.mode::sending_mode and d.provider = w.provider
    on conflict (mode, domain) do update
      set provider = excluded.provider, shard = excluded.shard, destination = excluded.destination,
          resolved_at = excluded.resolved_at, expires_at = excluded.expires_at`.execute(transaction)
}

/** Gives waiting deliveries the destination and shard of their domain. Returns how many. */
export async function routeWaiting(db: Db, domains: readonly UnroutedDomain[]): Promise<number> {
  const routed = await sql`
    update deliveries d set shard = r.shard, destination = r.destination
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
