import { EMAIL_EVENTS, TOPICS, type EmailEventsPayload } from '#events/email-events.ts'
import type { Database } from '#platform/postgres/database.ts'
import { consumeTransactionally } from '#platform/stream/consume.ts'
import { recordEvents, type RecordDeps } from './record-events.ts'

/** Stream records in one transaction: each holds up to 500 outcomes. */
const MAX_RECORDS = 16
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
  await Promise.all([apply, trimStreams(deps, signal)])
}

async function trimStreams(deps: RecordDeps, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await deps.clock.sleep(TRIM_MS, signal)
    for (const topic of Object.keys(TOPICS)) {
      try {
        await deps.stream.trim(topic)
      } catch (error) {
        deps.log.warn({ err: error, topic }, 'The stream could not be trimmed; it is tried again.')
      }
    }
  }
}
