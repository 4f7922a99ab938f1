import { appendFeedbackOf } from '#events/outbox.ts'
import { uuidv7 } from '#platform/ids.ts'
import type { UnsubscribeDeps } from './unsubscribe.ts'

/** Tells record that somebody has unsubscribed, in the transaction that takes them off: for the report and the history. */
export const tellUnsubscribed: UnsubscribeDeps['appendEvent'] = async (
  transaction,
  { type, tenantId, messageId, at },
) => {
  const news = { type, id: uuidv7(), tenantId, messageId, at: at.toISOString() }
  await appendFeedbackOf(transaction, tenantId, [news], at)
}
