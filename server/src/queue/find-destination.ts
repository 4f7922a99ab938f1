import type { SendingMode } from '#events/email-events.ts'
import type { Db } from '#platform/postgres/database.ts'
import { selectDestination } from './queue.store.ts'

/** The id of a provider's destination in a mode; undefined when nothing was ever sent there. */
export function findDestination(db: Db, mode: SendingMode, provider: string): Promise<number | undefined> {
  return selectDestination(db, mode, provider)
}
