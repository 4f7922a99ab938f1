import { Buffer } from 'node:buffer'

/** RFC 2045 6.7 and 6.8: an encoded line has at most 76 characters. */
const MAX_ENCODED_LINE = 76
/** RFC 5322 2.1.1: a line that is sent as it is has at most 998 octets. */
const MAX_PLAIN_LINE = 998
/** Above this share of octets that quoted-printable triples, base64 is shorter: (1.37 - 1) / 2. */
const BASE64_FROM_SHARE = 0.185

const CR = 0x0d
const LF = 0x0a
const SPACE = 0x20
const TAB = 0x09
const EQUALS = 0x3d
/** 1: an octet that stands for itself anywhere; 2: a blank, which does unless it ends a line; 0: all others. */
const LITERAL = Uint8Array.from({ length: 256 }, (_, c) => (c > SPACE && c < 0x7f && c !== EQUALS ? 1 : 0))
LITERAL[SPACE] = 2
LITERAL[TAB] = 2
/** A text of this size is encoded in room that is kept; for a larger one there is room of its own. */
const KEPT_ROOM = 512 * 1024
const HEX = Buffer.from('0123456789ABCDEF', 'latin1')

/** Room for the octets of one text at a time: taking it again ends what was there. */
interface Room {
  take(octets: number): Buffer
}

function createRoom(): Room {
  let kept: Buffer | undefined
  return {
    take(octets) {
      if (octets > KEPT_ROOM) return Buffer.allocUnsafe(octets)
      kept ??= Buffer.allocUnsafeSlow(KEPT_ROOM)
      return kept.subarray(0, octets)
    },
  }
}

const readRoom = createRoom()
const writeRoom = createRoom()

export type TransferEncoding = '7bit' | 'quoted-printable' | 'base64'

export interface EncodedText {
  readonly encoding: TransferEncoding
  /** ASCII, lines end with CRLF. */
  readonly body: string
}

/** Text for a MIME body: as it is when every server may carry it so, else in the shorter encoding. */
export function encodeText(text: string): EncodedText {
  const octets = Buffer.byteLength(text, 'utf8')
  if (octets === text.length && !text.includes('\0')) {
    const body = canonicalLines(text)
    if (!hasLongLine(body)) return { encoding: '7bit', body }
  }
  const bytes = readRoom.take(octets)
  bytes.write(text, 'utf8')
  return countTripled(bytes) > BASE64_FROM_SHARE * octets
    ? { encoding: 'base64', body: base64Lines(Buffer.from(canonicalLines(text), 'utf8')) }
    : { encoding: 'quoted-printable', body: quotedPrintable(bytes) }
}

function canonicalLines(text: string): string {
  return text.replace(/\r\n?|\n/g, '\r\n')
}

/** Base64 in lines of 76 characters, without a final line end. */
export function base64Lines(bytes: Buffer): string {
  const whole = bytes.toString('base64')
  if (whole.length <= MAX_ENCODED_LINE) return whole
  const lines: string[] = []
  for (let i = 0; i < whole.length; i += MAX_ENCODED_LINE) lines.push(whole.slice(i, i + MAX_ENCODED_LINE))
  return lines.join('\r\n')
}

/**
 * RFC 2045 6.7 for text: every line end (CRLF, CR or LF) becomes CRLF. Blanks at a line's end are encoded, lines have at
 * most 76 characters, and the octets of one UTF-8 character stay on one line.
 */
export function quotedPrintable(bytes: Buffer): string {
  const out = writeRoom.take(bytes.length * 4 + 16)
  let at = 0
  let column = 0
  for (let i = 0; i < bytes.length; i += 1) {
    const c = bytes[i] ?? 0
    const kind = LITERAL[c] ?? 0
    // Nearly every octet of a newsletter goes this way; the rest of the loop is for the few that need thought.
    if (
      column < MAX_ENCODED_LINE - 1 &&
      (kind === 1 || (kind === 2 && (LITERAL[bytes[i + 1] ?? 0] ?? 0) > 0))
    ) {
      out[at++] = c
      column += 1
      continue
    }
    if (c === LF || c === CR) {
      at = put(out, at, CR, LF)
      column = 0
      if (c === CR && bytes[i + 1] === LF) i += 1
      continue
    }
    const plain = kind === 1 || (kind === 2 && !endsLine(bytes, i + 1))
    // What must stay together: the `=XX` of a whole UTF-8 sequence, or one character.
    const needed = plain ? 1 : 3 * sequenceLength(c)
    const room = endsLine(bytes, i + needed / (plain ? 1 : 3)) ? MAX_ENCODED_LINE : MAX_ENCODED_LINE - 1
    if (column + needed > room) {
      out[at++] = EQUALS
      at = put(out, at, CR, LF)
      column = 0
    }
    if (plain) {
      out[at++] = c
      column += 1
    } else {
      out[at++] = EQUALS
      at = put(out, at, HEX[c >> 4] ?? 0, HEX[c & 15] ?? 0)
      column += 3
    }
  }
  return out.toString('latin1', 0, at)
}

function put(out: Buffer, at: number, first: number, second: number): number {
  out[at] = first
  out[at + 1] = second
  return at + 2
}

function endsLine(bytes: Buffer, i: number): boolean {
  return i >= bytes.length || bytes[i] === CR || bytes[i] === LF
}

/** Octets of the UTF-8 character that begins here; 1 for ASCII and inside a character. */
function sequenceLength(lead: number): number {
  if (lead < 0xc0) return 1
  if (lead < 0xe0) return 2
  return lead < 0xf0 ? 3 : 4
}

function hasLongLine(canonical: string): boolean {
  if (canonical.length <= MAX_PLAIN_LINE) return false
  let from = 0
  for (let end = canonical.indexOf('\r\n'); end >= 0; end = canonical.indexOf('\r\n', from)) {
    if (end - from > MAX_PLAIN_LINE) return true
    from = end + 2
  }
  return canonical.length - from > MAX_PLAIN_LINE
}

function countTripled(bytes: Buffer): number {
  let count = 0
  // By index: an iterator over a buffer takes five times as long.
  for (let i = 0; i < bytes.length; i += 1) {
    const c = bytes[i] ?? 0
    if (c > 0x7e || c === EQUALS) count += 1
  }
  return count
}
