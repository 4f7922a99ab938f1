import { Buffer } from 'node:buffer'
import { decodeCharset } from './charset.ts'
import { unquote } from './transfer-decoding.ts'

/** Values by lower case name, unfolded and not decoded. */
export type HeaderFields = ReadonlyMap<string, readonly string[]>

/** Of one block: more is no header of a mail. */
const MAX_BLOCK_CHARS = 128 * 1024
const MAX_FIELDS = 2_000
const MAX_ENCODED_WORDS = 200

const FIELD = /^([A-Za-z][\w-]{0,75})[ \t]{0,9}:/
const ENCODED_WORD = /=\?([^?\s]{1,40})\?([bq])\?([^?\s]{0,2000})\?=(?:[ \t]{1,9}(?==\?))?/gi

export const NO_FIELDS: HeaderFields = new Map()

/** Reads `Name: value` lines that end with LF. A line that is no field goes on with the value before it, folded or not. */
export function readFields(block: string): HeaderFields {
  const fields = new Map<string, string[]>()
  let last: string[] | undefined
  let count = 0
  for (const line of block.slice(0, MAX_BLOCK_CHARS).split('\n', MAX_FIELDS)) {
    const match = isFolded(line) ? null : FIELD.exec(line)
    if (match === null) {
      // The first line of an mbox, or what stands before the first field, belongs to nothing.
      if (last !== undefined) last[last.length - 1] = `${last.at(-1) ?? ''} ${line.trim()}`
      continue
    }
    if (count++ > MAX_FIELDS) break
    const name = (match[1] ?? '').toLowerCase()
    last = fields.get(name) ?? []
    last.push(line.slice(match[0].length).trim())
    fields.set(name, last)
  }
  return fields
}

/** The first value of this name, else an empty text. */
export function field(fields: HeaderFields, name: string): string {
  return fields.get(name)?.[0] ?? ''
}

/** The first value of this name with its encoded-words (RFC 2047) read. */
export function decodedField(fields: HeaderFields, name: string): string {
  // Fields are octets; what is not ASCII in them is UTF-8 (RFC 6532), or was never right.
  const raw = decodeCharset(Buffer.from(field(fields, name), 'latin1'), 'utf-8')
  if (!raw.includes('=?')) return raw
  let words = 0
  return raw.replace(ENCODED_WORD, (whole, charset: string, kind: string, text: string) => {
    if (words++ > MAX_ENCODED_WORDS) return whole
    const octets =
      kind.toLowerCase() === 'b'
        ? Buffer.from(text, 'base64')
        : Buffer.from(unquote(text.replaceAll('_', ' ')), 'latin1')
    return decodeCharset(octets, charset)
  })
}

/** A parameter of a structured value (`boundary` of a Content-Type), quoted or not; undefined when there is none. */
export function parameter(value: string, name: string): string | undefined {
  const match = new RegExp(
    `;[ \\t]{0,9}${name}[ \\t]{0,9}=[ \\t]{0,9}(?:"([^"]{1,200})"|([^\\s;"]{1,200}))`,
    'i',
  ).exec(value)
  return match?.[1] ?? match?.[2]
}

/** True for the header of a mail, not for the fields of a MIME part or a report. */
export function isMailHeader(fields: HeaderFields): boolean {
  const named = ['from', 'to', 'subject', 'date', 'message-id', 'received', 'return-path']
  return named.filter((name) => fields.has(name)).length >= 2
}

function isFolded(line: string): boolean {
  return line.startsWith(' ') || line.startsWith('\t')
}
