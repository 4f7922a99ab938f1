import { sql } from 'kysely'
import type { SendingMode } from '#events/email-events.ts'
import type { Db } from '#platform/postgres/database.ts'

export interface WaitingRow {
  readonly destination: number
  readonly waiting: number
  readonly later: number
  readonly under_minute: number
  readonly under_hour: number
  readonly oldest_due_at: Date | null
}

/** At most `most` + 1 rows of each destination are read. */
export async function countWaitingRows(
  db: Db,
  destinations: readonly number[],
  now: Date,
  most: number,
): Promise<WaitingRow[]> {
  const { rows } = await sql<WaitingRow>`
    select destination, waiting, later, under_minute, under_hour, oldest_due_at
      from count_waiting(${[...destinations]}::integer[], ${now}, ${most})`.execute(db)
  return rows
}

export async function selectDestination(
  db: Db,
  mode: SendingMode,
  provider: string,
): Promise<number | undefined> {
  const { rows } = await sql<{ id: number }>`
    select id from destinations where mode = ${mode}::sending_mode and provider = ${provider}`.execute(db)
  return rows[0]?.id
}

export interface DestinationRow {
  readonly id: number
  readonly mode: SendingMode
  readonly provider: string
  readonly stopped: boolean
}

/** Those for which something waits, by id: a step of the index for each that there is. */
export async function selectWaitingDestinations(
  db: Db,
  page: { readonly after: number; readonly rows: number },
): Promise<DestinationRow[]> {
  const { rows } = await sql<DestinationRow>`
    select d.id, d.mode, d.provider, d.stopped
      from destinations d join list_waiting(${page.after}, ${page.rows}) as w(id) on w.id = d.id order by d.id`.execute(
    db,
  )
  return rows
}

export interface CampaignRow {
  readonly id: string
  readonly name: string
  readonly status: 'sending' | 'paused' | 'cancelled'
  readonly mode: SendingMode
  readonly started_at: Date
  readonly accepted: number
  readonly in_flight: number
  readonly waiting: number
  readonly later: number
  readonly oldest_due_at: Date | null
}

/** Campaigns of the transaction's tenant that are not over, newest first. At most `most` + 1 rows of each are read. */
export async function selectQueuedCampaigns(
  db: Db,
  page: { readonly after: string | null; readonly rows: number },
  now: Date,
  most: number,
): Promise<CampaignRow[]> {
  const { rows } = await sql<CampaignRow>`
    select c.id, c.name, c.status, c.mode, c.started_at, c.accepted,
           c.accepted - coalesce((select sum(t.count) from campaign_tallies t where t.campaign_id = c.id), 0)::bigint as in_flight,
           w.waiting, w.later, w.oldest_due_at
      from campaigns c
     cross join lateral (
       select count(*) as waiting, count(*) filter (where d.due_at > ${now}) as later, min(d.due_at) as oldest_due_at
         from (select due_at from deliveries where queue_id = c.id and claimed_epoch is null limit ${most + 1}) d) w
     where c.status in ('sending', 'paused', 'cancelled') and c.completed_at is null and c.started_at is not null
       and (${page.after}::uuid is null or c.id < ${page.after}::uuid)
     order by c.id desc limit ${page.rows}`.execute(db)
  return rows
}
