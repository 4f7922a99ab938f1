import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { SEGMENT_NAME } from './journal.ts'
import { attemptKey, dotKey, readEntry, type JournaledDot, type JournaledOutcome } from './journal-entry.ts'

/** What a journal says about attempts that were not confirmed. Confirmed ones may be among them. */
export interface Replay {
  readonly outcomes: readonly JournaledOutcome[]
  /** The final dot was about to leave, and the answer is not known. */
  readonly inDoubt: readonly JournaledDot[]
  /** Lines that were torn by the end of the process or changed later. */
  readonly damagedLines: number
  /** The files that were read: for `deleteSegments`, when everything is stored elsewhere. */
  readonly segments: readonly string[]
}

/**
 * Reads the segments of a journal whose writer is gone; a directory that does not exist is an empty journal. `shards`:
 * only entries of these. The last entry of an attempt counts.
 */
export async function replayJournal(dir: string, shards?: ReadonlySet<number>): Promise<Replay> {
  const segments = await segmentsIn(dir)
  const last = new Map<string, JournaledOutcome | JournaledDot>()
  let damagedLines = 0
  for (const path of segments) {
    const lines = (await readFile(path, 'utf8')).split('\n')
    // What follows the last line feed: nothing, or the line that was being written.
    if (lines.pop() !== '') damagedLines += 1
    for (const line of lines) {
      const entry = readEntry(line)
      if (entry === undefined) {
        damagedLines += 1
        continue
      }
      const value = entry.kind === 'dot' ? entry.dot : entry.outcome
      if (shards !== undefined && !shards.has(value.shard)) continue
      last.set('event' in value ? attemptKey(value.event) : dotKey(value), value)
    }
  }
  const outcomes: JournaledOutcome[] = []
  const inDoubt: JournaledDot[] = []
  for (const value of last.values()) {
    if ('event' in value) outcomes.push(value)
    else inDoubt.push(value)
  }
  return { outcomes, inDoubt, damagedLines, segments }
}

/** Forgets what was replayed: oldest first, so that an outcome always outlives its dot. */
export async function deleteSegments(replay: Replay): Promise<void> {
  for (const path of replay.segments) await rm(path, { force: true })
}

async function segmentsIn(dir: string): Promise<string[]> {
  try {
    const names = (await readdir(dir)).filter((name) => SEGMENT_NAME.test(name))
    return names.sort().map((name) => join(dir, name))
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
}
