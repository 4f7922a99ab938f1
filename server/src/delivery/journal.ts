import { mkdir, open, readdir, rm, writeFile, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import type { OutcomeEvent } from '#events/email-events.ts'
import {
  attemptKey,
  dotKey,
  writeEntry,
  type AttemptName,
  type JournaledDot,
  type JournalEntry,
} from './journal-entry.ts'

/**
 * What a deliver process must remember through a kill -9: which final dots were sent, and how the attempts ended, until
 * PostgreSQL has it. One writer a directory.
 */
export interface Journal {
  /** Resolves when the entry is on the disk (fdatasync). Rejects when it may not be: then no dot may be sent. */
  dot(dot: JournaledDot): Promise<void>
  outcome(shard: number, epoch: number, event: OutcomeEvent): Promise<void>
  /** These outcomes are stored elsewhere. Segments with nothing else in them are deleted, the oldest first. */
  confirm(attempts: readonly AttemptName[]): void
  /** Why the last write failed (disk full), until one works again: while it is set, no new work may begin. */
  failure(): Error | undefined
  /** Tries the disk when a write has failed; whether the journal works. */
  probe(): Promise<boolean>
  stats(): { readonly entries: number; readonly syncs: number; readonly segments: number }
  /** Writes what waits and closes. Segments with unconfirmed entries stay for the replay. */
  close(): Promise<void>
}

export interface JournalOptions {
  /** Made when it is not there. Its old segments are not touched: see `replayJournal`. */
  readonly dir: string
  readonly maxSegmentBytes?: number
}

const MAX_SEGMENT_BYTES = 16 * 1024 * 1024
const PROBE_BYTES = 1024 * 1024
export const SEGMENT_NAME = /^(\d{10})\.journal$/

interface Segment {
  readonly path: string
  /** Attempts with an entry here that are not confirmed. */
  readonly open: Set<string>
  bytes: number
  isWritten: boolean
}

interface Waiting {
  readonly line: string
  readonly key: string
  resolve(): void
  reject(error: Error): void
}

export async function openJournal(options: JournalOptions): Promise<Journal> {
  await mkdir(options.dir, { recursive: true })
  const maxBytes = options.maxSegmentBytes ?? MAX_SEGMENT_BYTES
  const segments: Segment[] = []
  let next = (await lastNumber(options.dir)) + 1
  let file: { readonly handle: FileHandle; readonly segment: Segment } | undefined
  let waiting: Waiting[] = []
  let flushing: Promise<void> | undefined
  let failure: Error | undefined
  let isClosed = false
  let entries = 0
  let syncs = 0
  /** Lines on their way to the disk, by attempt; and which of those attempts were confirmed meanwhile. */
  const unwritten = new Map<string, number>()
  const confirmedEarly = new Set<string>()

  async function openSegment(): Promise<{ readonly handle: FileHandle; readonly segment: Segment }> {
    const path = join(options.dir, `${String(next).padStart(10, '0')}.journal`)
    next += 1
    const handle = await open(path, 'wx', 0o600)
    await syncDirectory(options.dir)
    const segment: Segment = { path, open: new Set(), bytes: 0, isWritten: false }
    segments.push(segment)
    return { handle, segment }
  }

  async function closeSegment(): Promise<void> {
    const last = file
    file = undefined
    if (last === undefined) return
    last.segment.isWritten = true
    await last.handle.close()
    await dropConfirmed()
  }

  /** Oldest first, so that an outcome always outlives its dot. */
  async function dropConfirmed(): Promise<void> {
    while (segments[0]?.isWritten === true && segments[0].open.size === 0) {
      const segment = segments.shift()
      if (segment !== undefined) await rm(segment.path, { force: true })
    }
  }

  /** One sync at a time: what arrives meanwhile shares the next. */
  async function flush(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting
      waiting = []
      try {
        await writeBatch(batch)
        failure = undefined
        for (const one of batch) one.resolve()
      } catch (error) {
        failure = asError(error)
        for (const one of batch) one.reject(failure)
        await abandonSegment()
      }
      for (const one of batch) forgetUnwritten(one.key)
    }
    // In the turn that found nothing waiting, so that no entry can come in between and wait for ever.
    flushing = undefined
  }

  function forgetUnwritten(key: string): void {
    const lines = (unwritten.get(key) ?? 1) - 1
    if (lines > 0) {
      unwritten.set(key, lines)
    } else {
      unwritten.delete(key)
      confirmedEarly.delete(key)
    }
  }

  async function writeBatch(batch: readonly Waiting[]): Promise<void> {
    file ??= await openSegment()
    const { handle, segment } = file
    const bytes = Buffer.from(batch.map((one) => one.line).join(''))
    // Known before it is written: a line that is only half there still keeps its segment.
    for (const { key } of batch) if (!confirmedEarly.has(key)) segment.open.add(key)
    segment.bytes += bytes.length
    await handle.appendFile(bytes)
    await handle.datasync()
    entries += batch.length
    syncs += 1
    if (segment.bytes >= maxBytes) await closeSegment()
  }

  /** After a failed write nobody knows what the file holds: it is left as it is, and the next batch gets a new one. */
  async function abandonSegment(): Promise<void> {
    const last = file
    file = undefined
    if (last === undefined) return
    last.segment.isWritten = true
    await last.handle.close().catch(() => undefined)
  }

  function append(entry: JournalEntry, key: string): Promise<void> {
    if (isClosed) return Promise.reject(new Error('The journal is closed.'))
    return new Promise((resolve, reject) => {
      waiting.push({ line: writeEntry(entry), key, resolve, reject })
      unwritten.set(key, (unwritten.get(key) ?? 0) + 1)
      flushing ??= flush()
    })
  }
  return {
    dot: (dot) => append({ kind: 'dot', dot }, dotKey(dot)),
    outcome: (shard, epoch, event) =>
      append({ kind: 'outcome', outcome: { shard, epoch, event } }, attemptKey(event)),
    confirm(attempts) {
      for (const attempt of attempts) {
        const key = attemptKey(attempt)
        if (unwritten.has(key)) confirmedEarly.add(key)
        for (const segment of segments) segment.open.delete(key)
      }
      // A segment that could not be deleted is read again by the replay, and its outcomes are known by then.
      void dropConfirmed().catch((error: unknown) => {
        failure = asError(error)
      })
    },
    failure: () => failure,
    async probe() {
      if (failure === undefined) return true
      try {
        await tryDisk(options.dir)
        failure = undefined
        return true
      } catch (error) {
        failure = asError(error)
        return false
      }
    },
    stats: () => ({ entries, syncs, segments: segments.length }),
    async close() {
      isClosed = true
      await flushing
      await closeSegment()
    },
  }
}

async function lastNumber(dir: string): Promise<number> {
  const numbers = (await readdir(dir)).map((name) => Number(SEGMENT_NAME.exec(name)?.[1] ?? 0))
  return Math.max(0, ...numbers)
}

/** Makes the name of a new file as durable as what is in it. */
async function syncDirectory(dir: string): Promise<void> {
  const handle = await open(dir, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Rejects when the disk does not take what a busy second writes. */
async function tryDisk(dir: string): Promise<void> {
  const path = join(dir, 'probe.tmp')
  try {
    await writeFile(path, Buffer.alloc(PROBE_BYTES, 0x20), { flush: true })
  } finally {
    await rm(path, { force: true })
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
