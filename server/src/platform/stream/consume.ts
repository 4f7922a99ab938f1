import type { Clock } from '#platform/clock.ts'
import type { Log } from '#platform/log.ts'
import type { Database, Transaction } from '#platform/postgres/database.ts'
import { OffsetMoved, type OffsetMove, type Stream, type StreamRecord } from './stream.ts'

export interface ConsumeOptions {
  readonly stream: Stream
  readonly db: Database
  readonly topic: string
  readonly group: string
  readonly maxRecords: number
  /** After a batch of fewer records, so that more of them share the next transaction. 0 when absent. */
  readonly restMs?: number
  /** Only these partitions; all when absent. */
  readonly partitions?: readonly number[]
  readonly signal: AbortSignal
  readonly clock: Clock
  readonly log: Log
  /** Its effects in `transaction` and the group's move past the records happen together or not at all. */
  readonly handle: (records: readonly StreamRecord[], transaction: Transaction) => Promise<void>
}

const WAIT_MS = 1_000
const FIRST_PAUSE_MS = 50
const MAX_PAUSE_MS = 5_000

/**
 * Reads, handles and commits until `signal` is aborted; the batch under way is finished first. A batch that fails is
 * tried again with growing pauses and never skipped. When another consumer of the group was faster its work is undone.
 */
export async function consumeTransactionally(options: ConsumeOptions): Promise<void> {
  const { stream, topic, group, signal, clock, log, restMs = 0 } = options
  let committed: ReadonlyMap<number, bigint> | null = null
  let pauseMs = FIRST_PAUSE_MS
  while (!signal.aborted) {
    try {
      committed ??= await stream.offsets(topic, group)
      const moved = await consumeBatch(options, committed)
      if (moved === null) await stream.wait(topic, WAIT_MS, signal)
      else committed = moved.committed
      pauseMs = FIRST_PAUSE_MS
      if (moved !== null && !moved.isFull && restMs > 0) await clock.sleep(restMs, signal)
    } catch (error) {
      committed = null
      if (error instanceof OffsetMoved) continue
      log.error({ err: error, topic, group, pause_ms: pauseMs }, 'a batch failed and is tried again')
      await clock.sleep(pauseMs, signal)
      pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)
    }
  }
}

/** The offsets after the batch and whether it took all it could, or null when there was nothing to read. */
async function consumeBatch(
  options: ConsumeOptions,
  committed: ReadonlyMap<number, bigint>,
): Promise<{ committed: ReadonlyMap<number, bigint>; isFull: boolean } | null> {
  const { stream, db, topic, group, maxRecords, partitions, handle } = options
  const records = await stream.read(topic, group, {
    maxRecords,
    from: committed,
    ...(partitions === undefined ? {} : { partitions }),
  })
  if (records.length === 0) return null
  const moves = movesPast(records, committed)
  await db.transaction().execute(async (transaction) => {
    await handle(records, transaction)
    await stream.commit(topic, group, moves, transaction)
  })
  return {
    committed: new Map([
      ...committed,
      ...moves.map(({ partition, to }): [number, bigint] => [partition, to]),
    ]),
    isFull: records.length >= maxRecords,
  }
}

/** One move a partition: from where the group stands to behind the last of the records. */
export function movesPast(
  records: readonly StreamRecord[],
  committed: ReadonlyMap<number, bigint>,
): OffsetMove[] {
  const ends = new Map<number, bigint>()
  for (const { partition, offset } of records) {
    const end = ends.get(partition) ?? 0n
    if (offset >= end) ends.set(partition, offset + 1n)
  }
  return [...ends].map(([partition, to]) => ({ partition, from: committed.get(partition) ?? 0n, to }))
}
