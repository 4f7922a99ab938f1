import type { Clock } from '#platform/clock.ts'
import type { Db } from '#platform/postgres/database.ts'
import { addComplaints, selectComplaints, type LaneComplaints } from './complaints.store.ts'

/**
 * Counts complaints of today against the lanes that their messages left through: whoever reads what comes back calls it,
 * with one lane a complaint. The provider and the name of the source are those of the message's last attempt.
 */
export async function countComplaints(
  deps: { db: Db; clock: Clock },
  lanes: readonly Pick<LaneComplaints, 'mode' | 'provider' | 'source'>[],
): Promise<void> {
  if (lanes.length > 0) await addComplaints(deps.db, lanes, deps.clock.now().toISOString().slice(0, 10))
}

/** The complaints of today, by lane. */
export function complaintsToday(deps: { db: Db; clock: Clock }): Promise<LaneComplaints[]> {
  return selectComplaints(deps.db, deps.clock.now().toISOString().slice(0, 10))
}
