import { sql } from 'kysely'
import type { Database, Db, Transaction } from '#platform/postgres/database.ts'

export interface Load {
  readonly partition: number
  readonly from: bigint
  readonly to: bigint
}

/** Ranges that were about to be inserted when the last loader stopped. */
export async function findLoads(db: Db, topic: string): Promise<Load[]> {
  const found = await sql<{ partition: number; from_offset: string; to_offset: string }>`
    select partition, from_offset::text, to_offset::text from history_loads where topic = ${topic}`.execute(
    db,
  )
  return found.rows.map((row) => ({
    partition: row.partition,
    from: BigInt(row.from_offset),
    to: BigInt(row.to_offset),
  }))
}

/** Stores a range before it is inserted. False when another loader has stored one for the partition. */
export async function beginLoad(db: Db, topic: string, load: Load): Promise<boolean> {
  const stored = await sql`
    insert into history_loads (topic, partition, from_offset, to_offset)
    values (${topic}, ${load.partition}, ${load.from.toString()}::bigint, ${load.to.toString()}::bigint)
    on conflict do nothing`.execute(db)
  return (stored.numAffectedRows ?? 0n) > 0n
}

export async function endLoad(transaction: Transaction, topic: string, load: Load): Promise<void> {
  await sql`delete from history_loads where topic = ${topic} and partition = ${load.partition} and from_offset = ${load.from.toString()}::bigint`.execute(
    transaction,
  )
}

/** Of the advisory lock: whoever loads holds it together with others, whoever rebuilds holds it alone. */
const LOCK = sql`hashtextextended('pigeon.history', 0)`

/** Runs `work` unless the history is being rebuilt; then undefined. The lock ends with the transaction, even after a kill. */
export async function whileNobodyRebuilds<T>(db: Database, work: () => Promise<T>): Promise<T | undefined> {
  return db.transaction().execute(async (transaction) => {
    const asked = await sql<{
      mine: boolean
    }>`select pg_try_advisory_xact_lock_shared(${LOCK}) as mine`.execute(transaction)
    return asked.rows[0]?.mine === true ? work() : undefined
  })
}

/** Waits until nobody loads, and runs `work` while nobody does. */
export async function whileNobodyLoads<T>(db: Database, work: () => Promise<T>): Promise<T> {
  return db.transaction().execute(async (transaction) => {
    await sql`select pg_advisory_xact_lock(${LOCK})`.execute(transaction)
    return work()
  })
}
