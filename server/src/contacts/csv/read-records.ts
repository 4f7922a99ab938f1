import { decodeUnits, toUnits } from './text-units.ts'
import type { CsvDialect } from './csv-dialect.ts'
import { unitBytesOf } from './csv-dialect.ts'

/** A record that is longer is refused, so that a file without line ends needs no more memory than any other. */
export const MAX_RECORD_BYTES = 1024 * 1024
/** What is kept of a refused record that is too long to be held. */
const KEPT_OF_LONG_RECORD_BYTES = 4096

export type RecordFault =
  | 'record_too_long'
  | 'unclosed_quote'
  | 'text_after_quote'
  | 'bad_encoding'
  | 'nul_character'

/** One record of the file. `line` is where it starts, counted from 1; a quoted field may make it span several. */
export interface CsvRecord {
  readonly line: number
  readonly raw: string
  readonly cells: readonly string[]
  readonly fault?: RecordFault
}

export interface RecordReader {
  /** Gives the next piece of the file, of any size. Call `next` until it answers undefined before the next `push`. */
  push(bytes: Uint8Array): void
  /** Says that the file is over: what is left is the last record. */
  end(): void
  /** The next record, or undefined when more bytes are needed (or the file is over). Blank lines are left out. */
  next(): CsvRecord | undefined
  /** Where the next record begins: bytes from the start of the file, and complete lines before it. */
  position(): { readonly byteOffset: number; readonly line: number }
}

type Way = Pick<CsvDialect, 'encoding' | 'delimiter' | 'quote' | 'newline'>

/**
 * Splits a CSV file (RFC 4180) into records. A record that is not well formed (a quote that is never closed, text
 * after a closing quote) costs its first line only: reading goes on at the line after it, so one stray quote does not
 * swallow the good rows behind it. Positions are exact byte offsets, which is what makes an import resumable.
 */
export function createRecordReader(way: Way, start: { byteOffset: number; line: number }): RecordReader {
  const { encoding, delimiter, quote, newline } = way
  const unitBytes = unitBytesOf(encoding)
  const maxUnits = MAX_RECORD_BYTES / unitBytes
  const units = toUnits(encoding)
  let text = ''
  let at = 0
  let ended = false
  let { byteOffset, line } = start
  let nextQuote = -1
  /** The beginning of a record that is longer than allowed and whose end is not reached. */
  let overlong: string | undefined

  function push(bytes: Uint8Array): void {
    byteOffset += at * unitBytes
    text = at === text.length ? units.read(bytes) : text.slice(at) + units.read(bytes)
    at = 0
    nextQuote = -1
  }

  function next(): CsvRecord | undefined {
    for (;;) {
      if (overlong !== undefined) return skipOverlong(overlong)
      if (at >= text.length) return undefined
      const lineEnd = text.indexOf(newline, at)
      if (lineEnd < 0 && !ended) {
        if (text.length - at <= maxUnits) return undefined
        overlong = text.slice(at, at + KEPT_OF_LONG_RECORD_BYTES)
        continue
      }
      const record = readRecord(lineEnd < 0 ? text.length : lineEnd)
      if (record === 'incomplete') return undefined
      if (record !== 'blank') return record
    }
  }

  function readRecord(lineEnd: number): CsvRecord | 'blank' | 'incomplete' {
    if (nextQuote < at) {
      const found = text.indexOf(quote, at)
      nextQuote = found < 0 ? Infinity : found
    }
    if (nextQuote > lineEnd) return take(lineEnd, undefined, undefined)
    const found = scanQuoted(text, at, { delimiter, quote, newline })
    // What stands at the end of the piece may go on in the next one: a second quote, the LF of a CR LF.
    const isCut = found.kind === 'end' && found.end >= text.length && !ended
    if (found.kind === 'end' && !isCut) {
      return found.end - at > maxUnits
        ? take(lineEnd, lineEnd - at > maxUnits ? 'record_too_long' : 'unclosed_quote', undefined)
        : take(found.end, undefined, found)
    }
    if (found.kind === 'malformed') return take(lineEnd, 'text_after_quote', undefined)
    if (!ended && text.length - at <= maxUnits) return 'incomplete'
    return take(lineEnd, 'unclosed_quote', undefined)
  }

  function take(
    end: number,
    fault: RecordFault | undefined,
    quoted: Quoted | undefined,
  ): CsvRecord | 'blank' {
    const from = at
    const startLine = line + 1
    const tooLong = end - from > maxUnits
    at = Math.min(end + 1, text.length)
    line += 1 + (quoted === undefined ? 0 : countOf(text, newline, from, end))
    const stop = newline === '\n' && end > from && text.charCodeAt(end - 1) === 13 ? end - 1 : end
    if (stop === from) return 'blank'
    const raw = decodeUnits(text.slice(from, tooLong ? from + KEPT_OF_LONG_RECORD_BYTES : stop), encoding)
    const wrong = tooLong ? 'record_too_long' : (fault ?? raw.fault)
    if (wrong !== undefined) return { line: startLine, raw: raw.text, cells: [], fault: wrong }
    const cells =
      quoted === undefined ? raw.text.split(delimiter) : splitQuoted(raw.text, { delimiter, quote, newline })
    return cells.every((cell) => cell.trim() === '') ? 'blank' : { line: startLine, raw: raw.text, cells }
  }

  function skipOverlong(kept: string): CsvRecord | undefined {
    const lineEnd = text.indexOf(newline, at)
    if (lineEnd < 0 && !ended) {
      // Counted and let go: `push` moves byteOffset by what was passed.
      at = text.length
      return undefined
    }
    overlong = undefined
    at = lineEnd < 0 ? text.length : lineEnd + 1
    line += 1
    return { line, raw: decodeUnits(kept, encoding).text, cells: [], fault: 'record_too_long' }
  }

  return {
    push,
    next,
    end: () => {
      ended = true
    },
    position: () => ({ byteOffset: byteOffset + at * unitBytes, line }),
  }
}

