import { ANALYTICS_EVENTS } from '#events/email-events.ts'
import { Problem } from '#platform/problem.ts'
import type { HistoryDeps } from './run-history.ts'

const GROUP = 'history'
const PAGE_RECORDS = 16
const POLL_MS = 50

/** Until the history holds everything that had happened at the time of the call. Problem('unavailable') after the deadline. */
export async function awaitHistory(
  deps: Pick<HistoryDeps, 'stream' | 'clock'>,
  deadlineMs: number,
): Promise<void> {
  const { stream, clock } = deps
  const ends = await endsOf(deps)
  const startedAt = clock.monotonicMs()
  while (true) {
    const offsets = await stream.offsets(ANALYTICS_EVENTS, GROUP)
    const behind = [...ends].filter(([partition, end]) => (offsets.get(partition) ?? 0n) < end)
    if (behind.length === 0) return
    if (clock.monotonicMs() - startedAt > deadlineMs) {
      const message = `The history is not up to date after ${deadlineMs / 1000} s, so that nothing can be said about it. The log says why it is behind.`
      throw new Problem('unavailable', 'reconcile.history_behind', message)
    }
    await clock.sleep(POLL_MS)
  }
}

async function endsOf(deps: Pick<HistoryDeps, 'stream'>): Promise<Map<number, bigint>> {
  const ends = new Map(await deps.stream.offsets(ANALYTICS_EVENTS, GROUP))
  for (const partition of ends.keys()) {
    while (true) {
      const from = ends.get(partition) ?? 0n
      const options = {
        maxRecords: PAGE_RECORDS,
        partitions: [partition],
        from: new Map([[partition, from]]),
      }
      const page = await deps.stream.read(ANALYTICS_EVENTS, GROUP, options)
      const last = page.at(-1)
      if (last !== undefined) ends.set(partition, last.offset + 1n)
      if (page.length < PAGE_RECORDS) break
    }
  }
  return ends
}
