import type { Clock } from '#platform/clock.ts'
import { afterId, decodeCursor, rowsToRead, toPage, type PageOf, type PageRequest } from '#http/paging.ts'
import { asTenant, type Database } from '#platform/postgres/database.ts'
import { countWaiting, NOTHING_WAITS, type Waiting } from './count-waiting.ts'
import { countOf, mostFor, type Count } from './count.ts'
import {
  selectQueuedCampaigns,
  selectWaitingDestinations,
  type CampaignRow,
  type DestinationRow,
} from './queue.store.ts'

interface Deps {
  readonly db: Database
  readonly clock: Clock
}

export interface QueueOfProvider extends Waiting, Omit<DestinationRow, 'id'> {}

/** What waits for each provider, of all tenants; those for which nothing waits are left out. */
export async function listQueue(deps: Deps, page: PageRequest): Promise<PageOf<QueueOfProvider>> {
  const rows = await selectWaitingDestinations(deps.db, { after: afterNumber(page), rows: rowsToRead(page) })
  const waiting = await countWaiting(
    deps,
    rows.map((row) => row.id),
  )
  const { data, ...more } = toPage(rows, page, (row) => [String(row.id)])
  return {
    data: data.map(({ id, ...row }) => ({ ...row, ...(waiting.get(id) ?? NOTHING_WAITS) })),
    ...more,
  }
}

export interface QueueOfCampaign extends Omit<CampaignRow, 'waiting'> {
  readonly waiting: Count
}

/** What is left of each campaign of the tenant that is not over. */
export async function listQueuedCampaigns(
  deps: Deps,
  tenantId: string,
  page: PageRequest,
): Promise<PageOf<QueueOfCampaign>> {
  const wanted = { after: afterId(page), rows: rowsToRead(page) }
  const most = mostFor(wanted.rows)
  const rows = await asTenant(deps.db, tenantId, (transaction) =>
    selectQueuedCampaigns(transaction, wanted, deps.clock.now(), most),
  )
  return toPage(
    rows.map((row) => ({ ...row, waiting: countOf(row.waiting, most) })),
    page,
  )
}

/** 0 is before every id. */
function afterNumber(page: PageRequest): number {
  if (page.cursor === undefined) return 0
  const [id = ''] = decodeCursor(page.cursor, 1)
  return /^\d{1,9}$/.test(id) ? Number(id) : 0
}
