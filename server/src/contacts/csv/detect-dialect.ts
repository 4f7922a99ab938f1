import { parseAddress } from '@pigeon/mail/address.ts'
import { DELIMITERS, sepLineDelimiter } from './csv-dialect.ts'
import type { CsvDialect, Delimiter, Encoding, Newline, Quote } from './csv-dialect.ts'
import { createRecordReader } from './read-records.ts'

/** How much of the beginning of a file is looked at, and how many of its records. */
export const SAMPLE_BYTES = 256 * 1024
const SAMPLE_RECORDS = 200

export interface DialectHints {
  readonly encoding: Encoding
  readonly bomBytes: number
  readonly delimiter?: Delimiter | undefined
}

export interface Detected {
  readonly dialect: CsvDialect
  /** Records of the sample that hold data: for finding the column with the addresses. */
  readonly rows: readonly (readonly string[])[]
}

/**
 * Finds out how a CSV file is written from its first bytes (byte order mark left out). `isWhole` says that these are
 * all. Undefined when there is no record in it.
 */
export function detectDialect(
  sample: Uint8Array,
  isWhole: boolean,
  hints: DialectHints,
): Detected | undefined {
  const newline = newlineOf(sample)
  const common = { encoding: hints.encoding, newline }
  const plain = readSample(sample, isWhole, { ...common, delimiter: ',', quote: '"' })
  const sepLine = sepLineDelimiter(plain[0]?.raw ?? '')
  const quote = quoteOf(sample)
  const declared = hints.delimiter ?? sepLine
  const tries = (declared === undefined ? DELIMITERS : [declared]).map((delimiter) => {
    const records = readSample(sample, isWhole, { ...common, delimiter, quote })
    const rows = records
      .slice(sepLine === undefined ? 0 : 1)
      .filter((record) => record.fault === undefined)
      .map((record) => record.cells)
    return { delimiter, rows, score: scoreOf(rows) }
  })
  const [best] = tries.toSorted((a, b) => b.score - a.score)
  const [first, ...rest] = best?.rows ?? []
  if (best === undefined || first === undefined) return undefined
  const header = isHeader(first)
  const dialect: CsvDialect = {
    ...common,
    bom_bytes: hints.bomBytes,
    delimiter: best.delimiter,
    quote,
    header,
    sep_line: sepLine !== undefined,
    columns: header ? first.map((name) => name.trim()) : numbered(best.rows),
  }
  return { dialect, rows: header ? rest : best.rows }
}

function readSample(
  sample: Uint8Array,
  isWhole: boolean,
  way: Pick<CsvDialect, 'encoding' | 'delimiter' | 'quote' | 'newline'>,
) {
  const reader = createRecordReader(way, { byteOffset: 0, line: 0 })
  reader.push(sample)
  if (isWhole) reader.end()
  const records = []
  while (records.length < SAMPLE_RECORDS) {
    const record = reader.next()
    if (record === undefined) break
    records.push(record)
  }
  return records
}

function newlineOf(sample: Uint8Array): Newline {
  return sample.includes(0x0a) || !sample.includes(0x0d) ? '\n' : '\r'
}

/** Single quotes count only where a field begins and ends with one, and only when no field begins with a double one. */
function quoteOf(sample: Uint8Array): Quote {
  const text = Buffer.from(sample).toString('latin1').replaceAll('\0', '')
  if (/(^|[,;\t|\r\n])[ \t]*"/.test(text)) return '"'
  const fields = text.match(/(?<=^|[,;\t|\r\n])'[^'\r\n]*'(?=$|[,;\t|\r\n])/g)
  return (fields?.length ?? 0) >= 2 ? "'" : '"'
}

/**
 * How well a delimiter fits: rows agree on their number of cells (more than one), and a cell is an address. The second
 * weighs more: in `ann@example.com;Rua A, 5` the comma would tear apart what belongs together.
 */
function scoreOf(rows: readonly (readonly string[])[]): number {
  if (rows.length === 0) return -1
  const counts = new Map<number, number>()
  for (const { length } of rows) counts.set(length, (counts.get(length) ?? 0) + 1)
  const [cells, agreeing] = [...counts].reduce((a, b) => (b[1] > a[1] ? b : a))
  const withAddress = rows.filter((row) => row.some((cell) => parseAddress(cell).ok)).length
  const agreement = cells > 1 ? agreeing / rows.length : 0
  return (2 * withAddress) / rows.length + agreement + Math.min(cells, 50) / 1000
}

/**
 * The first row names the columns when it holds no address. Should no row hold one there is nothing to import, and
 * names are of more use than numbers for saying so.
 */
function isHeader(first: readonly string[]): boolean {
  return !first.some((cell) => parseAddress(cell).ok)
}

function numbered(rows: readonly (readonly string[])[]): string[] {
  const width = Math.max(...rows.map((row) => row.length))
  return Array.from({ length: width }, (_, i) => String(i + 1))
}
