import type { Clock } from '#platform/clock.ts'
import type { Db } from '#platform/postgres/database.ts'
import { addComplaint, selectComplaints, type LaneComplaints } from './complaints.store.ts'

/**
 * Counts a complaint of today against the lane that its message left through: whoever reads what comes back calls it,
 * once a complaint. The provider and the name of the source are those of the message's last attempt.
 */
export function countComplaint(
  deps: { db: Db; clock: Clock },
  lane: Pick<LaneComplaints, 'mode' | 'provider' | 'source'>,
): Promise<void> {
  return addComplaint(deps.db, lane, deps.clock.now().toISOString().slice(0, 10))
}

/** The complaints of today, by lane. */
export function complaintsToday(deps: { db: Db; clock: Clock }): Promise<LaneComplaints[]> {
  return selectComplaints(deps.db, deps.clock.now().toISOString().slice(0, 10))
}
