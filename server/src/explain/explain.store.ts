import { sql } from 'kysely'
import type { SendingMode } from '#events/email-events.ts'
import type { Db, Transaction } from '#platform/postgres/database.ts'

export interface Destination {
  readonly id: number
  readonly shard: number
  /** No lane of it may send for a while. */
  readonly stopped: boolean
}

/** Where mail for a provider is counted; undefined while nothing has gone there. */
export async function findDestination(
  db: Db,
  mode: SendingMode,
  provider: string,
): Promise<Destination | undefined> {
  const found = await sql<Destination>`
    select id, shard, stopped from destinations where mode = ${mode} and provider = ${provider}`.execute(db)
  return found.rows[0]
}

/** More than so many of a campaign are not counted: the answer is a guess anyhow. */
const MAX_COUNTED = 100_000

/** Deliveries of the tenant's campaigns under way that are due at a destination, by the index that claims use. */
export async function countWaiting(
  transaction: Transaction,
  destination: number,
  now: Date,
): Promise<number> {
  const found = await sql<{ waiting: number }>`
    select coalesce(sum(w.n), 0)::int as waiting
      from campaigns c cross join lateral (
        select count(*) as n from (
          select from deliveries d
           where d.queue_id = c.id and d.destination = ${destination} and d.claimed_epoch is null and d.due_at <= ${now}
           limit ${MAX_COUNTED}) due) w
     where c.status = 'sending'`.execute(transaction)
  return found.rows[0]?.waiting ?? 0
}
