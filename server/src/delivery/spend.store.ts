import { sql } from 'kysely'
import type { Db } from '#platform/postgres/database.ts'

/** Messages of one source and UTC day, in thousandths of a millionth of the currency. */
export interface SpendRow {
  readonly source_id: string
  readonly day: string
  readonly messages: number
  readonly spent_nano: number
}

/** Adds to what is stored. Rows of sources that are gone are left out. */
export async function addSpend(db: Db, rows: readonly SpendRow[]): Promise<void> {
  await sql`
    insert into source_spend as s (source_id, day, messages, spent_nano)
    select u.source_id, u.day, u.messages, u.spent_nano
      from unnest(${rows.map((row) => row.source_id)}::uuid[], ${rows.map((row) => row.day)}::date[],
                  ${rows.map((row) => row.messages)}::bigint[], ${rows.map((row) => row.spent_nano)}::bigint[])
           as u (source_id, day, messages, spent_nano)
      join sources on sources.id = u.source_id
     order by u.source_id, u.day
        on conflict (source_id, day) do update
       set messages = s.messages + excluded.messages, spent_nano = s.spent_nano + excluded.spent_nano`.execute(
    db,
  )
}

export interface SpentRow {
  readonly source_id: string
  readonly today: number
  readonly month: number
}

/** What every source has spent on this day and in its month, all processes together. */
export async function findSpent(db: Db, day: string): Promise<SpentRow[]> {
  const { rows } = await sql<SpentRow>`
    select source_id, coalesce(sum(spent_nano) filter (where day = ${day}::date), 0)::bigint as today,
           sum(spent_nano)::bigint as month
      from source_spend
     where day >= date_trunc('month', ${day}::date)::date and day <= ${day}::date
     group by source_id`.execute(db)
  return rows
}
