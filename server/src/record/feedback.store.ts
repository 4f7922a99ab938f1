import { sql } from 'kysely'
import type { FeedbackKind, MessageState, SendingMode } from '#platform/postgres/database.gen.ts'
import type { Db, Transaction } from '#platform/postgres/database.ts'
import { REPLY_LENGTH } from './record.store.ts'

/** What news are attributed to. */
export interface FeedbackMessage {
  readonly id: string
  readonly tenant_id: string
  readonly campaign_id: string | null
  readonly contact_id: string | null
  readonly recipient: string
  readonly mode: SendingMode
  readonly state: MessageState
  readonly provider: string
  readonly source: string
}

export async function findFeedbackMessages(
  db: Db,
  ids: readonly string[],
): Promise<Map<string, FeedbackMessage>> {
  const found = await sql<FeedbackMessage>`
    select id, tenant_id, campaign_id, contact_id, recipient, mode, state, provider, source
      from messages where id = any(${ids}::uuid[])`.execute(db)
  return new Map(found.rows.map((row) => [row.id, row]))
}

/** Takes note of these ids. Returns those that were not known. */
export async function noteSeen(
  transaction: Transaction,
  ids: readonly string[],
  now: Date,
): Promise<Set<string>> {
  const fresh = await sql<{ id: string }>`
    insert into feedback_seen (id, seen_at)
    select distinct id, ${now}::timestamptz from unnest(${ids}::uuid[]) as id order by id
    on conflict (id) do nothing returning id`.execute(transaction)
  return new Set(fresh.rows.map((row) => row.id))
}

/** Returns how many. */
export async function deleteSeen(db: Db, before: Date, limit: number): Promise<number> {
  const gone = await sql`
    delete from feedback_seen
     where id in (select id from feedback_seen where seen_at < ${before} order by seen_at limit ${limit})`.execute(
    db,
  )
  return Number(gone.numAffectedRows ?? 0n)
}

export interface LateBounce {
  readonly messageId: string
  readonly code: number | null
  readonly enhanced: string | null
  readonly class: string
  readonly reply: string | null
  readonly at: Date
}

/**
 * Takes messages back from `delivered` or `sent`, and out of the queue what still waits or is in hand: messages, deliveries
 * and tallies, in one statement. Returns the ids of those that it moved; each message may be given once.
 */
export async function applyLateBounces(
  transaction: Transaction,
  bounces: readonly LateBounce[],
): Promise<Set<string>> {
  const column = <T>(pick: (bounce: LateBounce) => T): T[] => bounces.map(pick)
  const moved = await sql<{ id: string }>`
    with e as materialized (
      select * from unnest(
        ${column((b) => b.messageId)}::uuid[], ${column((b) => b.code)}::smallint[], ${column((b) => b.enhanced)}::text[],
        ${column((b) => b.class)}::text[], ${column((b) => b.reply?.slice(0, REPLY_LENGTH) ?? null)}::text[], ${column((b) => b.at)}::timestamptz[]
      ) as e (message_id, code, enhanced, class, reply, at)
    ), old as materialized (
      select id, state, coalesce(class, '') as class, updated_at from messages
       where id in (select message_id from e) and state in ('queued', 'deferred', 'delivered', 'sent')
       order by id for update
    ), moved as (
      update messages m
         set state = 'bounced', bounced_from = old.state, code = e.code, enhanced = e.enhanced, class = e.class, reply = e.reply,
             in_doubt = false, updated_at = greatest(m.updated_at, e.at)
        from old join e on e.message_id = old.id
       where m.id = old.id
      returning m.id, m.tenant_id, m.campaign_id, m.provider, m.class, m.attempts > 1 as retried, m.updated_at,
                old.state as old_state, old.class as old_class, old.updated_at as old_at
    ), gone as (
      delete from deliveries d using moved where d.message_id = moved.id
    ), counted as (
      insert into campaign_tallies (campaign_id, tenant_id, provider, state, class, retried, count, first_at, last_at)
      select campaign_id, tenant_id, provider, state, class, retried, sum(more), min(at), max(at)
        from (select campaign_id, tenant_id, provider, 'bounced'::message_state as state, class, retried, 1 as more, updated_at as at
                from moved
              union all
              select campaign_id, tenant_id, provider, old_state, old_class, retried, -1, old_at
                from moved where old_state in ('delivered', 'sent')) as changes
       where campaign_id is not null group by 1, 2, 3, 4, 5, 6
       order by 1, 3, 4, 5, 6
      on conflict (campaign_id, provider, state, class, retried) do update
        set count = campaign_tallies.count + excluded.count, first_at = least(campaign_tallies.first_at, excluded.first_at),
            last_at = greatest(campaign_tallies.last_at, excluded.last_at)
    )
    select id from moved`.execute(transaction)
  return new Set(moved.rows.map((row) => row.id))
}

/** Something heard of a message that leaves its state as it is. */
export interface HeardOf {
  readonly message: FeedbackMessage
  readonly kind: FeedbackKind
  readonly byMachine: boolean
  readonly at: Date
}

/** Counts what was heard, for its campaign: of how many messages for the first time, and how often. */
export async function countHeard(transaction: Transaction, heard: readonly HeardOf[]): Promise<void> {
  const column = <T>(pick: (each: HeardOf) => T): T[] => heard.map(pick)
  await sql`
    with e as materialized (
      select * from unnest(
        ${column((h) => h.message.id)}::uuid[], ${column((h) => h.message.tenant_id)}::uuid[], ${column((h) => h.message.campaign_id)}::uuid[],
        ${column((h) => h.kind)}::feedback_kind[], ${column((h) => h.byMachine)}::bool[], ${column((h) => h.at)}::timestamptz[]
      ) as e (message_id, tenant_id, campaign_id, kind, by_machine, at)
    ), first as (
      insert into message_feedback (message_id, tenant_id, kind, by_machine, first_at)
      select message_id, tenant_id, kind, by_machine, min(at) from e group by 1, 2, 3, 4 order by 1, 3, 4
      on conflict (message_id, kind, by_machine) do nothing
      returning message_id, kind, by_machine
    )
    insert into campaign_feedback (campaign_id, tenant_id, kind, by_machine, messages, events, first_at, last_at)
    select e.campaign_id, e.tenant_id, e.kind, e.by_machine, count(distinct f.message_id), count(*), min(e.at), max(e.at)
      from e left join first f on f.message_id = e.message_id and f.kind = e.kind and f.by_machine = e.by_machine
     where e.campaign_id is not null group by 1, 2, 3, 4 order by 1, 3, 4
    on conflict (campaign_id, kind, by_machine) do update
      set messages = campaign_feedback.messages + excluded.messages, events = campaign_feedback.events + excluded.events,
          first_at = least(campaign_feedback.first_at, excluded.first_at),
          last_at = greatest(campaign_feedback.last_at, excluded.last_at)`.execute(transaction)
}

/** Of these messages, those about which somebody has complained before. */
export async function findComplained(db: Db, ids: readonly string[]): Promise<Set<string>> {
  const found = await sql<{ message_id: string }>`
    select message_id from message_feedback where message_id = any(${ids}::uuid[]) and kind = 'complained'`.execute(
    db,
  )
  return new Set(found.rows.map((row) => row.message_id))
}
