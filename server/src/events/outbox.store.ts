import { sql } from 'kysely'
import type { Db, Transaction } from '#platform/postgres/database.ts'

export interface OutboxRow {
  readonly topic: string
  readonly partition: number
  readonly tenant_id: string
  readonly payload: unknown
}

export async function insertOutbox(transaction: Transaction, row: OutboxRow, now: Date): Promise<void> {
  await sql`
    insert into outbox (tenant_id, topic, partition, payload, created_at)
    values (${row.tenant_id}, ${row.topic}, ${row.partition}, ${JSON.stringify(row.payload)}, ${now})`.execute(
    transaction,
  )
}

/** Takes the oldest rows out; another process that does the same takes others. */
export async function takeOutbox(db: Db, limit: number): Promise<OutboxRow[]> {
  const taken = await sql<OutboxRow>`
    with taken as (
      delete from outbox where id in (select id from outbox order by id limit ${limit} for update skip locked)
      returning id, topic, partition, tenant_id, payload
    )
    select topic, partition, tenant_id, payload from taken order by id`.execute(db)
  return taken.rows
}
