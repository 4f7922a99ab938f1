import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DELIMITERS } from './csv-dialect.ts'
import type { CsvDialect } from './csv-dialect.ts'
import { createRecordReader, MAX_RECORD_BYTES } from './read-records.ts'
import type { CsvRecord } from './read-records.ts'

type Way = Pick<CsvDialect, 'encoding' | 'delimiter' | 'quote' | 'newline'>
const PLAIN: Way = { encoding: 'utf-8', delimiter: ',', quote: '"', newline: '\n' }

function readAll(
  bytes: Uint8Array,
  way: Way = PLAIN,
  piece = bytes.length,
  start = { byteOffset: 0, line: 0 },
): CsvRecord[] {
  const reader = createRecordReader(way, start)
  const records: CsvRecord[] = []
  const drain = (): void => {
    for (let record = reader.next(); record !== undefined; record = reader.next()) records.push(record)
  }
  for (let at = start.byteOffset; at < bytes.length; at += Math.max(1, piece)) {
    reader.push(bytes.subarray(at, at + Math.max(1, piece)))
    drain()
  }
  reader.end()
  drain()
  return records
}

const short = (records: CsvRecord[]) =>
  records.map(({ line, cells, fault }) => fault ?? `${line}:${cells.join('/')}`)

test('lines are counted where records start, over quoted fields of several lines', () => {
  const records = readAll(Buffer.from('a,b\r\n"x\r\ny\r\nz",1\r\n\r\nc,"d""e"\r\n f , "g" ,h'))
  assert.deepEqual(short(records), ['1:a/b', '2:x\r\ny\r\nz/1', '6:c/d"e', '7: f /g/h'])
})

test('a quote in the middle of a field that does not begin with one is text', () => {
  assert.deepEqual(short(readAll(Buffer.from('5" pipe,O"Neil\n'))), ['1:5" pipe/O"Neil'])
})

test('a quote that is never closed costs its line and not the good rows after it', () => {
  const csv = 'a@x.com,"open\nb@x.com,Bob\nc@x.com,"Carl"\nd@x.com,Dora\n'
  assert.deepEqual(short(readAll(Buffer.from(csv))), [
    'text_after_quote',
    '2:b@x.com/Bob',
    '3:c@x.com/Carl',
    '4:d@x.com/Dora',
  ])
  const unquoted = 'a@x.com,"open\nb@x.com,Bob\nd@x.com,Dora'
  assert.deepEqual(short(readAll(Buffer.from(unquoted))), [
    'unclosed_quote',
    '2:b@x.com/Bob',
    '3:d@x.com/Dora',
  ])
})

test('text after a closing quote costs its line only', () => {
  assert.deepEqual(short(readAll(Buffer.from('"a"x,1\nb,2\n'))), ['text_after_quote', '2:b/2'])
})

test('NUL, damaged UTF-8 and half a surrogate pair are faults of their record', () => {
  const csv = Buffer.concat([
    Buffer.from('ok\na\0b\n'),
    Buffer.from([0xc3, 0x28, 0x0a]),
    Buffer.from('gut ü\n'),
  ])
  assert.deepEqual(short(readAll(csv)), ['1:ok', 'nul_character', 'bad_encoding', '4:gut ü'])
  const half = Buffer.from('x\n\ud800y\nz', 'utf16le')
  assert.deepEqual(short(readAll(half, { ...PLAIN, encoding: 'utf-16le' })), ['1:x', 'bad_encoding', '3:z'])
})

const PIECES_OF_LINE = 300

test('a line of 300 MB is refused in bounded memory, and reading goes on behind it', () => {
  const reader = createRecordReader(PLAIN, { byteOffset: 0, line: 0 })
  const found: CsvRecord[] = []
  const drain = (): void => {
    for (let record = reader.next(); record !== undefined; record = reader.next()) found.push(record)
  }
  reader.push(Buffer.from('first\n'))
  drain()
  const piece = Buffer.alloc(1024 * 1024, 'x')
  const before = process.memoryUsage()
  let most = 0
  for (let i = 0; i < PIECES_OF_LINE; i += 1) {
    reader.push(piece)
    drain()
    const { heapUsed, external } = process.memoryUsage()
    most = Math.max(most, heapUsed + external - before.heapUsed - before.external)
  }
  reader.push(Buffer.from('\nlast\n'))
  reader.end()
  drain()
  assert.deepEqual(short(found), ['1:first', 'record_too_long', '3:last'])
  assert.ok((found[1]?.raw.length ?? 0) <= 4096)
  assert.deepEqual(reader.position(), { byteOffset: 6 + PIECES_OF_LINE * piece.length + 6, line: 3 })
  assert.ok(most < 150 * 1024 * 1024, `${most} bytes more`)
})

