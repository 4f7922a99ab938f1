import type { PoolConfig } from 'pg'
import type { Clock } from '#platform/clock.ts'
import type { Log } from '#platform/log.ts'
import type { Database, Transaction } from '#platform/postgres/database.ts'
import { listen } from '#platform/postgres/listen.ts'
import {
  channelOf,
  countRecords,
  createPartitions,
  dropPassedSegments,
  insertRecords,
  moveOffsets,
  needsTransaction,
  selectEnds,
  selectOffsets,
  selectRecords,
} from './postgres-stream.store.ts'
import { OffsetMoved, type NewRecord, type Stream } from './stream.ts'
import { topicBells, type TopicBells } from './topic-bells.ts'

/** A topic as the code declares it: its partitions may grow in a later release, never shrink. */
export interface TopicDeclaration {
  readonly partitions: number
  readonly groups: readonly string[]
}

export type Topics = Readonly<Record<string, TopicDeclaration>>

export interface PostgresStreamOptions {
  /** As `pigeon_engine`. */
  readonly db: Database
  /** For the connection that listens, as `pigeon_engine`. */
  readonly connection: PoolConfig
  /** The same in every process: what one of them leaves out is not created by it, and all groups hold back `trim`. */
  readonly topics: Topics
  readonly log: Log
  readonly clock: Clock
  /** A segment that has grown over this is left for the next one. */
  readonly segmentBytes?: number
}

/** Segments are dropped whole: about four times this is what the stream takes on disk when all groups keep up. */
const SEGMENT_BYTES = 64 * 1024 * 1024

/** The stream on tables of PostgreSQL. Creates the counters of declared topics that are missing. */
export async function createPostgresStream(options: PostgresStreamOptions): Promise<Stream> {
  const { db, topics, clock, log } = options
  for (const [topic, { partitions, groups }] of Object.entries(topics))
    await createPartitions(db, topic, partitions, groups)
  const bells = topicBells(Object.keys(topics), clock)
  const closing = new AbortController()
  const listening = listen(options.connection, {
    channels: Object.keys(topics).map(channelOf),
    onNotify: (channel) => bells.ring(channel),
    onReconnect: () => bells.ringAll(),
    log,
    clock,
    signal: closing.signal,
  })
  return {
    append: async (topic, records, transaction) => {
      if (records.length === 0) return
      refuseUndeclared(topics, topic, records)
      if (transaction !== undefined || !needsTransaction(records))
        await insertRecords(transaction ?? db, topic, records)
      else await db.transaction().execute(async (own) => insertRecords(own, topic, records))
    },
    read: async (topic, group, readOptions) =>
      readNoting(bells, topic, async () => selectRecords(db, topic, group, readOptions)),
    commit: async (topic, group, moves, transaction) => {
      if (moves.length === 0) return
      if (transaction !== undefined) await commitMoves(transaction, topic, group, moves)
      else await db.transaction().execute(async (own) => commitMoves(own, topic, group, moves))
    },
    offsets: async (topic, group) => selectOffsets(db, topic, group),
    ends: async (topic) => selectEnds(db, topic),
    wait: async (topic, timeoutMs, signal) => bells.wait(channelOf(topic), timeoutMs, signal),
    trim: async (topic) => {
      await dropPassedSegments(db, options.segmentBytes ?? SEGMENT_BYTES)
      return countRecords(db, topic)
    },
    close: async () => {
      closing.abort()
      await listening
    },
  }
}

function refuseUndeclared(topics: Topics, topic: string, records: readonly NewRecord[]): void {
  const partitions = topics[topic]?.partitions ?? 0
  const stray = records.find(
    ({ partition }) => !Number.isInteger(partition) || partition < 0 || partition >= partitions,
  )
  if (stray !== undefined) throw new Error(`The topic ${topic} has no partition ${stray.partition}.`)
}

async function readNoting<T>(bells: TopicBells, topic: string, read: () => Promise<T[]>): Promise<T[]> {
  const heard = bells.heard(channelOf(topic))
  const found = await read()
  if (found.length === 0) bells.foundNothing(channelOf(topic), heard)
  return found
}

async function commitMoves(
  transaction: Transaction,
  topic: string,
  group: string,
  moves: Parameters<Stream['commit']>[2],
): Promise<void> {
  const moved = await moveOffsets(transaction, topic, group, moves)
  const left = moves.find(({ partition }) => !moved.has(partition))
  if (left !== undefined) throw new OffsetMoved(topic, group, left.partition)
}
