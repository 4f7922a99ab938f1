import { sql } from 'kysely'
import type { Transaction } from '#platform/postgres/database.ts'

/** To whom messages of the transaction's tenant went. */
export async function selectRecipients(
  transaction: Transaction,
  messageIds: readonly string[],
): Promise<Map<string, string>> {
  const { rows } = await sql<{ id: string; recipient: string }>`
    select id, recipient from messages where id = any(${[...messageIds]}::uuid[])`.execute(transaction)
  return new Map(rows.map((row) => [row.id, row.recipient]))
}
