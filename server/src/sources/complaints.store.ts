import { sql } from 'kysely'
import type { SendingMode } from '#platform/postgres/database.gen.ts'
import type { Db } from '#platform/postgres/database.ts'

export interface LaneComplaints {
  readonly mode: SendingMode
  readonly provider: string
  /** Name of the source. */
  readonly source: string
  readonly count: number
}

export async function addComplaints(
  db: Db,
  lanes: readonly Omit<LaneComplaints, 'count'>[],
  day: string,
): Promise<void> {
  await sql`
    insert into lane_complaints (mode, provider, source, day, count)
    select mode, provider, source, ${day}::date, count(*)
      from unnest(${lanes.map((lane) => lane.mode)}::sending_mode[], ${lanes.map((lane) => lane.provider)}::text[],
                  ${lanes.map((lane) => lane.source)}::text[]) as l (mode, provider, source)
     group by 1, 2, 3 order by 1, 2, 3
    on conflict (day, mode, provider, source) do update set count = lane_complaints.count + excluded.count`.execute(
    db,
  )
}

export async function selectComplaints(db: Db, day: string): Promise<LaneComplaints[]> {
  const found = await sql<LaneComplaints>`
    select mode, provider, source, count from lane_complaints where day = ${day}`.execute(db)
  return found.rows
}
