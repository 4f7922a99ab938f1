import { Buffer } from 'node:buffer'
import { parseDomain } from './address.ts'
import { MailError } from './mail-error.ts'

const CR = 0x0d
const LF = 0x0a
const DOT = 0x2e
const END = Buffer.from('.\r\n', 'latin1')
/** RFC 5321 4.5.3.1.3. */
const MAX_PATH_OCTETS = 254
/** Printable ASCII without blanks and angle brackets: whatever else is in it cannot end the path or the line. */
const SAFE_PATH = /^[!-;=?-~]+$/
/** The same with what RFC 6531 adds, without blanks, controls and marks that turn the direction of a line. */
const SAFE_UTF8_PATH = /^(?:[!-;=?-~\u200c\u200d]|[^\u0000-\u007f\p{Z}\p{C}])+$/u
const NOT_ASCII = /[^\u0000-\u007f]/

export interface MailOptions {
  /** Octets of the message, when the server offers SIZE. */
  readonly size?: number | undefined
  /** When the server offers 8BITMIME and the message is not all ASCII. */
  readonly body8bit?: boolean | undefined
  /** When the server offers SMTPUTF8 and an address of the envelope needs it (RFC 6531 3.4). */
  readonly smtputf8?: boolean | undefined
  /** Further parameters, from `dsnOfMail`. */
  readonly dsn?: string | undefined
}

/** `MAIL FROM` with its CRLF; an empty sender is the null path of bounces. Throws `MailError`. */
export function commandMail(from: string, options: MailOptions = {}): string {
  const size = options.size === undefined ? '' : ` SIZE=${Math.max(0, Math.floor(options.size))}`
  const body = options.body8bit === true ? ' BODY=8BITMIME' : ''
  const utf8 = options.smtputf8 === true ? ' SMTPUTF8' : ''
  return `MAIL FROM:<${from === '' ? '' : safePath(from)}>${size}${body}${utf8}${options.dsn ?? ''}\r\n`
}

/** `RCPT TO` with its CRLF; `dsn` from `dsnOfRcpt`. Throws `MailError`. */
export function commandRcpt(to: string, dsn = ''): string {
  return `RCPT TO:<${safePath(to)}>${dsn}\r\n`
}

/** `BDAT` with its CRLF: so many octets follow it as they are (RFC 3030 2). */
export function commandBdat(octets: number, isLast: boolean): string {
  return `BDAT ${octets}${isLast ? ' LAST' : ''}\r\n`
}

/** Whether an address can only be sent where SMTPUTF8 is offered: the domain has its A-labels, the rest has no such way. */
export function needsSmtputf8(address: string): boolean {
  return NOT_ASCII.test(address) && NOT_ASCII.test(address.slice(0, address.lastIndexOf('@')))
}

/**
 * A message as it follows DATA: a dot before every line that begins with one, CRLF at the end, and the final dot
 * (RFC 5321 4.5.2). Line ends must be CRLF already: `normaliseLineEnds` before signing. `signatures` are header fields
 * (ASCII, each ends with CRLF) that go before it.
 */
export function dotStuff(message: Buffer, signatures = ''): Buffer {
  const dots = dotLines(message)
  const needsLineEnd = message.length > 0 && !endsWithCrlf(message)
  const out = Buffer.allocUnsafe(
    signatures.length + message.length + dots.length + (needsLineEnd ? 2 : 0) + END.length,
  )
  let from = 0
  let at = out.write(signatures, 'latin1')
  for (const dot of dots) {
    at += message.copy(out, at, from, dot)
    out[at] = DOT
    at += 1
    from = dot
  }
  at += message.copy(out, at, from)
  if (needsLineEnd) {
    out[at] = CR
    out[at + 1] = LF
    at += 2
  }
  END.copy(out, at)
  return out
}

/** What `dotStuff` was given, with its CRLF at the end: for BDAT. A view of the same octets when no line begins with a dot. */
export function undoDotStuff(data: Buffer): Buffer {
  const message = data.subarray(0, data.length - END.length)
  const dots = dotLines(message)
  if (dots.length === 0) return message
  const out = Buffer.allocUnsafe(message.length - dots.length)
  let from = 0
  let at = 0
  for (const dot of dots) {
    at += message.copy(out, at, from, dot)
    from = dot + 1
  }
  message.copy(out, at, from)
  return out
}

/** Every lone CR and lone LF becomes CRLF. The same buffer comes back when nothing was to be done. */
export function normaliseLineEnds(message: Buffer): Buffer {
  const lone = countLone(message)
  if (lone === 0) return message
  const out = Buffer.allocUnsafe(message.length + lone)
  let at = 0
  for (let i = 0; i < message.length; i += 1) {
    const c = message[i] ?? 0
    if (c !== CR && c !== LF) {
      out[at] = c
      at += 1
      continue
    }
    out[at] = CR
    out[at + 1] = LF
    at += 2
    if (c === CR && message[i + 1] === LF) i += 1
  }
  return out
}

/** The address as it stands in a path. A domain outside ASCII is written in A-labels (RFC 5890 2.3.2.1). */
function safePath(path: string): string {
  if (path.length <= MAX_PATH_OCTETS && SAFE_PATH.test(path)) return path
  const at = path.lastIndexOf('@')
  const domain = at < 0 || !NOT_ASCII.test(path) ? undefined : parseDomain(path.slice(at + 1))
  const address = domain?.ok === true ? `${path.slice(0, at)}@${domain.domain}` : ''
  if (Buffer.byteLength(address) <= MAX_PATH_OCTETS && SAFE_UTF8_PATH.test(address)) return address
  throw new MailError(
    'unsafe_path',
    'An envelope address has 1 to 254 printable characters, no blanks or brackets.',
  )
}

/** Where lines begin with a dot. */
function dotLines(message: Buffer): number[] {
  const dots: number[] = message[0] === DOT ? [0] : []
  for (let i = message.indexOf('\r\n.', 0, 'latin1'); i >= 0; i = message.indexOf('\r\n.', i + 3, 'latin1')) {
    dots.push(i + 2)
  }
  return dots
}

function endsWithCrlf(message: Buffer): boolean {
  return message.length >= 2 && message[message.length - 2] === CR && message[message.length - 1] === LF
}

function countLone(message: Buffer): number {
  let lone = 0
  for (let i = 0; i < message.length; i += 1) {
    const c = message[i]
    if (c === CR) {
      if (message[i + 1] === LF) i += 1
      else lone += 1
    } else if (c === LF) {
      lone += 1
    }
  }
  return lone
}
