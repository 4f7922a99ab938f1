import { ANALYTICS_EVENTS, ANALYTICS_PARTITION, eventWithoutAttempt } from '#events/email-events.ts'
import type { Clock } from '#platform/clock.ts'
import type { Database, Transaction } from '#platform/postgres/database.ts'
import type { Stream } from '#platform/stream/stream.ts'
import { LIMITS } from './campaign.ts'
import {
  countChunk,
  insertChunk,
  insertParts,
  lockFreePart,
  lockUnparted,
  moveCursor,
  type FanOutChunk,
  type FanOutPart,
} from './fan-out.store.ts'

export interface FanOutDeps {
  readonly db: Database
  readonly stream: Stream
  readonly clock: Clock
}

/** Undoes a chunk whose campaign was paused or cancelled while it was written. */
const STOPPED = Symbol('the campaign is no longer sending')

/**
 * One step of a campaign's fan-out: a message for each of the next contacts of a part that nobody else has in hand, and
 * the part's cursor, in one transaction. A crash repeats nothing and skips nobody, and so does a pause or a
 * cancellation that comes in between: the chunk is undone. Several may run at once, each gets a part of its own.
 * Returns how many subscriptions were covered; 0 when there is nothing to do now.
 */
export async function fanOutChunk(deps: FanOutDeps, campaignId: string, chunkSize: number): Promise<number> {
  try {
    return await deps.db.transaction().execute(async (transaction) => {
      const part = await takePart(transaction, campaignId)
      if (part === undefined) return 0
      const now = deps.clock.now()
      const chunk = await insertChunk(transaction, part, chunkSize, now)
      const isLast = chunk.covered < chunkSize
      await moveCursor(transaction, part, chunk, isLast ? now : null)
      if (chunk.suppressed.length > 0) await tellSuppressed(deps, transaction, part, chunk, now)
      // Last, because the campaign's row is locked from here to the end: other parts wait for it.
      if (!(await countChunk(transaction, part, chunk, isLast, now))) throw STOPPED
      return chunk.covered
    })
  } catch (error) {
    if (error !== STOPPED) throw error
    return 0
  }
}

async function takePart(transaction: Transaction, campaignId: string): Promise<FanOutPart | undefined> {
  const unparted = await lockUnparted(transaction, campaignId)
  if (unparted !== undefined) await insertParts(transaction, unparted, LIMITS.fanOutParts, LIMITS.fanOutSplit)
  return lockFreePart(transaction, campaignId)
}

async function tellSuppressed(
  deps: FanOutDeps,
  transaction: Transaction,
  part: FanOutPart,
  chunk: FanOutChunk,
  now: Date,
): Promise<void> {
  const events = chunk.suppressed.map((each) =>
    eventWithoutAttempt(
      'suppressed',
      {
        messageId: each.id,
        tenantId: part.tenant_id,
        campaignId: part.campaign_id,
        contactId: each.contact_id,
        domain: each.domain,
      },
      now,
    ),
  )
  const record = { partition: ANALYTICS_PARTITION.dispatch, key: part.campaign_id, payload: { events } }
  await deps.stream.append(ANALYTICS_EVENTS, [record], transaction)
}
