import type { Database } from '#platform/postgres/database.ts'
import { asTenant } from '#platform/postgres/database.ts'
import { selectRejects } from './imports.store.ts'

const ROWS_AT_A_TIME = 5_000

/** The rejected rows as CSV (RFC 4180), in the order of the file: line, code, reason and the row as it was. */
export async function* rejectsCsv(
  deps: { readonly db: Database },
  tenantId: string,
  importId: string,
): AsyncGenerator<string> {
  yield 'line,code,reason,row\r\n'
  let afterLine = 0
  for (;;) {
    const page = { afterLine, rows: ROWS_AT_A_TIME }
    const rejects = await asTenant(deps.db, tenantId, (transaction) =>
      selectRejects(transaction, importId, page),
    )
    const last = rejects.at(-1)
    if (last === undefined) return
    yield rejects
      .map(({ line, code, reason, raw }) => `${line},${code},${quoted(reason)},${quoted(raw)}\r\n`)
      .join('')
    afterLine = last.line
  }
}

function quoted(text: string): string {
  return `"${text.replaceAll('"', '""')}"`
}
