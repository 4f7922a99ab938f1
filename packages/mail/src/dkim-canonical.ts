import { Buffer } from 'node:buffer'
import { createHash, hash } from 'node:crypto'

const CR = 0x0d
const LF = 0x0a
const SPACE = 0x20
const TAB = 0x09
const CRLF = Buffer.from('\r\n', 'latin1')

/** One header of a message, in relaxed form (RFC 6376 3.4.2) without its CRLF. */
export interface RelaxedField {
  readonly name: string
  readonly line: string
}

/** Where the header ends and the body begins. A message without an empty line is all header. */
export function splitMessage(message: Buffer): { readonly header: string; readonly bodyStart: number } {
  if (message[0] === CR && message[1] === LF) return { header: '', bodyStart: 2 }
  const end = message.indexOf('\r\n\r\n', 0, 'latin1')
  if (end < 0) return { header: message.toString('latin1'), bodyStart: message.length }
  return { header: message.toString('latin1', 0, end), bodyStart: end + 4 }
}

/** The headers in order; octets are kept as latin1 characters. A line without a colon is skipped. */
export function relaxedFields(header: string): RelaxedField[] {
  const fields: RelaxedField[] = []
  const lines = header.split('\r\n')
  let i = 0
  while (i < lines.length) {
    let field = lines[i] ?? ''
    i += 1
    for (let next = lines[i]; next !== undefined && isFolded(next); next = lines[i]) {
      field += next
      i += 1
    }
    const colon = field.indexOf(':')
    if (colon <= 0) continue
    const name = field
      .slice(0, colon)
      .replace(/[ \t]+$/, '')
      .toLowerCase()
    fields.push({ name, line: `${name}:${relaxValue(field.slice(colon + 1))}` })
  }
  return fields
}

/** Base64 SHA-256 of the body in relaxed form (RFC 6376 3.4.4). Line ends must be CRLF already. */
export function relaxedBodyHash(message: Buffer, bodyStart: number): string {
  const fault = firstChange(message, bodyStart)
  if (fault < 0) return hashLines(message, bodyStart, message.length)
  const relaxed = relaxFrom(message, bodyStart, fault)
  return hashLines(relaxed, 0, relaxed.length)
}

function isFolded(line: string): boolean {
  const c = line.charCodeAt(0)
  return c === SPACE || c === TAB
}

function relaxValue(value: string): string {
  const blanks = value.includes('  ') || value.includes('\t') ? value.replace(/[ \t]+/g, ' ') : value
  let start = 0
  let end = blanks.length
  if (blanks.charCodeAt(0) === SPACE) start = 1
  if (end > start && blanks.charCodeAt(end - 1) === SPACE) end -= 1
  return blanks.slice(start, end)
}

/** Index of the first blank that relaxing changes, -1 when the body is relaxed as it is (but for its end). */
function firstChange(bytes: Buffer, start: number): number {
  const end = bytes.length
  for (let i = start; i < end; i += 1) {
    const c = bytes[i]
    if (c === SPACE) {
      const next = i + 1 === end ? CR : bytes[i + 1]
      if (next === SPACE || next === TAB || next === CR) return i
    } else if (c === TAB) {
      return i
    }
  }
  return -1
}

/** A relaxed copy: runs of blanks are one space, none before CRLF or at the end. */
function relaxFrom(bytes: Buffer, start: number, fault: number): Buffer {
  const out = Buffer.allocUnsafe(bytes.length - start)
  bytes.copy(out, 0, start, fault)
  const end = bytes.length
  let at = fault - start
  for (let i = fault; i < end; i += 1) {
    const c = bytes[i] ?? 0
    if (c > SPACE) {
      out[at] = c
      at += 1
    } else if (c === SPACE || c === TAB) {
      // A blank after a blank of this line adds nothing.
      if (at === 0 || out[at - 1] !== SPACE) {
        out[at] = SPACE
        at += 1
      }
    } else {
      if (c === CR && bytes[i + 1] === LF && at > 0 && out[at - 1] === SPACE) at -= 1
      out[at] = c
      at += 1
    }
  }
  if (at > 0 && out[at - 1] === SPACE) at -= 1
  return out.subarray(0, at)
}

/** Empty lines at the end do not count, and a body that is not empty ends with one CRLF. */
function hashLines(bytes: Buffer, start: number, length: number): string {
  let end = length
  while (end - 2 >= start && bytes[end - 1] === LF && bytes[end - 2] === CR) end -= 2
  if (end === start) return hash('sha256', '', 'base64')
  if (end < length) return hash('sha256', bytes.subarray(start, end + 2), 'base64')
  return createHash('sha256').update(bytes.subarray(start, end)).update(CRLF).digest('base64')
}
