import { createHash } from 'node:crypto'
import { ANALYTICS_EVENTS, type AnalyticsPayload } from '#events/email-events.ts'
import type { Analytics } from '#platform/analytics/open-analytics.ts'
import type { Clock } from '#platform/clock.ts'
import type { Log } from '#platform/log.ts'
import type { Database } from '#platform/postgres/database.ts'
import { OffsetMoved, type Stream, type StreamRecord } from '#platform/stream/stream.ts'
import { attemptRow, eventId, eventRow, jsonLines, textLength, type HistoryReaders } from './history-rows.ts'
import { beginLoad, endLoad, findLoads, whileNobodyRebuilds, type Load } from './history.store.ts'

export interface HistoryDeps {
  readonly db: Database
  readonly stream: Stream
  readonly analytics: Analytics
  readonly clock: Clock
  readonly log: Log
  readonly readers: HistoryReaders
}

const GROUP = 'history'
/** A batch is one insert. Measured: 10,000 rows at a time go in at over 100,000 a second, 100 at a time at 7,500. */
const BATCH_EVENTS = 10_000
/** Transcripts can be long: so much is one block for an engine that has the least memory it may have. */
const BATCH_CHARS = 16_000_000
/** A record holds up to 1,000 outcomes with their transcripts. */
const PAGE_RECORDS = 16
const INSERT_MS = 30_000
/** Between two batches that were not full. A batch of one event takes more than half the processor time of one of 500. */
const REST_MS = 1_000
const WAIT_MS = 1_000
const PAUSE_MS = { first: 100, longest: 10_000 } as const

/**
 * Loads `analytics.events` into the history until `signal` aborts, each event exactly once in its results. What fails is
 * tried again with growing pauses and never skipped.
 */
export async function runHistory(deps: HistoryDeps, signal: AbortSignal): Promise<void> {
  const { stream, clock, log } = deps
  let pauseMs: number = PAUSE_MS.first
  while (!signal.aborted) {
    try {
      const largest = await whileNobodyRebuilds(deps.db, () => loadWaiting(deps, signal))
      pauseMs = PAUSE_MS.first
      if (largest === undefined) await clock.sleep(WAIT_MS, signal)
      else if (largest === 0) await stream.wait(ANALYTICS_EVENTS, WAIT_MS, signal)
      else if (largest < BATCH_EVENTS / 2) await clock.sleep(REST_MS, signal)
    } catch (error) {
      if (error instanceof OffsetMoved) log.debug({}, 'Another process loads the history, too.')
      else
        log.error(
          { err: error, pause_ms: pauseMs },
          'A batch did not get into the history and is tried again.',
        )
      await clock.sleep(pauseMs, signal)
      pauseMs = Math.min(pauseMs * 2, PAUSE_MS.longest)
    }
  }
}

/** What the last loader left unfinished. */
export async function finishLoads(deps: HistoryDeps): Promise<void> {
  for (const load of await findLoads(deps.db, ANALYTICS_EVENTS))
    await finishLoad(deps, load, await readRange(deps, load))
}

/** One batch of every partition. Returns the events of the largest batch. */
async function loadWaiting(deps: HistoryDeps, signal: AbortSignal): Promise<number> {
  await finishLoads(deps)
  let largest = 0
  for (const [partition, from] of await deps.stream.offsets(ANALYTICS_EVENTS, GROUP)) {
    if (signal.aborted) break
    const records = await gather(deps, partition, from)
    const load = await startLoad(deps, partition, from, records)
    if (load !== null) await finishLoad(deps, load, records)
    largest = Math.max(largest, countEvents(records))
  }
  return largest
}

/** The records of the next batch: as many as fit into one insert. */
export async function gather(
  deps: Pick<HistoryDeps, 'stream'>,
  partition: number,
  from: bigint,
): Promise<StreamRecord[]> {
  const gathered: StreamRecord[] = []
  let [events, chars, next] = [0, 0, from]
  while (true) {
    const page = await read(deps, partition, next, PAGE_RECORDS)
    for (const record of page) {
      const found = eventsOf(record)
      events += found.length
      chars += found.reduce((sum, event) => sum + textLength(event), 0)
      if (gathered.length > 0 && (events > BATCH_EVENTS || chars > BATCH_CHARS)) return gathered
      gathered.push(record)
      next = record.offset + 1n
    }
    if (page.length < PAGE_RECORDS) return gathered
  }
}

