import { afterId, decodeCursor, rowsToRead, toPage, type PageOf, type PageRequest } from '#http/paging.ts'
import { isUuid } from '#platform/ids.ts'
import type { Clock } from '#platform/clock.ts'
import type { Database } from '#platform/postgres/database.ts'
import { Problem } from '#platform/problem.ts'
import { countWaiting, NOTHING_WAITS, type Waiting } from '#queue/count-waiting.ts'
import { inForce, saysNothing } from './lane-order.ts'
import {
  selectLanes,
  selectOrders,
  selectOrdersAbout,
  type LaneFilter,
  type LaneOrder,
  type LaneRow,
} from './lanes.store.ts'

interface Deps {
  readonly db: Database
  readonly clock: Clock
}

export interface LaneView extends Omit<LaneRow, 'destination'> {
  /** For its provider, whatever source it will leave from. */
  readonly waiting: Waiting['waiting']
  /** What people have said about it that holds now. */
  readonly orders: readonly LaneOrder[]
}

/** Lanes as delivery last told of them, with what waits for their providers. A page costs the same however long queues are. */
export async function listLanes(
  deps: Deps,
  filter: LaneFilter,
  page: PageRequest,
): Promise<PageOf<LaneView>> {
  const now = deps.clock.now()
  const rows = await selectLanes(deps.db, filter, { after: placeOf(page), rows: rowsToRead(page) })
  const destinations = [...new Set(rows.flatMap((row) => row.destination ?? []))]
  const waiting = await countWaiting(deps, destinations)
  const orders = heldOf(await selectOrdersAbout(deps.db, rows), now)
  const lanes = rows.map(({ destination, ...row }): LaneView => {
    const { waiting: count } = waiting.get(destination ?? -1) ?? NOTHING_WAITS
    return { ...row, waiting: count, orders: orders.filter((order) => isAbout(order, row)) }
  })
  return toPage(lanes, page, (lane) => [lane.mode, lane.provider, lane.source_id])
}

/** Orders, newest first, those too whose lanes do not exist yet. */
export async function listOrders(deps: Deps, page: PageRequest): Promise<PageOf<LaneOrder>> {
  const now = deps.clock.now()
  const rows = await selectOrders(deps.db, { after: afterId(page), rows: rowsToRead(page) })
  const { data, ...more } = toPage(rows, page)
  return { data: heldOf(data, now), ...more }
}

/** Those that say something still. */
function heldOf(orders: readonly LaneOrder[], now: Date): LaneOrder[] {
  return orders.map((order) => inForce(order, now)).filter((order) => !saysNothing(order))
}

function isAbout(order: LaneOrder, lane: Pick<LaneRow, 'mode' | 'provider' | 'source_id'>): boolean {
  if (order.mode !== lane.mode || order.provider !== lane.provider) return false
  return order.source_id === null || order.source_id === lane.source_id
}

function placeOf(page: PageRequest): readonly string[] | null {
  if (page.cursor === undefined) return null
  const place = decodeCursor(page.cursor, 3)
  const [mode = '', , sourceId = ''] = place
  if ((mode === 'sandbox' || mode === 'live') && isUuid(sourceId)) return place
  throw new Problem('invalid', 'paging.bad_cursor', 'Use next_cursor of an earlier page as it is.')
}
