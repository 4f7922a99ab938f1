import type { Clock } from '#platform/clock.ts'
import type { Database, Transaction } from '#platform/postgres/database.ts'
import type { Stream } from '#platform/stream/stream.ts'
import { EMAIL_FEEDBACK } from './email-events.ts'
import { feedbackRecords, type FeedbackEvent } from './feedback-events.ts'
import { insertOutbox, takeOutbox } from './outbox.store.ts'

/** Rows that one transaction carries to the stream. */
const BATCH = 500

/** Tells record what was heard of a tenant's messages, in the transaction that did what follows from it. */
export async function appendFeedbackOf(
  transaction: Transaction,
  tenantId: string,
  events: readonly FeedbackEvent[],
  now: Date,
): Promise<void> {
  for (const { partition, payload } of feedbackRecords(events))
    await insertOutbox(transaction, { topic: EMAIL_FEEDBACK, partition, tenant_id: tenantId, payload }, now)
}

/** Carries what waits to the stream, each row once: out of the table and into the stream is one transaction. */
export async function relayOutbox(deps: { db: Database; stream: Stream; clock: Clock }): Promise<number> {
  return deps.db.transaction().execute(async (transaction) => {
    const rows = await takeOutbox(transaction, BATCH)
    for (const [topic, members] of Map.groupBy(rows, (row) => row.topic)) {
      await deps.stream.append(
        topic,
        members.map(({ partition, tenant_id, payload }) => ({ partition, key: tenant_id, payload })),
        transaction,
      )
    }
    return rows.length
  })
}
