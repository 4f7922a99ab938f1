import { sql } from 'kysely'
import type { SendingMode } from '#events/email-events.ts'
import type { Db } from '#platform/postgres/database.ts'

export interface DestinationRow {
  readonly id: number
  readonly mode: SendingMode
  readonly provider: string
  readonly shard: number
}

export async function findDestinations(db: Db, shards: readonly number[]): Promise<DestinationRow[]> {
  const found = await sql<DestinationRow>`
    select id, mode, provider, shard from destinations where shard = any(${shards}::smallint[])`.execute(db)
  return found.rows
}

export interface PublishedCredit {
  readonly destination: number
  /** Of the shard. */
  readonly epoch: number
  /** Messages that the owner has taken or could take since this epoch began. */
  readonly allowedTotal: number
  readonly stopped: boolean
}

/** Tells dispatch what may be claimed. The first word of an epoch begins its counts. */
export async function publishCredits(db: Db, credits: readonly PublishedCredit[]): Promise<void> {
  await sql`
    update destinations d
       set claimed_total = case when d.epoch = w.epoch then d.claimed_total else 0 end,
           allowed_total = w.allowed, stopped = w.stopped, epoch = w.epoch
      from unnest(${credits.map((each) => each.destination)}::int[], ${credits.map((each) => each.epoch)}::bigint[],
                  ${credits.map((each) => each.allowedTotal)}::bigint[], ${credits.map((each) => each.stopped)}::bool[])
           as w(id, epoch, allowed, stopped)
     where d.id = w.id and d.epoch <= w.epoch`.execute(db)
}
