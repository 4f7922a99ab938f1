import { writeContactColumns } from './contact-columns.ts'
import type { ContactColumns } from './contact-columns.ts'
import type { OnExisting } from './contact.ts'
import { mergeRows, readRow, rejected } from './import-row.ts'
import type { ImportRow, Reject, RowPlan } from './import-row.ts'
import type { CsvRecord } from './csv/read-records.ts'

/** A piece of the file that is stored in one transaction, and where the next one begins. */
export interface ImportChunk {
  readonly contacts: ContactColumns
  /** Contacts whose address stands in `contacts` already: stored after them, as if they were in a later chunk. */
  readonly repeated: ContactColumns
  readonly rejects: readonly Reject[]
  readonly rowsRead: number
  readonly rowsDuplicate: number
  readonly next: { readonly byteOffset: number; readonly line: number }
  readonly isLast: boolean
}

export interface ChunkBuilder {
  add(record: CsvRecord): void
  rowsRead(): number
  build(next: ImportChunk['next'], isLast: boolean, nowMs: number): ImportChunk
}

export interface ChunkOptions {
  readonly plan: RowPlan
  readonly onExisting: OnExisting
  /** The header row, which is refused when it stands in the file again. */
  readonly header: readonly string[] | undefined
  readonly maxRows: number
}

/** Of duplicates the last one wins where it says something (`upsert`), or the first one stays (`skip`). */
export function createChunk({ plan, onExisting, header, maxRows }: ChunkOptions): ChunkBuilder {
  const contacts = writeContactColumns(plan, maxRows)
  const keys = new Set<string>()
  const repeated = new Map<string, ImportRow>()
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
    const { row } = read
    const seen = keys.size
    keys.add(row.key)
    if (keys.size > seen) {
      contacts.add(row)
      return
    }
    rowsDuplicate += 1
    if (onExisting === 'skip') return
    const earlier = repeated.get(row.key)
    repeated.set(row.key, earlier === undefined ? row : mergeRows(earlier, row))
  }

  return {
    add,
    rowsRead: () => rowsRead,
    build: (next, isLast, nowMs) => {
      const again = writeContactColumns(plan, repeated.size)
      for (const row of repeated.values()) again.add(row)
      return {
        contacts: contacts.finish(nowMs),
        repeated: again.finish(nowMs),
        rejects,
        rowsRead,
        rowsDuplicate,
        next,
        isLast,
      }
    },
  }
}

function sameCells(cells: readonly string[], header: readonly string[]): boolean {
  return cells.length === header.length && cells.every((cell, i) => cell.trim() === header[i])
}
