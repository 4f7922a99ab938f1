import { sql } from 'kysely'
import type { Database, Db } from '#platform/postgres/database.ts'
import type { NewRecord, OffsetMove, ReadOptions, StreamRecord } from './stream.ts'

/** PostgreSQL allows 65,535 parameters in a statement; a record takes four. */
const MAX_RECORDS_A_STATEMENT = 1_000
const SEGMENTS = [0, 1, 2, 3] as const
const LOCK_KEY = '123602573124464'
/** Readers queue behind a truncation that waits, so it does not wait long. */
const TRUNCATE_LOCK_TIMEOUT_MS = 50

/** Counters and offsets that do not exist yet begin at 0, which is the oldest record that is still there. */
export async function createPartitions(
  db: Database,
  topic: string,
  partitions: number,
  groups: readonly string[],
): Promise<void> {
  await sql`
    insert into stream_partitions (topic, partition)
    select ${topic}, partition from generate_series(0, ${partitions - 1}::int) as partition
    on conflict do nothing`.execute(db)
  await sql`
    insert into stream_offsets (topic, group_name, partition)
    select ${topic}, group_name, partition
      from unnest(${[...groups]}::text[]) as group_name, generate_series(0, ${partitions - 1}::int) as partition
    on conflict do nothing`.execute(db)
}

export function channelOf(topic: string): string {
  return `stream.${topic}`
}

/**
 * One statement per thousand records. The counters of all partitions are locked in ascending order (two appenders
 * cannot wait for each other), and stay locked until the transaction ends.
 */
export async function insertRecords(db: Db, topic: string, records: readonly NewRecord[]): Promise<void> {
  const seen = new Map<number, number>()
  const rows = records.map(({ partition, key, payload }) => {
    const place = seen.get(partition) ?? 0
    seen.set(partition, place + 1)
    return sql`(${partition}::int, ${place}::bigint, ${key}::text, ${JSON.stringify(payload)}::text)`
  })
  const partitions = [...seen.keys()]
  const first = rows.slice(0, MAX_RECORDS_A_STATEMENT)
  const reserved = await sql<{ partition: number; first: string }>`
    with wanted as (
      select partition, count from unnest(${partitions}::int[], ${[...seen.values()]}::bigint[]) as w (partition, count)
    ), locked as (
      select p.partition from stream_partitions p join wanted w on w.partition = p.partition
       where p.topic = ${topic} order by p.partition for update of p
    ), reserved as (
      update stream_partitions p set next_offset = p.next_offset + w.count
        from wanted w join locked l on l.partition = w.partition
       where p.topic = ${topic} and p.partition = w.partition
      returning p.partition, p.next_offset - w.count as first
    ), inserted as (
      insert into stream_records (segment, topic, partition, "offset", key, payload)
      select (select segment from stream_head), ${topic}, v.partition, r.first + v.place, v.key, v.payload
        from (values ${sql.join(first)}) as v (partition, place, key, payload) join reserved r on r.partition = v.partition
    )
    select partition, first::text as first, pg_notify(${channelOf(topic)}, '') from reserved`.execute(db)
  if (reserved.rows.length < partitions.length) {
    throw new Error(
      `The topic ${topic} has no partition ${partitions.find((wanted) => !reserved.rows.some((row) => row.partition === wanted))}.`,
    )
  }
  for (let at = MAX_RECORDS_A_STATEMENT; at < rows.length; at += MAX_RECORDS_A_STATEMENT) {
    await sql`
      insert into stream_records (segment, topic, partition, "offset", key, payload)
      select (select segment from stream_head), ${topic}, v.partition, r.first + v.place, v.key, v.payload
        from (values ${sql.join(rows.slice(at, at + MAX_RECORDS_A_STATEMENT))}) as v (partition, place, key, payload)
        join unnest(${reserved.rows.map((row) => row.partition)}::int[], ${reserved.rows.map((row) => row.first)}::bigint[]) as r (partition, first)
          on r.partition = v.partition`.execute(db)
  }
}

/** Whether an append takes more than one statement, and so needs a transaction. */
export function needsTransaction(records: readonly NewRecord[]): boolean {
  return records.length > MAX_RECORDS_A_STATEMENT
}

interface RecordRow {
  readonly partition: number
  readonly offset: string
  readonly key: string
  readonly payload: string
}

/** All partitions in one query, in turns, so that a full one does not keep the others waiting. */
export async function selectRecords(
  db: Db,
  topic: string,
  group: string,
  options: ReadOptions,
): Promise<StreamRecord[]> {
  const from = [...(options.from ?? [])]
  const only =
    options.partitions === undefined ? sql`true` : sql`o.partition = any(${[...options.partitions]}::int[])`
  const found = await sql<RecordRow>`
    select r.partition, r."offset"::text as "offset", r.key, r.payload
      from stream_offsets o
      left join unnest(${from.map(([partition]) => partition)}::int[], ${from.map(([, offset]) => offset.toString())}::bigint[])
             as given (partition, "offset") on given.partition = o.partition
      -- Most partitions have nothing new most of the time: their counters say so without a look into the segments.
      join stream_partitions p on p.topic = o.topic and p.partition = o.partition and p.next_offset > coalesce(given."offset", o.next_offset)
     cross join lateral (
       select s.partition, s."offset", s.key, s.payload from stream_records s
        where s.topic = ${topic} and s.partition = o.partition and s."offset" >= coalesce(given."offset", o.next_offset)
        order by s."offset" limit ${options.maxRecords}
     ) r
     where o.topic = ${topic} and o.group_name = ${group} and ${only}
     order by r."offset" - coalesce(given."offset", o.next_offset), r.partition
     limit ${options.maxRecords}`.execute(db)
  return found.rows
    .map((row): StreamRecord => {
      const payload: unknown = JSON.parse(row.payload)
      return { partition: row.partition, offset: BigInt(row.offset), key: row.key, payload }
    })
    .toSorted((a, b) => a.partition - b.partition || (a.offset < b.offset ? -1 : 1))
}

