import type { Clock } from '#platform/clock.ts'
import type { Log } from '#platform/log.ts'
import type { Duplicate, Stats } from './control.schema.ts'
import { createMailCounters } from './mail-counters.ts'
import { makeEntry, parseEntry } from './mail-entry.ts'
import type { Entry } from './mail-entry.ts'
import { listEntries, positionOf } from './mail-list.ts'
import type { MessageFilter } from './mail-list.ts'
import * as files from './segment-files.ts'
import type { ReceivedMessage } from './smtp-state.ts'

/** Messages that wait for the disk; beyond it new ones are refused with 452. */
const MAX_QUEUED_MESSAGES = 20_000
const MAX_BATCH_MESSAGES = 512
/** The caps are kept by dropping whole segments: so many make up the whole. */
const SEGMENTS_AT_CAP = 8
/** Messages whose particulars stay on disk for counting after a restart. */
const MAX_COUNTED_MESSAGES = 5_000_000

export interface MailStoreLimits {
  /** Messages listed, with their bytes, newest first. Default 20,000. */
  readonly messages: number
  /** Bytes of those messages together. Default 512 MB. */
  readonly bytes: number
}

export const USUAL_LIMITS: MailStoreLimits = { messages: 20_000, bytes: 512 * 1024 * 1024 }

/** Everything the simulated providers accepted. */
export interface MailStore {
  append(message: ReceivedMessage, done: (error: Error | undefined, sequence: number) => void): void
  stats(campaign?: string): Stats
  duplicates(limit: number): readonly Duplicate[]
  list(filter: MessageFilter): readonly Entry[]
  entry(sequence: number): Entry | undefined
  raw(entry: Entry): Promise<Buffer | undefined>
  /** Forgets everything; sequence numbers go on. */
  reset(): Promise<void>
  close(): Promise<void>
}

interface Waiting {
  readonly message: ReceivedMessage
  readonly done: (error: Error | undefined, sequence: number) => void
}

interface Deps {
  readonly clock: Pick<Clock, 'now'>
  readonly log: Pick<Log, 'warn' | 'error'>
}

interface State {
  readonly directory: string
  readonly limits: MailStoreLimits
  readonly counters: ReturnType<typeof createMailCounters>
  /** The newest messages, ascending by sequence. */
  entries: Entry[]
  /** Segments whose bytes are kept, with what they hold; the last one is being written. */
  live: { number: number; messages: number; bytes: number }[]
  /** Older segments, of which only the index is left. */
  counted: { number: number; messages: number }[]
  writer: files.SegmentWriter
  nextSequence: number
  queue: Waiting[]
  /** The work in hand; everything that touches the files goes one after another. */
  work: Promise<void>
  isScheduled: boolean
  isClosed: boolean
}

/** Opens the store in `directory`, rebuilding index and counters from what an earlier process wrote there. */
export async function openMailStore(
  deps: Deps,
  directory: string,
  limits: MailStoreLimits = USUAL_LIMITS,
): Promise<MailStore> {
  const state = await load(deps, directory, limits)
  return {
    append: (message, done) => {
      if (state.isClosed || state.queue.length >= MAX_QUEUED_MESSAGES)
        return done(new Error('the store is full or closed'), 0)
      state.queue.push({ message, done })
      schedule(deps, state)
    },
    stats: (campaign) => state.counters.stats(campaign),
    duplicates: (limit) => state.counters.duplicates(limit),
    list: (filter) => listEntries(state.entries, filter),
    entry: (sequence) => state.entries[positionOf(state.entries, sequence)],
    raw: async (entry) =>
      entry.raw_bytes === 0
        ? undefined
        : files.readRaw(directory, entry.segment, entry.offset, entry.raw_bytes),
    reset: () => inTurn(state, () => reset(state)),
    close: async () => {
      state.isClosed = true
      await inTurn(state, async () => {
        while (state.queue.length > 0) await flush(deps, state)
        await files.closeSegment(state.writer)
      })
    },
  }
}

async function load(deps: Deps, directory: string, limits: MailStoreLimits): Promise<State> {
  const numbers = await files.listSegments(directory)
  const counters = createMailCounters()
  const entries: Entry[] = []
  const live: State['live'] = []
  let unreadable = 0
  let last = 0
  for (const number of numbers) {
    const segment = { number, messages: 0, bytes: 0 }
    for await (const line of files.readIndexLines(directory, number)) {
      const entry = parseEntry(line)
      if (entry === undefined) {
        unreadable += 1
        continue
      }
      counters.add(entry)
      entries.push(entry)
      if (entries.length >= 2 * limits.messages) entries.splice(0, entries.length - limits.messages)
      last = Math.max(last, entry.sequence)
      segment.messages += 1
      segment.bytes += entry.raw_bytes
    }
    if (segment.messages === 0) await files.dropSegment(directory, number)
    else live.push(segment)
  }
  if (unreadable > 0)
    deps.log.warn({ unreadable }, 'windtunnel: index lines could not be read and were passed over')
  const number = (numbers.at(-1) ?? 0) + 1
  const writer = await files.openSegment(directory, number)
  live.push({ number, messages: 0, bytes: 0 })
  const state: State = {
    directory,
    limits,
    counters,
    entries,
    live,
    counted: [],
    writer,
    nextSequence: last + 1,
    queue: [],
    work: Promise.resolve(),
    isScheduled: false,
    isClosed: false,
  }
  await keepCaps(state)
  return state
}

