import type { Clock } from '#platform/clock.ts'
import type { Log } from '#platform/log.ts'
import type { Database } from '#platform/postgres/database.ts'
import { forgetBounces } from '#suppressions/forget-bounces.ts'
import { deleteSeen } from './feedback.store.ts'

const EVERY_MS = 60_000
/** Mail systems repeat a report for some days, and relays their webhooks; after this an id counts as new. */
export const SEEN_LIFE_MS = 30 * 86_400_000
/** Ids that one statement deletes. */
const CHUNK = 10_000

/** Drops what is too old to count, every minute until `signal` aborts. One process of an installation is enough. */
export async function forgetFeedback(
  deps: { readonly db: Database; readonly clock: Clock; readonly log: Log },
  signal: AbortSignal,
): Promise<void> {
  const { db, clock, log } = deps
  while (!signal.aborted) {
    try {
      const now = clock.now()
      await forgetBounces(db, now)
      await forgetSeen(db, now)
    } catch (error) {
      log.warn({ err: error }, 'Old feedback could not be dropped and will be later.')
    }
    await clock.sleep(EVERY_MS, signal)
  }
}

/** Drops the ids of news that were applied long ago. */
export async function forgetSeen(db: Database, now: Date): Promise<void> {
  const before = new Date(now.getTime() - SEEN_LIFE_MS)
  while ((await deleteSeen(db, before, CHUNK)) === CHUNK);
}
