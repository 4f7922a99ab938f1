import type { Readable } from 'node:stream'
import type { Clock } from '#platform/clock.ts'
import type { OnExisting } from './contact.ts'
import type { CsvDialect } from './csv/csv-dialect.ts'
import { sepLineDelimiter } from './csv/csv-dialect.ts'
import type { MappedColumn } from './csv/map-columns.ts'
import { createRecordReader } from './csv/read-records.ts'
import type { CsvRecord } from './csv/read-records.ts'
import { bytesOf } from './examine-file.ts'
import { createChunk } from './import-chunk.ts'
import type { ImportChunk } from './import-chunk.ts'
import { planRows } from './import-row.ts'

export interface ReadOptions {
  readonly dialect: CsvDialect
  readonly mapping: readonly MappedColumn[]
  readonly onExisting: OnExisting
  /** Where reading begins; 0 is the start of the file, with its byte order mark and header. */
  readonly byteOffset: number
  readonly line: number
  readonly clock: Clock
  readonly maxRows: number
  readonly maxBytes: number
}

/** Where to open the file for `readChunks`. */
export function startOf(options: Pick<ReadOptions, 'byteOffset' | 'dialect'>): number {
  return Math.max(options.byteOffset, options.dialect.bom_bytes)
}

/**
 * Reads a file from a record's beginning in chunks; the last one (which may hold no row) is marked. The file is read
 * no further than the next chunk needs: memory does not grow with it.
 */
export async function* readChunks(file: Readable, options: ReadOptions): AsyncGenerator<ImportChunk> {
  const { dialect } = options
  const reader = createRecordReader(dialect, { byteOffset: startOf(options), line: options.line })
  const isPreamble = createPreamble(dialect, options.byteOffset === 0)
  const chunkOptions = {
    plan: planRows(options.mapping),
    onExisting: options.onExisting,
    header: dialect.header ? dialect.columns : undefined,
    maxRows: options.maxRows,
  }
  let chunk = createChunk(chunkOptions)
  let chunkStart = reader.position().byteOffset

  for await (const bytes of bytesOf(file)) {
    reader.push(bytes)
    for (let record = reader.next(); record !== undefined; record = reader.next()) {
      if (isPreamble(record)) continue
      chunk.add(record)
      const next = reader.position()
      if (chunk.rowsRead() >= options.maxRows || next.byteOffset - chunkStart >= options.maxBytes) {
        yield chunk.build(next, false, options.clock.now().getTime())
        chunk = createChunk(chunkOptions)
        chunkStart = next.byteOffset
      }
    }
  }
  reader.end()
  for (let record = reader.next(); record !== undefined; record = reader.next()) {
    if (!isPreamble(record)) chunk.add(record)
  }
  yield chunk.build(reader.position(), true, options.clock.now().getTime())
}

/** The rows of a file, one at a time. `file` begins where `startOf` says. */
export async function* readRows(file: Readable, dialect: CsvDialect): AsyncGenerator<CsvRecord> {
  const reader = createRecordReader(dialect, { byteOffset: dialect.bom_bytes, line: 0 })
  const isPreamble = createPreamble(dialect, true)
  const rows = function* (): Generator<CsvRecord> {
    for (let record = reader.next(); record !== undefined; record = reader.next())
      if (!isPreamble(record)) yield record
  }
  for await (const bytes of bytesOf(file)) {
    reader.push(bytes)
    yield* rows()
  }
  reader.end()
  yield* rows()
}

/** Tells the lines that a file begins with from its rows: Excel's `sep=;` and the header. Rejected lines are rows. */
function createPreamble(dialect: CsvDialect, isStart: boolean): (record: CsvRecord) => boolean {
  let awaitsSepLine = isStart && dialect.sep_line
  let awaitsHeader = isStart && dialect.header
  return (record) => {
    if (!awaitsSepLine && !awaitsHeader) return false
    if (awaitsSepLine) {
      awaitsSepLine = false
      if (sepLineDelimiter(record.raw) !== undefined) return true
    }
    if (!awaitsHeader || record.fault !== undefined) return false
    awaitsHeader = false
    return true
  }
}