type Marks = Pick<CsvDialect, 'delimiter' | 'quote' | 'newline'>
interface Quoted {
  readonly kind: 'end'
  readonly end: number
}

/** Finds the end of a record that holds quotes, beginning at `from`. */
function scanQuoted(text: string, from: number, marks: Marks): Quoted | { kind: 'malformed' | 'incomplete' } {
  let at = from
  for (;;) {
    const opened = openingQuote(text, at, marks)
    if (opened < 0) {
      const end = endOfPlain(text, at, marks)
      if (text[end] !== marks.delimiter) return { kind: 'end', end }
      at = end + 1
      continue
    }
    const closed = closingQuote(text, opened + 1, marks.quote)
    if (closed < 0) return { kind: 'incomplete' }
    const end = skipBlanks(text, closed + 1, marks)
    if (end >= text.length || text[end] === marks.newline) return { kind: 'end', end }
    if (text[end] === '\r' && (text[end + 1] ?? marks.newline) === marks.newline)
      return { kind: 'end', end: Math.min(end + 1, text.length) }
    if (text[end] !== marks.delimiter) return { kind: 'malformed' }
    at = end + 1
  }
}

function splitQuoted(raw: string, marks: Marks): string[] {
  const cells: string[] = []
  let at = 0
  for (;;) {
    const opened = openingQuote(raw, at, marks)
    if (opened < 0) {
      const found = raw.indexOf(marks.delimiter, at)
      cells.push(raw.slice(at, found < 0 ? raw.length : found))
      if (found < 0) return cells
      at = found + 1
      continue
    }
    const closed = closingQuote(raw, opened + 1, marks.quote)
    const inner = raw.slice(opened + 1, closed < 0 ? raw.length : closed)
    cells.push(inner.includes(marks.quote) ? inner.replaceAll(marks.quote + marks.quote, marks.quote) : inner)
    const end = closed < 0 ? raw.length : skipBlanks(raw, closed + 1, marks)
    if (raw[end] !== marks.delimiter) return cells
    at = end + 1
  }
}

/** The place of the quote that a field begins with, blanks before it allowed; -1 when it is not quoted. */
function openingQuote(text: string, from: number, marks: Marks): number {
  const at = skipBlanks(text, from, marks)
  return text[at] === marks.quote ? at : -1
}

function skipBlanks(text: string, from: number, marks: Marks): number {
  let at = from
  while (text[at] === ' ' || (text[at] === '\t' && marks.delimiter !== '\t')) at += 1
  return at
}

/** A doubled quote stands for one and does not close. */
function closingQuote(text: string, from: number, quote: string): number {
  for (let at = text.indexOf(quote, from); at >= 0; at = text.indexOf(quote, at + 2)) {
    if (text[at + 1] !== quote) return at
  }
  return -1
}

/** Where a field without quotes ends: at a delimiter, a line end, or the end of the text. */
function endOfPlain(text: string, from: number, marks: Marks): number {
  for (let at = from; at < text.length; at += 1) {
    const c = text[at]
    if (c === marks.delimiter || c === marks.newline) return at
  }
  return text.length
}

function countOf(text: string, what: string, from: number, to: number): number {
  let count = 0
  for (let at = text.indexOf(what, from); at >= 0 && at < to; at = text.indexOf(what, at + 1)) count += 1
  return count
}
