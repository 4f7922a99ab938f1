import { isAscii, isUtf8 } from 'node:buffer'
import type { Encoding } from './csv-dialect.ts'

export interface DetectedEncoding {
  readonly encoding: Encoding
  readonly bomBytes: number
}

/** Bytes that begin files which are not text, and what the person who sent one should do. */
const BINARY_FILES: readonly { readonly magic: readonly number[]; readonly advice: string }[] = [
  {
    magic: [0x50, 0x4b, 0x03, 0x04],
    advice:
      'This is a spreadsheet (.xlsx, .ods) or a ZIP file, not CSV. Open it, save it as CSV (UTF-8), and import that file.',
  },
  {
    magic: [0xd0, 0xcf, 0x11, 0xe0],
    advice:
      'This is an old Excel file (.xls), not CSV. Open it, save it as CSV (UTF-8), and import that file.',
  },
  {
    magic: [0x1f, 0x8b],
    advice: 'This file is compressed with gzip. Unpack it, and import the CSV file inside.',
  },
  {
    magic: [0x25, 0x50, 0x44, 0x46],
    advice: 'This is a PDF file, not CSV. Export the contacts as CSV, and import that file.',
  },
]
const NOT_TEXT = 'This is not a text file. Export the contacts as CSV, and import that file.'

/** A few NULs are damage, and cost the rows that hold them; more of them are another kind of file. */
const MAX_ZERO_SHARE = 0.005

/** Why a file that begins like this cannot be CSV, or undefined. */
export function binaryAdvice(head: Uint8Array): string | undefined {
  const known = BINARY_FILES.find(({ magic }) => magic.every((byte, i) => head[i] === byte))
  if (known !== undefined) return known.advice
  if (detectUnicode(head) !== undefined) return undefined
  const zeros = head.reduce((count, byte) => (byte === 0 ? count + 1 : count), 0)
  return zeros > head.length * MAX_ZERO_SHARE ? NOT_TEXT : undefined
}

/** UTF-8 and UTF-16 by their byte order mark, UTF-16 also by the zero bytes that it is full of. */
export function detectUnicode(head: Uint8Array): DetectedEncoding | undefined {
  if (head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf) return { encoding: 'utf-8', bomBytes: 3 }
  if (head[0] === 0xff && head[1] === 0xfe) return { encoding: 'utf-16le', bomBytes: 2 }
  if (head[0] === 0xfe && head[1] === 0xff) return { encoding: 'utf-16be', bomBytes: 2 }
  return detectUtf16(head)
}

/** Of the units of a contact file most are ASCII: a zero byte on one side, and none on the other. */
const UTF16_MIN_ASCII_SHARE = 0.3

function detectUtf16(head: Uint8Array): DetectedEncoding | undefined {
  const units = Math.floor(head.length / 2)
  if (units < 2) return undefined
  let zerosEven = 0
  let zerosOdd = 0
  for (let i = 0; i + 1 < head.length; i += 2) {
    if (head[i] === 0) zerosEven += 1
    if (head[i + 1] === 0) zerosOdd += 1
  }
  if (zerosEven === 0 && zerosOdd >= units * UTF16_MIN_ASCII_SHARE)
    return { encoding: 'utf-16le', bomBytes: 0 }
  if (zerosOdd === 0 && zerosEven >= units * UTF16_MIN_ASCII_SHARE)
    return { encoding: 'utf-16be', bomBytes: 0 }
  return undefined
}

const LF = 0x0a

/**
 * Reads a whole file once to tell UTF-8 from Windows-1252, for its first byte outside ASCII may stand anywhere. UTF-8
 * when no line contradicts it, or when more lines are well-formed UTF-8 with letters outside ASCII than are not: then
 * a few lines are damaged, and will be rejected one by one.
 */
export async function detectByteEncoding(file: AsyncIterable<Uint8Array>): Promise<'utf-8' | 'windows-1252'> {
  let good = 0
  let bad = 0
  let carry: Uint8Array = new Uint8Array(0)
  const judge = (bytes: Uint8Array): void => {
    if (isAscii(bytes)) return
    if (isUtf8(bytes)) good += 1
    else if (bytes.includes(LF)) for (const line of linesOf(bytes)) judge(line)
    else bad += 1
  }
  for await (const chunk of file) {
    const bytes = carry.length === 0 ? chunk : Buffer.concat([carry, chunk])
    const cut = safeCut(bytes)
    carry = bytes.slice(cut)
    judge(bytes.subarray(0, cut))
  }
  judge(carry)
  return bad === 0 || good > bad ? 'utf-8' : 'windows-1252'
}

/** The longest beginning that does not cut a UTF-8 sequence (of at most four bytes) in two. */
function safeCut(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(4, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back] ?? 0
    if (byte < 0x80) return bytes.length - back + 1
    if (byte >= 0xc0) return bytes.length - back
  }
  return bytes.length
}

function* linesOf(bytes: Uint8Array): Generator<Uint8Array> {
  let from = 0
  for (let at = bytes.indexOf(LF); at >= 0; at = bytes.indexOf(LF, from)) {
    yield bytes.subarray(from, at)
    from = at + 1
  }
  yield bytes.subarray(from)
}
