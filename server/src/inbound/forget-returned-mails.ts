import type { Clock } from '#platform/clock.ts'
import type { Log } from '#platform/log.ts'
import type { Database } from '#platform/postgres/database.ts'
import { deleteReturnedMails } from './inbound.store.ts'

/** Kept at most; the oldest go first. */
const MAX_KEPT = 10_000
const EVERY_MS = 10 * 60_000
const DAY_MS = 86_400_000

/** Deletes kept mails that are too old or too many, until `signal` aborts. */
export async function forgetReturnedMails(
  deps: { readonly db: Database; readonly clock: Clock; readonly log: Log },
  keptDays: number,
  signal: AbortSignal,
): Promise<void> {
  const { db, clock, log } = deps
  while (!signal.aborted) {
    try {
      await deleteReturnedMails(db, new Date(clock.now().getTime() - keptDays * DAY_MS), MAX_KEPT)
    } catch (error) {
      log.warn({ err: error }, 'Old returned mails were not deleted; they are the next time.')
    }
    await clock.sleep(EVERY_MS, signal)
  }
}
