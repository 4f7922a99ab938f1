import type { OnExisting } from './contact.ts'
import type { CsvDialect } from './csv/csv-dialect.ts'
import type { MappedColumn } from './csv/map-columns.ts'

export type ImportState = 'queued' | 'running' | 'completed' | 'failed'

/** Rows by what became of them: read = created + updated + skipped + duplicate + rejected. */
export interface ImportCounts {
  readonly rows_read: number
  readonly rows_created: number
  readonly rows_updated: number
  /** Existed and stayed as they were (`skip`). */
  readonly rows_skipped: number
  /** The address stood in the file before. */
  readonly rows_duplicate: number
  readonly rows_rejected: number
  /** Of the others: contacts that are stored, but not written to. */
  readonly rows_suppressed: number
}

export interface Import extends ImportCounts {
  readonly id: string
  readonly list_id: string
  readonly file_name: string
  readonly object_key: string
  readonly size_bytes: number
  readonly state: ImportState
  readonly on_existing: OnExisting
  readonly dialect: CsvDialect | null
  readonly mapping: readonly MappedColumn[] | null
  /** How far the file is read and stored. */
  readonly byte_offset: number
  readonly line: number
  readonly error: string | null
  readonly created_at: Date
  readonly started_at: Date | null
  readonly completed_at: Date | null
}

/** What is shown to the client: with how far it is and how fast. */
export function describeImport(found: Import, now: Date) {
  const { object_key: _key, byte_offset, line: _line, ...shown } = found
  const endMs = (found.completed_at ?? now).getTime()
  const seconds = found.started_at === null ? 0 : Math.max(0, endMs - found.started_at.getTime()) / 1000
  return {
    ...shown,
    bytes_read: byte_offset,
    progress: found.state === 'completed' ? 1 : Math.min(1, byte_offset / Math.max(1, found.size_bytes)),
    seconds: Math.round(seconds * 1000) / 1000,
    rows_per_second: seconds === 0 ? 0 : Math.round(found.rows_read / seconds),
    bytes_per_second: seconds === 0 ? 0 : Math.round(byte_offset / seconds),
  }
}
