import { uuidv7 } from '#platform/ids.ts'
import type { OnExisting } from './contact.ts'
import { mergeRows, readRow, rejected } from './import-row.ts'
import type { ImportRow, Reject, RowPlan } from './import-row.ts'
import type { CsvRecord } from './csv/read-records.ts'

/** A piece of the file that is stored in one transaction, and where the next one begins. */
export interface ImportChunk {
  readonly contacts: ContactArrays
  readonly rejects: readonly Reject[]
  readonly rowsRead: number
  /** Rows whose address stands in this chunk already. */
  readonly rowsDuplicate: number
  readonly next: { readonly byteOffset: number; readonly line: number }
  readonly isLast: boolean
}

/** Columns of the contacts as PostgreSQL array literals, in the order of their keys. */
export interface ContactArrays {
  readonly count: number
  readonly ids: string
  readonly emails: string
  readonly keys: string
  readonly firstNames: string
  readonly lastNames: string
  readonly attributes: string
}

export interface ChunkBuilder {
  add(record: CsvRecord): void
  rowsRead(): number
  build(next: ImportChunk['next'], isLast: boolean): Promise<ImportChunk>
}

export interface ChunkOptions {
  readonly plan: RowPlan
  readonly onExisting: OnExisting
  /** The header row, which is refused when it stands in the file again. */
  readonly header: readonly string[] | undefined
}

export function createChunk({ plan, onExisting, header }: ChunkOptions): ChunkBuilder {
  const rows = new Map<string, ImportRow>()
  const rejects: Reject[] = []
  let rowsRead = 0
  let rowsDuplicate = 0

  function add(record: CsvRecord): void {
    rowsRead += 1
    const read = readRow(plan, record)
    if (!read.ok) {
      const isHeader = header !== undefined && sameCells(record.cells, header)
      rejects.push(
        isHeader ? rejected(record, 'repeated_header', 'This is the header again.').reject : read.reject,
      )
      return
    }
    const earlier = rows.get(read.row.key)
    if (earlier === undefined) rows.set(read.row.key, read.row)
    else {
      rowsDuplicate += 1
      if (onExisting === 'upsert') rows.set(read.row.key, mergeRows(earlier, read.row))
    }
  }

  return {
    add,
    rowsRead: () => rowsRead,
    build: async (next, isLast) => ({
      contacts: await toArrays([...rows.values()], plan),
      rejects,
      rowsRead,
      rowsDuplicate,
      next,
      isLast,
    }),
  }
}

function sameCells(cells: readonly string[], header: readonly string[]): boolean {
  return cells.length === header.length && cells.every((cell, i) => cell.trim() === header[i])
}

/** Requests are answered between batches of this size. */
const ROWS_BETWEEN_YIELDS = 2_000

/**
 * Rows in the order of their keys: two imports lock the same contacts in the same order, and neighbours in the index
 * are inserted one after the other. Array literals are written here because that costs a third of what `pg` needs.
 */
async function toArrays(rows: ImportRow[], plan: RowPlan): Promise<ContactArrays> {
  rows.sort((a, b) => (a.key < b.key ? -1 : 1))
  const openings = plan.attributes.map(({ name }) => escaped(`${JSON.stringify(name)}:`))
  let ids = ''
  let emails = ''
  let keys = ''
  let firstNames = ''
  let lastNames = ''
  let attributes = ''
  for (const [i, row] of rows.entries()) {
    const comma = i === 0 ? '' : ','
    ids += comma + uuidv7()
    emails += `${comma}"${escaped(row.email)}"`
    keys += `${comma}"${escaped(row.key)}"`
    firstNames += comma + (row.firstName === undefined ? 'NULL' : `"${escaped(row.firstName)}"`)
    lastNames += comma + (row.lastName === undefined ? 'NULL' : `"${escaped(row.lastName)}"`)
    attributes += `${comma}"{${members(openings, row.values)}}"`
    if (i % ROWS_BETWEEN_YIELDS === ROWS_BETWEEN_YIELDS - 1) await macrotask()
  }
  const array = (elements: string): string => `{${elements}}`
  return {
    count: rows.length,
    ids: array(ids),
    emails: array(emails),
    keys: array(keys),
    firstNames: array(firstNames),
    lastNames: array(lastNames),
    attributes: array(attributes),
  }
}

const NEEDS_JSON = /["\\\u0000-\u001f]/

function members(openings: readonly string[], values: readonly (string | undefined)[]): string {
  let text = ''
  for (const [i, value] of values.entries()) {
    if (value === undefined) continue
    if (text !== '') text += ','
    text += openings[i] ?? ''
    text += NEEDS_JSON.test(value) ? escaped(JSON.stringify(value)) : `\\"${value}\\"`
  }
  return text
}

const NEEDS_ESCAPE = /["\\]/

/** An element of an array literal, without its quotes. */
function escaped(text: string): string {
  return NEEDS_ESCAPE.test(text) ? text.replace(/["\\]/g, '\\$&') : text
}

async function macrotask(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve))
}
