import { CompiledQuery, Kysely, PostgresDialect } from 'kysely'
import { Pool, type PoolConfig } from 'pg'
import type { Transaction } from '#platform/postgres/database.ts'
import type { DB } from '#platform/postgres/database.gen.ts'

/** The plans of the statements that `work` runs, as text. What they change is undone. */
export async function plansOf(
  connection: PoolConfig,
  work: (transaction: Transaction) => Promise<unknown>,
): Promise<string[]> {
  const statements: CompiledQuery[] = []
  const db = new Kysely<DB>({
    dialect: new PostgresDialect({ pool: new Pool({ ...connection, max: 1 }) }),
    log: (event) => void statements.push(event.query),
  })
  const plans: string[] = []
  try {
    const transaction = await db.startTransaction().execute()
    await work(transaction)
    for (const { sql, parameters } of statements.filter((each) => !/^(begin|start)/i.test(each.sql))) {
      const lines = await transaction.executeQuery<{ 'QUERY PLAN': string }>(
        CompiledQuery.raw(`explain ${sql}`, [...parameters]),
      )
      plans.push(lines.rows.map((row) => row['QUERY PLAN']).join('\n'))
    }
    await transaction.rollback().execute()
  } finally {
    await db.destroy()
  }
  return plans
}
