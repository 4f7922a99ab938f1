import { ANALYTICS_EVENTS, ANALYTICS_PARTITION, eventWithoutAttempt } from '#events/email-events.ts'
import type { Clock } from '#platform/clock.ts'
import type { Database } from '#platform/postgres/database.ts'
import type { Stream } from '#platform/stream/stream.ts'
import { insertChunk, lockForFanOut, moveCursor } from './fan-out.store.ts'

export interface FanOutDeps {
  readonly db: Database
  readonly stream: Stream
  readonly clock: Clock
}

/**
 * One step of a campaign's fan-out: a message for each of the next contacts, and the cursor, in one transaction.
 * A crash repeats nothing and skips nobody. Returns how many subscriptions were covered; 0 when there is nothing to do.
 */
export async function fanOutChunk(deps: FanOutDeps, campaignId: string, chunkSize: number): Promise<number> {
  return deps.db.transaction().execute(async (transaction) => {
    const campaign = await lockForFanOut(transaction, campaignId)
    if (campaign === undefined) return 0
    const now = deps.clock.now()
    const chunk = await insertChunk(transaction, campaign, chunkSize, now)
    await moveCursor(transaction, campaign, chunk, chunk.covered < chunkSize, now)
    if (chunk.suppressed.length > 0) {
      const events = chunk.suppressed.map((each) =>
        eventWithoutAttempt(
          'suppressed',
          {
            messageId: each.id,
            tenantId: campaign.tenant_id,
            campaignId,
            contactId: each.contact_id,
            domain: each.domain,
          },
          now,
        ),
      )
      const record = { partition: ANALYTICS_PARTITION.dispatch, key: campaignId, payload: { events } }
      await deps.stream.append(ANALYTICS_EVENTS, [record], transaction)
    }
    return chunk.covered
  })
}
