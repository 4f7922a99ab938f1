import { EMAIL_EVENTS, EMAIL_FEEDBACK, TOPICS, type EmailEventsPayload } from '#events/email-events.ts'
import type { FeedbackPayload } from '#events/feedback-events.ts'
import type { Database } from '#platform/postgres/database.ts'
import { consumeTransactionally } from '#platform/stream/consume.ts'
import { keepTrimmed } from '#platform/stream/keep-trimmed.ts'
import { forgetFeedback } from './forget-feedback.ts'
import { recordEvents, type RecordDeps } from './record-events.ts'
import { recordFeedback } from './record-feedback.ts'

/** Stream records in one transaction: each holds up to 500 outcomes. */
const MAX_RECORDS = 16
/** Outcomes of this long go in one transaction; the first after a quiet time goes at once. */
const REST_MS = 250
const TRIM_MS = 5_000
/** News come a few at a time: so many records in one transaction. */
const MAX_FEEDBACK_RECORDS = 64

/**
 * Applies `email.events` and `email.feedback` until `signal` aborts, and drops what everybody has read, and what is too old
 * to count.
 */
export async function runRecord(
  deps: RecordDeps & { readonly db: Database },
  signal: AbortSignal,
): Promise<void> {
  const { stream, db, clock, log } = deps
  const consumer = { stream, db, clock, log, signal, group: 'record', restMs: REST_MS }
  await Promise.all([
    consumeTransactionally({
      ...consumer,
      topic: EMAIL_EVENTS,
      maxRecords: MAX_RECORDS,
      // The topic has one writer, delivery, and its payloads are of this type.
      handle: (records, transaction) =>
        recordEvents(
          deps,
          records.map((record) => record.payload as EmailEventsPayload),
          transaction,
        ),
    }),
    consumeTransactionally({
      ...consumer,
      topic: EMAIL_FEEDBACK,
      maxRecords: MAX_FEEDBACK_RECORDS,
      // `appendFeedback` alone writes this topic, and its payloads are of this type.
      handle: (records, transaction) =>
        recordFeedback(
          deps,
          records.map((record) => record.payload as FeedbackPayload),
          transaction,
        ),
    }),
    keepTrimmed({ ...deps, topics: Object.keys(TOPICS), intervalMs: TRIM_MS, signal }),
    forgetFeedback(deps, signal),
  ])
}
