import { sql } from 'kysely'
import type { FeedbackKind } from '#platform/postgres/database.gen.ts'
import type { Db } from '#platform/postgres/database.ts'

/** What was heard of a campaign's messages of one kind, from people or from machines. */
export interface HeardRow {
  readonly kind: FeedbackKind
  readonly by_machine: boolean
  /** Of how many messages, and how often. */
  readonly messages: number
  readonly events: number
}

export async function readHeard(db: Db, campaignId: string): Promise<HeardRow[]> {
  const found = await sql<HeardRow>`
    select kind, by_machine, messages, events from campaign_feedback where campaign_id = ${campaignId}`.execute(
    db,
  )
  return found.rows
}

export interface LedgerRow {
  readonly accepted: number
  readonly final: number
  readonly queued: number
  readonly sending: number
  readonly deferred: number
}

/**
 * Both sides of the ledger in one snapshot: what was accepted, what the tallies call final, and the deliveries that
 * are left, counted one by one.
 */
export async function readLedger(db: Db, campaignId: string): Promise<LedgerRow | undefined> {
  const found = await sql<LedgerRow>`
    select c.accepted, t.final, d.queued, d.sending, d.deferred
      from campaigns c,
           lateral (select coalesce(sum(count), 0)::bigint as final from campaign_tallies where campaign_id = c.id) t,
           lateral (select count(*) filter (where claimed_epoch is not null) as sending,
                           count(*) filter (where claimed_epoch is null and attempt > 0) as deferred,
                           count(*) filter (where claimed_epoch is null and attempt = 0) as queued
                      from deliveries where queue_id = c.id) d
     where c.id = ${campaignId}`.execute(db)
  return found.rows[0]
}