/** Moves what stands where it should, locked in ascending order; returns the partitions that were moved. */
export async function moveOffsets(
  db: Db,
  topic: string,
  group: string,
  moves: readonly OffsetMove[],
): Promise<Set<number>> {
  const moved = await sql<{ partition: number }>`
    with wanted as (
      select * from unnest(${moves.map((move) => move.partition)}::int[], ${moves.map((move) => move.from.toString())}::bigint[],
                           ${moves.map((move) => move.to.toString())}::bigint[]) as w (partition, "from", "to")
    ), locked as (
      select o.partition, w."to" from stream_offsets o join wanted w on w.partition = o.partition
       where o.topic = ${topic} and o.group_name = ${group} and o.next_offset = w."from"
       order by o.partition for update of o
    )
    update stream_offsets o set next_offset = l."to" from locked l
     where o.topic = ${topic} and o.group_name = ${group} and o.partition = l.partition
    returning o.partition`.execute(db)
  return new Set(moved.rows.map(({ partition }) => partition))
}

export async function selectOffsets(db: Db, topic: string, group: string): Promise<Map<number, bigint>> {
  const found = await sql<{ partition: number; next_offset: string }>`
    select partition, next_offset::text as next_offset from stream_offsets
     where topic = ${topic} and group_name = ${group} order by partition`.execute(db)
  return new Map(found.rows.map((row) => [row.partition, BigInt(row.next_offset)]))
}

export async function selectEnds(db: Db, topic: string): Promise<Map<number, bigint>> {
  const found = await sql<{ partition: number; next_offset: string }>`
    select partition, next_offset::text as next_offset from stream_partitions
     where topic = ${topic} order by partition`.execute(db)
  return new Map(found.rows.map((row) => [row.partition, BigInt(row.next_offset)]))
}

export async function countRecords(db: Db, topic: string): Promise<number> {
  const found = await sql<{
    count: string
  }>`select count(*)::text as count from stream_records where topic = ${topic}`.execute(db)
  return Number(found.rows[0]?.count)
}

/**
 * Empties the segments that every group of every topic has passed, and moves on to the next segment when the current
 * one is large and the next is empty. Whoever is not first leaves it to the one who is.
 */
export async function dropPassedSegments(db: Database, segmentBytes: number): Promise<void> {
  const current = await moveOn(db, segmentBytes)
  for (const segment of SEGMENTS) {
    if (segment !== current) await truncateIfPassed(db, segment)
  }
}

async function moveOn(db: Database, segmentBytes: number): Promise<number> {
  return db.transaction().execute(async (transaction) => {
    const head = await sql<{ segment: number }>`select segment from stream_head for update`.execute(
      transaction,
    )
    const current = head.rows[0]?.segment ?? 0
    const next = (current + 1) % SEGMENTS.length
    const sizes = await sql<{ current: number; next: number }>`
      select pg_total_relation_size(${`stream_records_${current}`}::regclass) - pg_indexes_size(${`stream_records_${current}`}::regclass) as current,
             pg_relation_size(${`stream_records_${next}`}::regclass) as next`.execute(transaction)
    const size = sizes.rows[0]
    if (size === undefined || size.current <= segmentBytes || size.next > 0) return current
    await sql`update stream_head set segment = ${next}`.execute(transaction)
    return next
  })
}

/**
 * The check is made under the lock that the truncation needs. An append that chose this segment before it was left and
 * inserts after the truncation only leaves a record in it, which is read and dropped like any other.
 */
async function truncateIfPassed(db: Database, segment: (typeof SEGMENTS)[number]): Promise<void> {
  const table = sql.table(`stream_records_${segment}`)
  const filled = await sql<{
    size: number
  }>`select pg_relation_size(${`stream_records_${segment}`}::regclass) as size`.execute(db)
  if (filled.rows[0]?.size === 0 || !(await isPassed(db, segment))) return
  await db.transaction().execute(async (transaction) => {
    const first = await sql<{
      first: boolean
    }>`select pg_try_advisory_xact_lock(${sql.lit(LOCK_KEY)}::bigint) as first`.execute(transaction)
    if (first.rows[0]?.first !== true || !(await lockSegment(transaction, table))) return
    if (await isPassed(transaction, segment)) await sql`truncate ${table}`.execute(transaction)
  })
}

async function lockSegment(transaction: Db, table: ReturnType<typeof sql.table>): Promise<boolean> {
  await sql`savepoint before_lock`.execute(transaction)
  try {
    await sql`set local lock_timeout = ${sql.lit(TRUNCATE_LOCK_TIMEOUT_MS)}`.execute(transaction)
    await sql`lock table ${table} in access exclusive mode`.execute(transaction)
    return true
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error) || error.code !== '55P03') throw error
    await sql`rollback to savepoint before_lock`.execute(transaction)
    return false
  }
}

/** A topic without groups keeps everything: somebody may still come to read it. */
async function isPassed(db: Db, segment: (typeof SEGMENTS)[number]): Promise<boolean> {
  const found = await sql<{ waiting: boolean }>`
    select exists (
      select from stream_partitions p
       where exists (
         select from ${sql.table(`stream_records_${segment}`)} r
          where r.topic = p.topic and r.partition = p.partition and r."offset" >= coalesce(
            (select min(o.next_offset) from stream_offsets o where o.topic = p.topic and o.partition = p.partition), 0)
       )
    ) as waiting`.execute(db)
  return found.rows[0]?.waiting === false
}
