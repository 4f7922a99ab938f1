import { afterId, rowsToRead, toPage } from '#http/paging.ts'
import type { PageOf, PageRequest } from '#http/paging.ts'
import type { Clock } from '#platform/clock.ts'
import type { Database } from '#platform/postgres/database.ts'
import { Problem } from '#platform/problem.ts'
import { describeSource, sourceNotFound } from './describe-source.ts'
import type { SourceView } from './describe-source.ts'
import { SOURCE_ACTIONS } from './source.ts'
import {
  deleteSourceRow,
  lockSources,
  selectPoolsOfSource,
  selectSource,
  selectSources,
  updateStatus,
  updateWarmUp,
} from './sources.store.ts'

interface Deps {
  readonly db: Database
  readonly clock: Clock
}

export async function listSources(deps: Deps, page: PageRequest): Promise<PageOf<SourceView>> {
  const rows = await selectSources(deps.db, { after: afterId(page), rows: rowsToRead(page) })
  return toPage(
    rows.map((row) => describeSource(row)),
    page,
  )
}

/** Problem `sources.not_found`. */
export async function getSource(deps: Deps, id: string): Promise<SourceView> {
  const row = await selectSource(deps.db, id)
  if (row === undefined) throw sourceNotFound()
  return describeSource(row)
}

/** Drains, activates or disables; doing it twice is no error. Problem `sources.not_found`. */
export async function changeSource(
  deps: Deps,
  id: string,
  action: keyof typeof SOURCE_ACTIONS,
): Promise<SourceView> {
  const now = deps.clock.now()
  const row = await updateStatus(deps.db, id, SOURCE_ACTIONS[action], now)
  if (row === undefined) throw sourceNotFound()
  return describeSource(row)
}

export type WarmUpAction = 'start' | 'stop' | 'reset'

/**
 * `start` begins at the first day, and changes nothing when one is under way; `reset` begins again at the first day
 * (after a month without mail an address is a stranger again); `stop` ends it: no limit any more. Problem
 * `sources.not_found`.
 */
export async function changeWarmUp(deps: Deps, id: string, action: WarmUpAction): Promise<SourceView> {
  return deps.db.transaction().execute(async (transaction) => {
    const row = await selectSource(transaction, id, { lock: true })
    if (row === undefined) throw sourceNotFound()
    const now = deps.clock.now()
    const goesOn = action === 'start' && row.warm_up
    const startedAt = action === 'stop' ? null : goesOn ? row.warm_up_started_at : now
    return describeSource(await updateWarmUp(transaction, id, startedAt, now))
  })
}

/** Problems `sources.not_found`, and `sources.in_use` while it is in a pool. */
export async function deleteSource(deps: { db: Database }, id: string): Promise<void> {
  await deps.db.transaction().execute(async (transaction) => {
    await lockSources(transaction)
    if ((await selectSource(transaction, id, { lock: true })) === undefined) throw sourceNotFound()
    const pools = await selectPoolsOfSource(transaction, id)
    if (pools.length > 0) throw inUse(pools)
    await deleteSourceRow(transaction, id)
  })
}

function inUse(pools: readonly string[]): Problem {
  return new Problem(
    'conflict',
    'sources.in_use',
    `The source is in ${pools.length === 1 ? 'the pool' : 'the pools'} ${pools.join(', ')}. Drain it, take it out with PUT /v1/pools/{id}/sources, then delete it.`,
  )
}
