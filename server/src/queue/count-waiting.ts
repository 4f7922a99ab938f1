import type { Clock } from '#platform/clock.ts'
import type { Db } from '#platform/postgres/database.ts'
import { countOf, mostFor, type Count } from './count.ts'
import { countWaitingRows } from './queue.store.ts'

/** What waits for a destination, by age. The parts are of those that were counted. */
export interface Waiting {
  readonly waiting: Count
  /** Not due yet: they wait for their next try. */
  readonly later: number
  readonly due_under_a_minute: number
  readonly due_under_an_hour: number
  readonly due_longer: number
  readonly oldest_due_at: Date | null
}

export const NOTHING_WAITS: Waiting = {
  waiting: { count: 0, or_more: false },
  later: 0,
  due_under_a_minute: 0,
  due_under_an_hour: 0,
  due_longer: 0,
  oldest_due_at: null,
}

/** What waits for each of these destinations, of all tenants, by id. Bounded: see `mostFor`. */
export async function countWaiting(
  deps: { readonly db: Db; readonly clock: Clock },
  destinations: readonly number[],
): Promise<Map<number, Waiting>> {
  if (destinations.length === 0) return new Map()
  const most = mostFor(destinations.length)
  const rows = await countWaitingRows(deps.db, destinations, deps.clock.now(), most)
  return new Map(
    rows.map((row) => [
      row.destination,
      {
        waiting: countOf(row.waiting, most),
        later: row.later,
        due_under_a_minute: row.under_minute,
        due_under_an_hour: row.under_hour,
        due_longer: row.waiting - row.later - row.under_minute - row.under_hour,
        oldest_due_at: row.oldest_due_at,
      },
    ]),
  )
}
