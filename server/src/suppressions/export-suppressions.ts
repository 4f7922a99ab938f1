import { asTenant, type Database } from '#platform/postgres/database.ts'
import type { Suppression } from './suppression.ts'
import { listSuppressions, type SuppressionFilter } from './suppressions.store.ts'

const ROWS_AT_A_TIME = 5_000

export const EXPORT_COLUMNS = [
  'email',
  'reason',
  'list_id',
  'mode',
  'message_id',
  'note',
  'created_at',
  'expires_at',
] as const

/** The suppressions that the filter names and that are in force at `at`, newest first, as CSV (RFC 4180) that can be imported. */
export async function* suppressionsCsv(
  deps: { readonly db: Database },
  tenantId: string,
  filter: SuppressionFilter,
  at: Date,
): AsyncGenerator<string> {
  yield `${EXPORT_COLUMNS.join(',')}\r\n`
  let after: string | null = null
  while (true) {
    const page = { after, rows: ROWS_AT_A_TIME }
    const rows: Suppression[] = await asTenant(deps.db, tenantId, (transaction) =>
      listSuppressions(transaction, { ...filter, isHeld: false }, page),
    )
    const last = rows.at(-1)
    if (last === undefined) return
    yield rows
      .filter((row) => row.expires_at === null || row.expires_at > at)
      .map(lineOf)
      .join('')
    after = last.id
  }
}

function lineOf(row: Suppression): string {
  return `${EXPORT_COLUMNS.map((column) => cellOf(row[column])).join(',')}\r\n`
}

function cellOf(value: string | Date | null): string {
  const text = value instanceof Date ? value.toISOString() : (value ?? '')
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
