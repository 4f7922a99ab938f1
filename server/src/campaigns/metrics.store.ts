import { sql } from 'kysely'
import type { Db } from '#platform/postgres/database.ts'

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
