import { Buffer } from 'node:buffer'
import { isSafeHeaderValue, parseAddress, parseDomain } from './address.ts'
import { MailError } from './mail-error.ts'

/** RFC 2047 2: a line with an encoded-word has at most 76 octets; used for every line (RFC 5322 prefers 78). */
const FOLD_AT = 76
/** RFC 5322 2.1.1, without the CRLF. */
const MAX_LINE_OCTETS = 998
/** RFC 2047 2: an encoded-word has at most 75 characters, `=?UTF-8?B?` and `?=` included. */
const MAX_ENCODED_WORD = 75
const WORD_FRAME = 12
const MAX_NAME_OCTETS = 76
/** A word of plain text that is longer is written in encoded-words, which can be folded. */
const MAX_PLAIN_WORD = 900
/** What the longest address header leaves of its first line for a name (`Reply-To: `). */
const PHRASE_ROOM = FOLD_AT - 10

const HEADER_NAME = /^[!-9;-~]+$/
const PRINTABLE = /^[\t\u0020-\u007e]*$/
const ATOMS = /^[\w!#$%&'*+\-/=?^`{|}~]+(?: [\w!#$%&'*+\-/=?^`{|}~]+)*$/
const MESSAGE_ID_LEFT = /^[\w!#$%&'*+\-/=?^`{|}~]+(?:\.[\w!#$%&'*+\-/=?^`{|}~]+)*$/

/** Q encoding of every octet; only what RFC 2047 5 (3) allows in a phrase is left as it is. */
const Q_OF_OCTET: readonly string[] = Array.from({ length: 256 }, (_, octet) => {
  const ch = String.fromCharCode(octet)
  if (ch === ' ') return '_'
  return /[A-Za-z0-9!*+\-/]/.test(ch) ? ch : `=${octet.toString(16).toUpperCase().padStart(2, '0')}`
})

export interface Mailbox {
  readonly name?: string | undefined
  readonly email: string
}

/** One header whose value has a grammar of its own (or is ASCII): folded at blanks, ends with CRLF. */
export function structuredHeader(name: string, value: string): string {
  checkName(name)
  checkValue(name, value)
  if (!PRINTABLE.test(value)) {
    throw new MailError('header_not_ascii', `The value of ${name} may hold printable ASCII only.`)
  }
  return fold(name, value)
}

/** One header of free text (Subject, Comments, X-...): encoded-words where needed, folded, ends with CRLF. */
export function textHeader(name: string, text: string): string {
  checkName(name)
  checkValue(name, text)
  return fold(name, isPlainText(text) ? text : encodeUnstructured(text, FOLD_AT - name.length - 2))
}

/** Where recipients stand: their addresses may have letters outside ASCII, which a message has then too (RFC 6532). */
const OF_RECIPIENTS = new Set(['To', 'Cc'])

/** A header with addresses: To, From, Reply-To, Cc. */
export function addressHeader(name: string, mailboxes: readonly Mailbox[]): string {
  checkName(name)
  const isAsciiOnly = !OF_RECIPIENTS.has(name)
  return fold(name, mailboxes.map((mailbox) => formatAddress(mailbox, isAsciiOnly)).join(', '))
}

/** `Name <address>` for an address header, not folded. Throws `MailError` when the address is not one. */
export function formatAddress(mailbox: Mailbox, isAsciiOnly = true): string {
  const parsed = parseAddress(mailbox.email, { allowSingleLabel: true, isAsciiOnly })
  if (!parsed.ok) throw new MailError('bad_address', parsed.message)
  checkValue('a display name', mailbox.name ?? '')
  const name = mailbox.name?.trim() ?? ''
  if (name === '') return parsed.address
  return `${encodePhrase(name)} <${parsed.address}>`
}

/** RFC 5322 3.3 date-time in UTC. */
export function formatDate(date: Date): string {
  const year = date.getUTCFullYear()
  // NaN fails both comparisons.
  if (!(year >= 1900 && year <= 9999)) throw new MailError('bad_date', 'The date is outside 1900 to 9999.')
  return date.toUTCString().replace('GMT', '+0000')
}

/** `<id@domain>` (RFC 5322 3.6.4). */
export function messageId(id: string, domain: string): string {
  const right = parseDomain(domain, { allowSingleLabel: true })
  if (!MESSAGE_ID_LEFT.test(id) || !right.ok || id.length + domain.length > 250) {
    throw new MailError('bad_message_id', 'A Message-ID is made of a dot-atom and a domain.')
  }
  return `<${id}@${right.domain}>`
}

/** Text as encoded-words (RFC 2047), each at most 75 characters; the first at most `firstRoom`. No code point is split. */
export function encodedWords(text: string, firstRoom: number = MAX_ENCODED_WORD): string[] {
  const octets = Buffer.from(text, 'utf8')
  let qLength = 0
  for (const octet of octets) qLength += (Q_OF_OCTET[octet] ?? '').length
  const kind = base64Length(octets.length) < qLength ? 'B' : 'Q'
  const full = MAX_ENCODED_WORD - WORD_FRAME
  // With less room than this on the first line the word begins a line of its own.
  let room = firstRoom < 30 ? full : Math.min(firstRoom - WORD_FRAME, full)
  const words: string[] = []
  let chunk = ''
  let size = 0
  for (const ch of text) {
    const cost = kind === 'B' ? Buffer.byteLength(ch) : qEncode(ch).length
    const after = kind === 'B' ? base64Length(size + cost) : size + cost
    if (chunk !== '' && after > room) {
      words.push(encodedWord(kind, chunk))
      chunk = ''
      size = 0
      room = full
    }
    chunk += ch
    size += cost
  }
  if (chunk !== '') words.push(encodedWord(kind, chunk))
  return words
}

function checkName(name: string): void {
  if (name.length > MAX_NAME_OCTETS || !HEADER_NAME.test(name)) {
    throw new MailError(
      'bad_header_name',
      'A header name is 1 to 76 printable ASCII characters without a colon.',
    )
  }
}

function checkValue(what: string, value: string): void {
  if (!isSafeHeaderValue(value)) {
    throw new MailError('header_injection', `A line break or NUL is not allowed in ${what}.`)
  }
}

function isPlainText(text: string): boolean {
  return (
    PRINTABLE.test(text) &&
    !text.includes('=?') &&
    text === text.trim() &&
    longestWord(text) <= MAX_PLAIN_WORD
  )
}

function longestWord(text: string): number {
  if (text.length <= MAX_PLAIN_WORD) return text.length
  return Math.max(...text.split(/[ \t]/, text.length).map((word) => word.length))
}

/** Encodes from the first word that needs it to the last; plain words around them stay readable. */
function encodeUnstructured(text: string, firstRoom: number): string {
  if (text !== text.trim()) return encodedWords(text, firstRoom).join(' ')
  const words = text.split(' ')
  const first = words.findIndex((word) => !isPlainText(word))
  const last = words.findLastIndex((word) => !isPlainText(word))
  const middle = words.slice(first, last + 1).join(' ')
  const encoded = encodedWords(middle, first === 0 ? firstRoom : MAX_ENCODED_WORD)
  return [...words.slice(0, first), ...encoded, ...words.slice(last + 1)].join(' ')
}

function encodePhrase(name: string): string {
  const needsWords = !PRINTABLE.test(name) || name.includes('=?') || longestWord(name) > MAX_PLAIN_WORD
  if (needsWords) return encodedWords(name, PHRASE_ROOM).join(' ')
  return ATOMS.test(name) ? name : `"${name.replace(/["\\]/g, '\\$&')}"`
}

function encodedWord(kind: 'B' | 'Q', chunk: string): string {
  return `=?UTF-8?${kind}?${kind === 'B' ? Buffer.from(chunk, 'utf8').toString('base64') : qEncode(chunk)}?=`
}

function qEncode(text: string): string {
  let out = ''
  for (const octet of Buffer.from(text, 'utf8')) out += Q_OF_OCTET[octet] ?? ''
  return out
}

function base64Length(octets: number): number {
  return Math.ceil(octets / 3) * 4
}

/** Breaks before blanks. A token with none stays whole, up to the hard limit. */
function fold(name: string, value: string): string {
  if (value === '') return `${name}:\r\n`
  if (name.length + 2 + value.length <= FOLD_AT) return `${name}: ${value}\r\n`
  let out = ''
  let line = `${name}:`
  for (const [token] of ` ${value}`.matchAll(/[ \t]*[^ \t]+/g)) {
    if (line.length + token.length > FOLD_AT && (out !== '' || line.length > name.length + 1)) {
      out += `${endLine(name, line)}\r\n`
      line = token
    } else {
      line += token
    }
  }
  return `${out}${endLine(name, line)}\r\n`
}

function endLine(name: string, line: string): string {
  if (line.length <= MAX_LINE_OCTETS) return line
  throw new MailError('header_line_too_long', `${name} holds a word that does not fit a line of 998 octets.`)
}
