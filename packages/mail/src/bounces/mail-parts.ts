import type { Buffer } from 'node:buffer'
import { decodeCharset } from './charset.ts'
import { field, isMailHeader, NO_FIELDS, parameter, readFields, type HeaderFields } from './header-fields.ts'
import { decodeTransfer } from './transfer-decoding.ts'

/** Only so much of a mail is read: reports stand first, and what follows them is our own message. */
export const MAX_READ_OCTETS = 1024 * 1024
const MAX_DEPTH = 8
const MAX_PARTS = 100
/** Of one text: explanations have a page. */
const MAX_TEXT_CHARS = 256 * 1024
const MAX_HEADER_CHARS = 128 * 1024

const MBOX_LINE = /^(?:\s{0,99}>?From [^\n]{0,999}\n)?\s{0,99}/
const LINE_ENDS = /\r{1,9}\n|\r/g

/** A part that holds no parts. What is inside a returned message is not taken apart. */
export interface MailPart {
  /** Lower case; `text/plain` when nothing is said. */
  readonly type: string
  /** Of the part itself; of a mail that is one part there are none, as its fields are the mail's. */
  readonly fields: HeaderFields
  /** Decoded and in Unicode, lines end with LF. */
  text(): string
}

export interface MailParts {
  readonly fields: HeaderFields
  /** `multipart/report` and the like. */
  readonly type: string
  readonly parts: readonly MailPart[]
}

/**
 * Takes a mail apart (RFC 2045, 2046) within limits: of octets, of depth, of parts. CR, LF and CRLF all end a line. Reads whatever it
 * is given and never throws: bounces are written by many programs that took the standards lightly.
 */
export function readParts(octets: Buffer): MailParts {
  const raw = octets.subarray(0, MAX_READ_OCTETS).toString('latin1')
  const text = (raw.includes('\r') ? raw.replace(LINE_ENDS, '\n') : raw).replace(MBOX_LINE, '')
  const { fields, body } = splitHeader(text)
  const parts: MailPart[] = []
  walk(fields, body, 0, parts)
  return { fields, type: typeOf(fields), parts }
}

function walk(fields: HeaderFields, body: string, depth: number, into: MailPart[]): void {
  const type = typeOf(fields)
  const boundary = type.startsWith('multipart/')
    ? parameter(field(fields, 'content-type'), 'boundary')
    : undefined
  const inner = boundary === undefined || depth >= MAX_DEPTH ? [] : splitAt(body, boundary)
  if (inner.length === 0) {
    into.push(leaf(type.startsWith('multipart/') ? 'text/plain' : type, fields, body, depth))
    return
  }
  for (const part of inner) {
    if (into.length >= MAX_PARTS) return
    const { fields: own, body: rest } = splitHeader(part)
    walk(own, rest, depth + 1, into)
  }
}

function leaf(type: string, fields: HeaderFields, body: string, depth: number): MailPart {
  let decoded: string | undefined
  return {
    type,
    fields: depth === 0 ? NO_FIELDS : fields,
    text: () => (decoded ??= textOf(fields, body)),
  }
}

function textOf(fields: HeaderFields, body: string): string {
  const octets = decodeTransfer(body.slice(0, MAX_TEXT_CHARS), field(fields, 'content-transfer-encoding'))
  const text = decodeCharset(octets, parameter(field(fields, 'content-type'), 'charset') ?? 'utf-8')
  return text.includes('\r') ? text.replace(LINE_ENDS, '\n') : text
}

/** Some programs leave out the blank line, or all fields of a part. */
function splitHeader(text: string): { fields: HeaderFields; body: string } {
  if (text.startsWith('\n')) return { fields: readFields(''), body: text.slice(1) }
  const end = text.slice(0, MAX_HEADER_CHARS).indexOf('\n\n')
  const fields = readFields(end < 0 ? text : text.slice(0, end))
  if (fields.size === 0) return { fields, body: text }
  return { fields, body: end < 0 ? '' : text.slice(end + 2) }
}

function splitAt(body: string, boundary: string): string[] {
  const parts: string[] = []
  const mark = `\n--${boundary}`
  let from = -1
  let at = body.startsWith(mark.slice(1)) ? -1 : body.indexOf(mark)
  if (at < 0 && !body.startsWith(mark.slice(1))) return parts
  for (;;) {
    const after = at + mark.length
    const isWhole = /^(?:--|[ \t]*(?:\n|$))/.test(body.slice(after, after + 20))
    if (isWhole) {
      if (from >= 0) parts.push(body.slice(from, Math.max(from, at)))
      if (body.startsWith('--', after) || parts.length >= MAX_PARTS) return parts
      const lineEnd = body.indexOf('\n', after)
      if (lineEnd < 0) return parts
      from = lineEnd + 1
      // The line end before the next boundary may be the one that ends this boundary's line.
      at = body.indexOf(mark, lineEnd)
    } else {
      at = body.indexOf(mark, after)
    }
    if (at < 0) {
      if (from >= 0) parts.push(body.slice(from))
      return parts
    }
  }
}

function typeOf(fields: HeaderFields): string {
  const type = /^[\w.+-]{1,60}\/[\w.+-]{1,60}/.exec(field(fields, 'content-type'))?.[0] ?? 'text/plain'
  return type.toLowerCase()
}

/** What is returned of our own message: a part of its own, or its header in place of a part's fields. */
export function returnedHeader(part: MailPart): HeaderFields | undefined {
  if (
    /^(?:message\/(?:rfc822|global|partial)|text\/rfc822-headers|message\/(?:global|rfc822)-headers)$/.test(
      part.type,
    )
  )
    return headerOf(part.text())
  return isMailHeader(part.fields) ? part.fields : undefined
}

/** The first header in a text, which may begin with blank lines. */
export function headerOf(text: string): HeaderFields {
  const begin = text.search(/\S/)
  if (begin < 0) return readFields('')
  const from = text.slice(begin, begin + MAX_HEADER_CHARS)
  const end = from.indexOf('\n\n')
  return readFields(end < 0 ? from : from.slice(0, end))
}
