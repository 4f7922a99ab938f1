import { ANALYTICS_EVENTS } from '#events/email-events.ts'
import { ROLLUPS } from '#platform/analytics/migrate-analytics.ts'
import { whileNobodyLoads } from './history.store.ts'
import { findReach, insertMissing, monthsOf, rebuildMonth, type Rollup } from './rebuild.store.ts'
import { finishLoads, gather, rowsOf, type HistoryDeps } from './run-history.ts'

const GROUP = 'history'
const DAY_MS = 86_400_000

export interface RebuildOptions {
  /** How long events and attempts are kept. Days. */
  readonly eventDays: number
  readonly attemptDays: number
  readonly onProgress?: (line: string) => void
}

export interface Rebuilt {
  /** Events and attempts that the stream still held and the history lacked. */
  readonly events: number
  readonly attempts: number
  readonly months: number
}

/**
 * Puts the history right. What the stream still holds and the history lacks (after the restore of an older backup) is
 * inserted, each event once; then the rollups are made again from the events, as far back as there are any. May run while
 * mail is being sent: loading waits meanwhile, and answers to questions stay whole. May be repeated after it was stopped.
 */
export async function rebuildHistory(deps: HistoryDeps, options: RebuildOptions): Promise<Rebuilt> {
  return whileNobodyLoads(deps.db, async () => {
    await finishLoads(deps)
    const found = await readAgain(deps, options)
    let months = 0
    for (const rollup of ROLLUPS) months += await rebuildRollup(deps, rollup, options)
    return { ...found, months }
  })
}

/** From the oldest record that the stream has up to where the loader stands. */
async function readAgain(
  deps: HistoryDeps,
  options: RebuildOptions,
): Promise<{ events: number; attempts: number }> {
  let [events, attempts] = [0, 0]
  for (const [partition, end] of await deps.stream.offsets(ANALYTICS_EVENTS, GROUP)) {
    let next = 0n
    while (next < end) {
      const records = (await gather(deps, partition, next)).filter((record) => record.offset < end)
      const last = records.at(-1)
      if (last === undefined) break
      const rows = rowsOf(records, deps.readers)
      events += await insertMissing(
        deps.analytics,
        'email_events',
        rows.events,
        since(deps, options.eventDays),
      )
      attempts += await insertMissing(
        deps.analytics,
        'attempts',
        rows.attempts,
        since(deps, options.attemptDays),
      )
      next = last.offset + 1n
    }
    options.onProgress?.(
      `stream partition ${partition}: ${events} events and ${attempts} attempts were missing`,
    )
  }
  return { events, attempts }
}

async function rebuildRollup(deps: HistoryDeps, rollup: Rollup, options: RebuildOptions): Promise<number> {
  const reach = await findReach(deps.analytics, rollup, since(deps, options.eventDays))
  if (reach === null) return 0
  const months = await monthsOf(deps.analytics, rollup, reach)
  for (const month of months) {
    await rebuildMonth(deps.analytics, rollup, month, reach)
    options.onProgress?.(`${rollup} ${month} is made again`)
  }
  return months.length
}

function since(deps: HistoryDeps, days: number): Date {
  return new Date(deps.clock.now().getTime() - days * DAY_MS)
}
