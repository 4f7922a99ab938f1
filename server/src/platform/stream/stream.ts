import type { Transaction } from '#platform/postgres/database.ts'

/**
 * What flows between roles: append-only topics with numbered partitions, read by groups that each keep their
 * own offset. At least once: a record is seen again until its group has committed past it.
 */
export interface Stream {
  /**
   * Appends in order. With `transaction` the records exist only if it commits, and become visible in commit order
   * (a reader never passes an offset that commits later).
   */
  append(topic: string, records: readonly NewRecord[], transaction?: Transaction): Promise<void>

  /** The next records after the group's offsets, oldest first within a partition; empty when there are none. */
  read(topic: string, group: string, options: ReadOptions): Promise<StreamRecord[]>

  /**
   * Moves the group's offsets. Compare-and-set: `from` must be the offset the group stands at, otherwise another
   * consumer was faster and `OffsetMoved` is thrown (and the transaction, with its effects, rolls back).
   */
  commit(topic: string, group: string, moves: readonly OffsetMove[], transaction?: Transaction): Promise<void>

  /** Where the group stands in every partition: the offset it will read next. */
  offsets(topic: string, group: string): Promise<ReadonlyMap<number, bigint>>

  /** Where every partition ends now: the offset that its next record will have. */
  ends(topic: string): Promise<ReadonlyMap<number, bigint>>

  /**
   * Resolves when something may have been appended to the topic, or after `timeoutMs`, or when aborted. Call it after a
   * `read` of the topic that found nothing: what was appended since that read began is not missed.
   */
  wait(topic: string, timeoutMs: number, signal: AbortSignal): Promise<void>

  /**
   * Drops what every group has passed, in the steps of the driver (PostgreSQL: whole segments, which topics share).
   * Returns the number of the topic's records that remain.
   */
  trim(topic: string): Promise<number>

  close(): Promise<void>
}

export interface NewRecord {
  readonly partition: number
  readonly key: string
  readonly payload: unknown
}

export interface StreamRecord {
  readonly partition: number
  readonly offset: bigint
  readonly key: string
  readonly payload: unknown
}

export interface ReadOptions {
  readonly maxRecords: number
  /** Only these partitions; all when absent. */
  readonly partitions?: readonly number[]
  /**
   * Read from these offsets instead of the committed ones (a consumer that keeps its own position between commits).
   * Partitions that are not named start at the committed offset.
   */
  readonly from?: ReadonlyMap<number, bigint>
}

export interface OffsetMove {
  readonly partition: number
  readonly from: bigint
  readonly to: bigint
}

/** Thrown by `commit` when another consumer of the group has moved the offset. */
export class OffsetMoved extends Error {
  constructor(topic: string, group: string, partition: number) {
    super(
      `Group ${group} no longer stands where it was read in ${topic}/${partition}: another consumer was faster.`,
    )
    this.name = 'OffsetMoved'
  }
}