function inTurn(state: State, work: () => Promise<void>): Promise<void> {
  const done = state.work.then(work)
  state.work = done.catch(() => undefined)
  return done
}

/** One write for all that came in a turn of the event loop; while it runs, the next batch gathers. */
function schedule(deps: Deps, state: State): void {
  if (state.isScheduled) return
  state.isScheduled = true
  setImmediate(() => {
    void inTurn(state, async () => {
      state.isScheduled = false
      await flush(deps, state)
      if (state.queue.length > 0) schedule(deps, state)
    })
  })
}

async function flush(deps: Deps, state: State): Promise<void> {
  const batch = state.queue.splice(0, MAX_BATCH_MESSAGES)
  if (batch.length === 0) return
  try {
    const now = deps.clock.now()
    const entries: Entry[] = []
    const contents: Buffer[] = []
    let offset = state.writer.rawBytes
    for (const { message } of batch) {
      const sequence = state.nextSequence + entries.length
      entries.push(makeEntry(message, { sequence, segment: state.writer.number, offset }, now))
      if (!message.keepRaw) continue
      contents.push(message.content)
      offset += message.content.length
    }
    const lines = entries.map((entry) => `${JSON.stringify(entry)}\n`).join('')
    await files.writeBatch(state.writer, contents, Buffer.from(lines))
    remember(state, entries)
  } catch (error) {
    const cause = error instanceof Error ? error : new Error(String(error))
    deps.log.error(
      { err: cause, messages: batch.length },
      'windtunnel: received messages could not be stored',
    )
    for (const { done } of batch) done(cause, 0)
    return
  }
  const first = state.nextSequence - batch.length
  for (const [index, { done }] of batch.entries()) done(undefined, first + index)
  try {
    await keepCaps(state)
  } catch (error) {
    deps.log.error({ err: error }, 'windtunnel: old messages could not be dropped')
  }
}

function remember(state: State, entries: readonly Entry[]): void {
  state.nextSequence += entries.length
  const current = state.live.at(-1)
  for (const entry of entries) {
    state.counters.add(entry)
    state.entries.push(entry)
    if (current === undefined) continue
    current.messages += 1
    current.bytes += entry.raw_bytes
  }
}

/** Begins a new segment when the current one has its share, and drops the oldest bytes above the caps. */
async function keepCaps(state: State): Promise<void> {
  const { limits, live } = state
  const current = live.at(-1)
  const isFull =
    current !== undefined &&
    (current.messages * SEGMENTS_AT_CAP >= limits.messages || current.bytes * SEGMENTS_AT_CAP >= limits.bytes)
  if (isFull) await beginSegment(state)
  let messages = live.reduce((sum, segment) => sum + segment.messages, 0)
  let bytes = live.reduce((sum, segment) => sum + segment.bytes, 0)
  while ((messages > limits.messages || bytes > limits.bytes) && live.length > 1) {
    const oldest = live.shift()
    if (oldest === undefined) break
    messages -= oldest.messages
    bytes -= oldest.bytes
    state.counted.push(oldest)
    const firstKept = state.entries.findIndex((entry) => entry.segment > oldest.number)
    state.entries.splice(0, firstKept === -1 ? state.entries.length : firstKept)
    await files.dropRaw(state.directory, oldest.number)
  }
  let countedMessages = state.counted.reduce((sum, segment) => sum + segment.messages, 0)
  while (countedMessages > MAX_COUNTED_MESSAGES) {
    const oldest = state.counted.shift()
    if (oldest === undefined) break
    countedMessages -= oldest.messages
    await files.dropSegment(state.directory, oldest.number)
  }
}

async function beginSegment(state: State): Promise<void> {
  const number = state.writer.number + 1
  const next = await files.openSegment(state.directory, number)
  await files.closeSegment(state.writer)
  state.writer = next
  state.live.push({ number, messages: 0, bytes: 0 })
}

async function reset(state: State): Promise<void> {
  const old = [...state.counted, ...state.live]
  await beginSegment(state)
  state.live = state.live.slice(-1)
  state.counted = []
  state.entries = []
  state.counters.clear()
  for (const { number } of old) await files.dropSegment(state.directory, number)
}