test('a quoted record longer than the limit costs its first line', () => {
  const csv = `a,"${'line\n'.repeat(MAX_RECORD_BYTES / 5 + 10)}",z\nb,2\n`
  const records = readAll(Buffer.from(csv), PLAIN, 64 * 1024)
  assert.equal(records[0]?.fault, 'unclosed_quote')
  assert.deepEqual(records.at(-1)?.cells, ['b', '2'])
})

/** Small deterministic numbers for the random files. */
function numbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 4_294_967_296) * below)
  }
}

const PIECES = [
  'a',
  'Zoë',
  '"',
  '""',
  ',',
  ';',
  '\t',
  '|',
  '\n',
  '\r\n',
  ' ',
  '日本',
  '😀',
  'é',
  '\r',
  "'",
  'x@y.zz',
  '0',
]

function randomRows(next: (below: number) => number): string[][] {
  const width = 1 + next(5)
  return Array.from({ length: 1 + next(8) }, () =>
    Array.from(
      { length: width },
      (_, i) =>
        (i === 0 ? 'k' : '') + Array.from({ length: next(5) }, () => PIECES[next(PIECES.length)]).join(''),
    ),
  )
}

/** The reference writer: RFC 4180, quoting what needs it and sometimes what does not. */
function write(
  rows: string[][],
  delimiter: string,
  newline: string,
  next: (below: number) => number,
): string {
  const cell = (text: string): string =>
    /["\r\n]|^[ \t]|[ \t]$/.test(text) || text.includes(delimiter) || next(4) === 0
      ? `"${text.replaceAll('"', '""')}"`
      : text
  return rows.map((row) => row.map(cell).join(delimiter)).join(newline) + (next(2) === 0 ? newline : '')
}

function encode(text: string, encoding: Way['encoding']): Buffer {
  if (encoding === 'utf-8') return Buffer.from(text)
  const little = Buffer.from(text, 'utf16le')
  return encoding === 'utf-16le' ? little : little.swap16()
}

test('random files come back as they were written, through any cut, and from any record on', () => {
  for (let seed = 1; seed <= 400; seed += 1) {
    const next = numbers(seed)
    const encoding = (['utf-8', 'utf-16le', 'utf-16be'] as const)[next(3)] ?? 'utf-8'
    const delimiter = DELIMITERS[next(4)] ?? ','
    const rows = randomRows(next)
    const bytes = encode(write(rows, delimiter, next(2) === 0 ? '\n' : '\r\n', next), encoding)
    const way = { ...PLAIN, encoding, delimiter }
    for (const piece of [1, 2, 3, 7, 1 + next(40), bytes.length]) {
      const records = readAll(bytes, way, piece)
      assert.deepEqual(
        records.map(({ cells }) => cells),
        rows,
        `seed ${seed}, pieces of ${piece}`,
      )
    }
    resumeEverywhere(bytes, way, seed)
  }
})

function resumeEverywhere(bytes: Buffer, way: Way, seed: number): void {
  const whole = readAll(bytes, way)
  const reader = createRecordReader(way, { byteOffset: 0, line: 0 })
  reader.push(bytes)
  reader.end()
  for (let i = 0; reader.next() !== undefined; i += 1) {
    assert.deepEqual(
      readAll(bytes, way, bytes.length, reader.position()),
      whole.slice(i + 1),
      `seed ${seed}, from ${i + 1}`,
    )
  }
}

test('junk never throws, and every line of it is in some record', () => {
  for (let seed = 1; seed <= 300; seed += 1) {
    const next = numbers(seed)
    const bytes = Buffer.from(
      Array.from({ length: next(200) }, () => [34, 44, 10, 13, 0, 200, 65, 59][next(8)] ?? 0),
    )
    const whole = short(readAll(bytes))
    for (const piece of [1, 5]) assert.deepEqual(short(readAll(bytes, PLAIN, piece)), whole, `seed ${seed}`)
  }
})
