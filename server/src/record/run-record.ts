import { EMAIL_EVENTS, TOPICS, type EmailEventsPayload } from '#events/email-events.ts'
import type { Database } from '#platform/postgres/database.ts'
import { consumeTransactionally } from '#platform/stream/consume.ts'
import { keepTrimmed } from '#platform/stream/keep-trimmed.ts'
import { recordEvents, type RecordDeps } from './record-events.ts'

/** Stream records in one transaction: each holds up to 500 outcomes. */
const MAX_RECORDS = 16
/** Outcomes of this long go in one transaction; the first after a quiet time goes at once. */
const REST_MS = 250
const TRIM_MS = 5_000

/** Applies `email.events` until `signal` aborts, and drops from the streams what everybody has read. */
export async function runRecord(
  deps: RecordDeps & { readonly db: Database },
  signal: AbortSignal,
): Promise<void> {
  const apply = consumeTransactionally({
    stream: deps.stream,
    db: deps.db,
    topic: EMAIL_EVENTS,
    group: 'record',
    maxRecords: MAX_RECORDS,
    restMs: REST_MS,
    signal,
    clock: deps.clock,
    log: deps.log,
    // The topic has one writer, delivery, and its payloads are of this type.
    handle: (records, transaction) =>
      recordEvents(
        deps,
        records.map((record) => record.payload as EmailEventsPayload),
        transaction,
      ),
  })
  await Promise.all([
    apply,
    keepTrimmed({ ...deps, topics: Object.keys(TOPICS), intervalMs: TRIM_MS, signal }),
  ])
}
