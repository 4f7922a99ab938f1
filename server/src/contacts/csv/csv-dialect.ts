/** Encodings that a file may be declared to have; the first four are also detected. */
export const ENCODINGS = [
  'utf-8',
  'utf-16le',
  'utf-16be',
  'windows-1252',
  'windows-1250',
  'windows-1251',
  'iso-8859-2',
  'iso-8859-15',
] as const
export type Encoding = (typeof ENCODINGS)[number]

export const DELIMITERS = [',', ';', '\t', '|'] as const
export type Delimiter = (typeof DELIMITERS)[number]

export type Quote = '"' | "'"
/** `\r` alone ends lines in files of old Macs; `\n` also covers `\r\n`. */
export type Newline = '\n' | '\r'

/** How a CSV file is written. Stored with its import, so that a resumed one reads the rest in the same way. */
export interface CsvDialect {
  readonly encoding: Encoding
  /** Length of the byte order mark that the file begins with. */
  readonly bom_bytes: number
  readonly delimiter: Delimiter
  readonly quote: Quote
  readonly newline: Newline
  /** Whether the first record names the columns. */
  readonly header: boolean
  /** Whether the file begins with Excel's line `sep=;`. */
  readonly sep_line: boolean
  /** The names of the header row, or `1`, `2`, ... when there is none. */
  readonly columns: readonly string[]
}

export function unitBytesOf(encoding: Encoding): 1 | 2 {
  return encoding === 'utf-16le' || encoding === 'utf-16be' ? 2 : 1
}

/** Excel writes the delimiter into a first line of its own. */
export function sepLineDelimiter(line: string): Delimiter | undefined {
  const found = /^sep=(.)$/i.exec(line.trim())?.[1] ?? (/^sep=\t/i.test(line) ? '\t' : undefined)
  return DELIMITERS.find((delimiter) => delimiter === found)
}
