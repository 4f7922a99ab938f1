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

export async function addComplaint(db: Db, lane: Omit<LaneComplaints, 'count'>, day: string): Promise<void> {
  await sql`
    insert into lane_complaints (mode, provider, source, day, count)
    values (${lane.mode}, ${lane.provider}, ${lane.source}, ${day}, 1)
    on conflict (day, mode, provider, source) do update set count = lane_complaints.count + 1`.execute(db)
}

export async function selectComplaints(db: Db, day: string): Promise<LaneComplaints[]> {
  const found = await sql<LaneComplaints>`
    select mode, provider, source, count from lane_complaints where day = ${day}`.execute(db)
  return found.rows
}
