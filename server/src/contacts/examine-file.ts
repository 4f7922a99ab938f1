import type { Readable } from 'node:stream'
import { unitBytesOf } from './csv/csv-dialect.ts'
import type { CsvDialect, Delimiter, Encoding } from './csv/csv-dialect.ts'
import { detectDialect, SAMPLE_BYTES } from './csv/detect-dialect.ts'
import { binaryAdvice, detectByteEncoding, detectUnicode } from './csv/detect-encoding.ts'
import { mapColumns } from './csv/map-columns.ts'
import type { ColumnMapping, MappedColumn } from './csv/map-columns.ts'
import { MAX_RECORD_BYTES } from './csv/read-records.ts'

export interface FileHints {
  readonly encoding?: Encoding | undefined
  readonly delimiter?: Delimiter | undefined
  readonly mapping?: ColumnMapping | undefined
}

export type Examined =
  | { readonly ok: true; readonly dialect: CsvDialect; readonly mapping: readonly MappedColumn[] }
  | {
      readonly ok: false
      readonly code: string
      readonly message: string
      readonly dialect: CsvDialect | null
    }

const EMPTY =
  'The file is empty. Export the contacts again, with one row for each and a column with their email addresses.'

/** Finds out how a CSV file is written and what its columns are, or says why it cannot be imported and what to do. */
export async function examineFile(open: () => Promise<Readable>, hints: FileHints): Promise<Examined> {
  const head = await readHead(open, 0)
  if (head.bytes.length === 0) return refused('empty_file', EMPTY)
  const advice = binaryAdvice(head.bytes)
  if (advice !== undefined) return refused('not_csv', advice)
  const unicode = detectUnicode(head.bytes)
  const encoding = hints.encoding ?? unicode?.encoding ?? (await detectByteEncoding(await open()))
  const bomBytes = unicode?.encoding === encoding ? unicode.bomBytes : 0
  const sample = await sampleOf(open, head, { encoding, bomBytes })
  const detected = detectDialect(sample.bytes, sample.isWhole, {
    encoding,
    bomBytes,
    delimiter: hints.delimiter,
  })
  if (detected === undefined) return refused('empty_file', EMPTY)
  const { dialect } = detected
  const mapped = mapColumns(dialect.columns, detected.rows, hints.mapping)
  if (!mapped.ok)
    return { ok: false, code: mapped.code, message: mapped.message, dialect: shortened(dialect) }
  return { ok: true, dialect, mapping: mapped.columns }
}

interface Head {
  readonly bytes: Buffer
  readonly isWhole: boolean
}

/** The bytes from `start`, up to the size of a sample. */
async function readHead(open: () => Promise<Readable>, start: number): Promise<Head> {
  const parts: Buffer[] = []
  let passed = 0
  let length = 0
  const stream = await open()
  for await (const chunk of bytesOf(stream)) {
    const part = chunk.subarray(Math.max(0, start - passed))
    passed += chunk.length
    if (part.length === 0) continue
    parts.push(part)
    length += part.length
    if (length > SAMPLE_BYTES) break
  }
  stream.destroy()
  const bytes = Buffer.concat(parts)
  return { bytes: bytes.subarray(0, SAMPLE_BYTES), isWhole: bytes.length <= SAMPLE_BYTES }
}

/** A first line that is longer than the sample says nothing: then the lines after it are looked at. */
async function sampleOf(
  open: () => Promise<Readable>,
  head: Head,
  text: { readonly encoding: Encoding; readonly bomBytes: number },
): Promise<Head> {
  if (head.isWhole || head.bytes.includes(0x0a) || head.bytes.includes(0x0d)) {
    return { bytes: head.bytes.subarray(text.bomBytes), isWhole: head.isWhole }
  }
  const lineEnd = await firstLineEnd(open)
  if (lineEnd === undefined || lineEnd <= MAX_RECORD_BYTES)
    return { bytes: head.bytes.subarray(text.bomBytes), isWhole: true }
  const unitBytes = unitBytesOf(text.encoding)
  return readHead(open, Math.floor(lineEnd / unitBytes) * unitBytes + unitBytes)
}

async function firstLineEnd(open: () => Promise<Readable>): Promise<number | undefined> {
  let passed = 0
  const stream = await open()
  for await (const chunk of bytesOf(stream)) {
    const found = chunk.indexOf(0x0a)
    if (found >= 0) {
      stream.destroy()
      return passed + found
    }
    passed += chunk.length
  }
  return undefined
}

/** A stream of bytes gives buffers; anything else is a bug of its driver. */
export async function* bytesOf(stream: Readable): AsyncGenerator<Buffer> {
  for await (const chunk of stream) {
    if (!Buffer.isBuffer(chunk)) throw new TypeError('An object was read as text, not as bytes.')
    yield chunk
  }
}

function refused(code: string, message: string): Examined {
  return { ok: false, code, message, dialect: null }
}

const MAX_SHOWN_COLUMNS = 50
const MAX_SHOWN_COLUMN_CHARS = 100

/** What is shown of a dialect that failed: a binary-like first line could be of any length. */
function shortened(dialect: CsvDialect): CsvDialect {
  const columns = dialect.columns
    .slice(0, MAX_SHOWN_COLUMNS)
    .map((name) => name.slice(0, MAX_SHOWN_COLUMN_CHARS).toWellFormed())
  return { ...dialect, columns }
}
