import { sql } from 'kysely'
import type { OutcomeEvent, SendingMode } from '#events/email-events.ts'
import type { Transaction } from '#platform/postgres/database.ts'

/** An outcome with the epoch under which its message was claimed. */
export interface FencedOutcome {
  readonly epoch: number
  readonly event: OutcomeEvent
}

/** What is known of the message of an outcome that took effect. */
export interface AppliedOutcome {
  readonly mode: SendingMode
  /** Whose mailbox it was, of a message that did not arrive. */
  readonly refused: string | null
}

/** Postgres keeps this much of a reply; the whole of it is in the transcript. */
export const REPLY_LENGTH = 500

/**
 * Applies outcomes to messages, deliveries and tallies, in one statement. Returns those that took effect by their keys
 * (`messageId/attempt`): an outcome that was seen before, or that comes after a final one, does nothing.
 *
 * A final outcome counts from whatever epoch it comes; rescheduling is fenced by epoch and time of claim, because a newer
 * owner may already be trying again.
 */
export async function applyOutcomes(
  transaction: Transaction,
  outcomes: readonly FencedOutcome[],
  now: Date,
): Promise<Map<string, AppliedOutcome>> {
  const column = <T>(pick: (event: OutcomeEvent) => T): T[] => outcomes.map((each) => pick(each.event))
  const applied = await sql<AppliedOutcome & { message_id: string; attempt: number }>`
    with e as materialized (
      select * from unnest(
        ${column((e) => e.messageId)}::uuid[], ${outcomes.map((each) => each.epoch)}::bigint[], ${column((e) => e.type)}::text[],
        ${column((e) => e.attempt)}::smallint[], ${column((e) => e.provider)}::text[], ${column((e) => e.code)}::smallint[],
        ${column((e) => e.enhanced)}::text[], ${column((e) => e.class)}::text[],
        ${column((e) => e.reply?.slice(0, REPLY_LENGTH) ?? null)}::text[], ${column((e) => e.retryAt)}::timestamptz[],
        ${column((e) => e.inDoubt)}::bool[], ${column((e) => e.at)}::timestamptz[], ${column((e) => e.claimedAt)}::timestamptz[],
        ${column((e) => e.source)}::text[]
      ) as e(message_id, epoch, type, attempt, provider, code, enhanced, class, reply, retry_at, in_doubt, at, claimed_at, source)
    ), final as (
      update messages m
         set state = e.type::message_state, provider = e.provider, attempts = e.attempt, code = e.code, enhanced = e.enhanced,
             class = e.class, reply = e.reply, in_doubt = false, source = e.source, updated_at = e.at
        from e
       where m.id = e.message_id and e.type not in ('deferred', 'returned') and m.state in ('queued', 'deferred')
      returning m.id, m.tenant_id, m.campaign_id, m.provider, m.state, coalesce(m.class, '') as class, m.attempts, m.updated_at,
                m.mode, case when m.state in ('bounced', 'failed') then m.recipient end as refused
    ), gone as (
      delete from deliveries d using e where d.message_id = e.message_id and e.type not in ('deferred', 'returned')
    ), waits as (
      update deliveries d
         set claimed_epoch = null,
             attempt = case e.type when 'returned' then d.attempt - 1 else d.attempt end,
             due_at = coalesce(e.retry_at, ${now}),
             last_reply = case when e.type = 'deferred' and e.code is not null
                               then jsonb_build_object('code', e.code, 'enhanced', e.enhanced, 'reply', e.reply) else d.last_reply end,
             last_source = case when e.type = 'deferred' then case e.class when 'greylisted' then e.source end else d.last_source end,
             expires_at = case when e.type = 'returned' and d.attempt = 1 and e.retry_at is null then null else d.expires_at end
        from e
       where d.message_id = e.message_id and e.type in ('deferred', 'returned')
         and d.claimed_epoch = e.epoch and d.due_at = e.claimed_at
      returning d.message_id, e.type, e.attempt
    ), deferred as (
      update messages m
         set state = 'deferred', provider = e.provider, attempts = e.attempt, code = e.code, enhanced = e.enhanced,
             class = e.class, reply = e.reply, in_doubt = e.in_doubt, source = e.source, updated_at = e.at
        from e join waits w on w.message_id = e.message_id
       where m.id = e.message_id and e.type = 'deferred' and m.state in ('queued', 'deferred')
      returning m.id, m.attempts, m.mode
    ), counted as (
      insert into campaign_tallies (campaign_id, tenant_id, provider, state, class, retried, count, first_at, last_at)
      select campaign_id, tenant_id, provider, state, class, attempts > 1, count(*), min(updated_at), max(updated_at)
        from final where campaign_id is not null group by 1, 2, 3, 4, 5, 6
       order by 1, 3, 4, 5, 6
      on conflict (campaign_id, provider, state, class, retried) do update
        set count = campaign_tallies.count + excluded.count, first_at = least(campaign_tallies.first_at, excluded.first_at),
            last_at = greatest(campaign_tallies.last_at, excluded.last_at)
    )
    select id as message_id, attempts as attempt, mode, refused from final
    union all select id, attempts, mode, null from deferred`.execute(transaction)
  return new Map(applied.rows.map((row) => [`${row.message_id}/${row.attempt}`, row]))
}

/**
 * Frees what earlier owners of the shard had claimed and never sent. The attempt does not count, and a message that was
 * never tried does not grow old. Returns how many.
 */
export async function releaseClaims(
  transaction: Transaction,
  shard: number,
  epoch: number,
  now: Date,
): Promise<number> {
  const released = await sql`
    update deliveries
       set claimed_epoch = null, attempt = attempt - 1, due_at = ${now}, expires_at = case attempt when 1 then null else expires_at end
     where shard = ${shard} and claimed_epoch < ${epoch}`.execute(transaction)
  return Number(released.numAffectedRows ?? 0n)
}