/**
 * Stores the range before anything of it is inserted, so that whoever comes after a crash inserts exactly the same
 * again. Null when there is nothing, or when another loader has stored a range of its own.
 */
export async function startLoad(
  deps: Pick<HistoryDeps, 'db' | 'stream'>,
  partition: number,
  from: bigint,
  records: readonly StreamRecord[],
): Promise<Load | null> {
  const last = records.at(-1)
  if (last === undefined) return null
  const load = { partition, from, to: last.offset + 1n }
  return deps.db.transaction().execute(async (transaction) => {
    // Moves nothing: holds the offset, and refuses when the records have been loaded since they were read.
    await deps.stream.commit(ANALYTICS_EVENTS, GROUP, [{ partition, from, to: from }], transaction)
    return (await beginLoad(transaction, ANALYTICS_EVENTS, load)) ? load : null
  })
}

/** Inserts a stored range and moves past it. Done twice, it counts once. */
async function finishLoad(deps: HistoryDeps, load: Load, records: readonly StreamRecord[]): Promise<void> {
  await insertLoad(deps, load, records)
  await deps.db.transaction().execute(async (transaction) => {
    await deps.stream.commit(ANALYTICS_EVENTS, GROUP, [load], transaction)
    await endLoad(transaction, ANALYTICS_EVENTS, load)
  })
}

/** The range is the token of its rows, with whose they are: after a restore the same offsets hold other messages. */
export async function insertLoad(
  deps: Pick<HistoryDeps, 'analytics' | 'readers'>,
  load: Load,
  records: readonly StreamRecord[],
): Promise<void> {
  const events = records.flatMap(eventsOf)
  const token = `${ANALYTICS_EVENTS}/${load.partition}/${load.from}-${load.to}/${fingerprint(events)}`
  const rows = rowsOf(records, deps.readers)
  await deps.analytics.insert('email_events', rows.events, { token, timeoutMs: INSERT_MS })
  await deps.analytics.insert('attempts', rows.attempts, {
    token: `${token}/attempts`,
    timeoutMs: INSERT_MS,
  })
}

/** The rows of both tables, as JSON lines. */
export function rowsOf(
  records: readonly StreamRecord[],
  readers: HistoryReaders,
): { readonly events: Buffer; readonly attempts: Buffer } {
  const events = records.flatMap((record) =>
    eventsOf(record).map((event, index) => eventRow(event, eventId(event, { ...record, index }), readers)),
  )
  const attempts = records.flatMap(eventsOf).map(attemptRow)
  return { events: jsonLines(events), attempts: jsonLines(attempts.filter((row) => row !== null)) }
}

/** Exactly the records of a range. */
async function readRange(deps: HistoryDeps, load: Load): Promise<StreamRecord[]> {
  const records: StreamRecord[] = []
  let next = load.from
  while (next < load.to) {
    const page = (await read(deps, load.partition, next, PAGE_RECORDS)).filter(
      (record) => record.offset < load.to,
    )
    const last = page.at(-1)
    if (last === undefined)
      throw new Error(`${ANALYTICS_EVENTS}/${load.partition} has lost records from ${next} to ${load.to}.`)
    records.push(...page)
    next = last.offset + 1n
  }
  return records
}

async function read(
  deps: Pick<HistoryDeps, 'stream'>,
  partition: number,
  from: bigint,
  maxRecords: number,
): Promise<StreamRecord[]> {
  return deps.stream.read(ANALYTICS_EVENTS, GROUP, {
    maxRecords,
    partitions: [partition],
    from: new Map([[partition, from]]),
  })
}

function eventsOf(record: StreamRecord): AnalyticsPayload['events'] {
  // The writers of this topic are ours, and its payloads are of this type.
  return (record.payload as AnalyticsPayload).events
}

function fingerprint(events: AnalyticsPayload['events']): string {
  const hash = createHash('sha256')
  for (const { messageId, type, attempt } of events) hash.update(`${messageId}/${type}/${attempt}\n`)
  return hash.digest('hex').slice(0, 16)
}

function countEvents(records: readonly StreamRecord[]): number {
  return records.reduce((sum, record) => sum + eventsOf(record).length, 0)
}
