import { Buffer } from 'node:buffer'

/** Octets of a whole address: a path of 256 less its angle brackets (RFC 5321 4.5.3.1.3). */
const MAX_ADDRESS_OCTETS = 254
const MAX_LOCAL_OCTETS = 64
const MAX_LABEL_OCTETS = 63
/** Nothing longer is looked at: an address of this size is refused whatever it holds. */
const MAX_INPUT_CHARS = 1_000

const REFUSALS = {
  empty: 'The address is empty.',
  control_character: 'The address holds a line break or another control character.',
  space: 'The address holds a space.',
  no_at: 'The address has no @.',
  too_long: `The address is longer than ${MAX_ADDRESS_OCTETS} octets.`,
  empty_local: 'There is nothing before the @.',
  local_too_long: `The part before the @ is longer than ${MAX_LOCAL_OCTETS} octets.`,
  bad_local: 'The part before the @ holds a character or a dot where none may be.',
  smtputf8_unsupported:
    'The part before the @ holds letters outside ASCII, which only servers with SMTPUTF8 accept; here it must be ASCII.',
  empty_label: 'The domain is empty, or has two dots in a row or a dot at an end.',
  label_too_long: `A part of the domain is longer than ${MAX_LABEL_OCTETS} octets.`,
  bad_domain: 'The domain holds a character that no domain name has.',
  single_label: 'The domain has no dot.',
  ip_literal: 'The domain is an IP address; mail goes to domain names only.',
} as const

export type AddressRefusalCode = keyof typeof REFUSALS

export interface AddressRefusal {
  readonly ok: false
  readonly code: AddressRefusalCode
  readonly message: string
}

export interface Address {
  readonly ok: true
  /** As it was written. */
  readonly local: string
  /** A-labels, lower case. */
  readonly domain: string
  /** For sending: `local` as written, `domain` folded. */
  readonly address: string
  /** For comparing: two spellings of one mailbox have one key. `+tag` is kept. */
  readonly key: string
}

export interface DomainName {
  readonly ok: true
  readonly domain: string
}

export interface AddressOptions {
  /** Accept `root@localhost`: for tests and inner networks. */
  readonly allowSingleLabel?: boolean
  /** Refuse letters outside ASCII before the @: for senders, whose address stands in messages to everybody. */
  readonly isAsciiOnly?: boolean
}

const ATEXT = 1
const LDH = 2
const classOf = new Uint8Array(128)
for (const ch of "!#$%&'*+-/=?^_`{|}~") classOf[ch.charCodeAt(0)] = ATEXT
for (const ch of 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789') {
  classOf[ch.charCodeAt(0)] = ATEXT | LDH
}
const HYPHEN = 0x2d
const DOT = 0x2e
classOf[HYPHEN] = ATEXT | LDH

const BLANK_ENDS = /^[ \t\u00a0\ufeff]+|[ \t\u00a0\ufeff]+$/g
const CONTROL = /[\u0000-\u001f\u007f]/
const QUOTED_LOCAL = /^"(?:[!#-;=?-[\]-~]|\\[!-;=?-~])+"$/
const NOT_ASCII = /[^\u0000-\u007f]/
/** What RFC 6531 adds to a local part, less blanks, controls, marks that turn the direction of a line, and lone surrogates. */
const UTF8_LETTERS = /(?:[\u200c\u200d]|[^\u0000-\u007f\p{Z}\p{C}])+/gu

/**
 * Reads the bare address of a contact (RFC 5321 Mailbox and RFC 6531, without display name). Blanks around it are
 * dropped, an internationalised domain becomes A-labels. Quoted local parts are accepted in ASCII, without spaces and
 * angle brackets. Never throws; a refusal carries a code for programs and a sentence for people.
 */
export function parseAddress(text: string, options: AddressOptions = {}): Address | AddressRefusal {
  if (text.length > MAX_INPUT_CHARS) return refuse('too_long', '')
  const trimmed = needsTrim(text) ? text.replace(BLANK_ENDS, '') : text
  if (trimmed === '') return refuse('empty', '')
  const at = trimmed.lastIndexOf('@')
  if (at < 0) return refuse('no_at', trimmed)
  const local = trimmed.slice(0, at)
  const localFault = NOT_ASCII.test(local)
    ? faultOfUtf8Local(local, options.isAsciiOnly === true)
    : faultOfLocal(local)
  if (localFault !== undefined) return refuse(localFault, trimmed)
  const found = parseDomain(trimmed.slice(at + 1), options)
  if (!found.ok) return refuse(found.code, trimmed)
  const { domain } = found
  const address = `${local}@${domain}`
  if (Buffer.byteLength(address) > MAX_ADDRESS_OCTETS) return refuse('too_long', trimmed)
  return { ok: true, local, domain, address, key: `${localKey(local)}@${domain}` }
}

/** Reads a mail domain: A-labels in lower case, or why not. IP addresses and literals are refused. */
export function parseDomain(text: string, options: AddressOptions = {}): DomainName | AddressRefusal {
  if (text.length > MAX_INPUT_CHARS) return refuse('too_long', '')
  let domain = text.toLowerCase()
  if (NOT_ASCII.test(domain) || domain.includes('xn--')) {
    const ascii = toAscii(text)
    if (ascii === undefined) return refuse('bad_domain', text)
    domain = ascii
  }
  const fault = faultOfDomain(domain, options.allowSingleLabel === true)
  return fault === undefined ? { ok: true, domain } : refuse(fault, text)
}

/** True when the text can stand in a header or an envelope: no CR, LF or NUL. */
export function isSafeHeaderValue(text: string): boolean {
  return !text.includes('\n') && !text.includes('\r') && !text.includes('\0')
}

/** A control character is the fault to name, whatever else is wrong with the text that holds it. */
function refuse(code: AddressRefusalCode, text: string): AddressRefusal {
  const named = text !== '' && CONTROL.test(text) ? 'control_character' : code
  return { ok: false, code: named, message: REFUSALS[named] }
}

function needsTrim(text: string): boolean {
  return isBlank(text.charCodeAt(0)) || isBlank(text.charCodeAt(text.length - 1))
}

function isBlank(c: number): boolean {
  return c === 0x20 || c === 0x09 || c === 0xa0 || c === 0xfeff
}

/** As if its letters outside ASCII were ones that are allowed there. */
function faultOfUtf8Local(local: string, isAsciiOnly: boolean): AddressRefusalCode | undefined {
  const ascii = local.replace(UTF8_LETTERS, 'x')
  if (NOT_ASCII.test(ascii)) return 'bad_local'
  const fault = faultOfLocal(ascii)
  if (fault !== undefined || isAsciiOnly || ascii.startsWith('"')) return fault ?? 'smtputf8_unsupported'
  return Buffer.byteLength(local) > MAX_LOCAL_OCTETS ? 'local_too_long' : undefined
}

function faultOfLocal(local: string): AddressRefusalCode | undefined {
  if (local.length === 0) return 'empty_local'
  if (local.charCodeAt(0) === 0x22) return faultOfQuotedLocal(local)
  let previous = DOT
  for (let i = 0; i < local.length; i += 1) {
    const c = local.charCodeAt(i)
    if (c === DOT) {
      if (previous === DOT) return 'bad_local'
    } else if (((classOf[c] ?? 0) & ATEXT) === 0) {
      return c === 0x20 ? 'space' : 'bad_local'
    }
    previous = c
  }
  if (previous === DOT) return 'bad_local'
  return local.length > MAX_LOCAL_OCTETS ? 'local_too_long' : undefined
}

function faultOfQuotedLocal(local: string): AddressRefusalCode | undefined {
  if (local.includes(' ')) return 'space'
  if (!QUOTED_LOCAL.test(local)) return 'bad_local'
  return local.length > MAX_LOCAL_OCTETS ? 'local_too_long' : undefined
}

/**
 * `"jo"@x` and `jo@x` are one mailbox (RFC 5321 4.1.2): quotes that are not needed are not in the key. Letters are
 * composed (RFC 6532 3.1), so that it does not matter how they were typed.
 */
function localKey(local: string): string {
  const folded = local.normalize('NFC').toLowerCase()
  if (folded.charCodeAt(0) !== 0x22) return folded
  const inner = folded.slice(1, -1).replace(/\\(.)/g, '$1')
  return faultOfLocal(inner) === undefined && !inner.startsWith('"') ? inner : folded
}

function faultOfDomain(domain: string, allowSingleLabel: boolean): AddressRefusalCode | undefined {
  if (domain.charCodeAt(0) === 0x5b) return 'ip_literal'
  let labelStart = 0
  let labels = 0
  for (let i = 0; i <= domain.length; i += 1) {
    const c = i === domain.length ? DOT : domain.charCodeAt(i)
    if (c === DOT) {
      const length = i - labelStart
      if (length === 0) return 'empty_label'
      if (length > MAX_LABEL_OCTETS) return 'label_too_long'
      if (domain.charCodeAt(labelStart) === HYPHEN || domain.charCodeAt(i - 1) === HYPHEN) return 'bad_domain'
      labels += 1
      labelStart = i + 1
    } else if (((classOf[c] ?? 0) & LDH) === 0) {
      return c === 0x20 ? 'space' : 'bad_domain'
    }
  }
  const last = domain.slice(domain.lastIndexOf('.') + 1)
  if (/^(?:\d+|0x[\da-f]*)$/.test(last)) return 'ip_literal'
  return labels < 2 && !allowSingleLabel ? 'single_label' : undefined
}

/** UTS 46 through the URL parser; only letters, digits, `-`, `.` and non-ASCII reach it. */
function toAscii(domain: string): string | undefined {
  if (!/^[a-z0-9.\-\u0080-\uffff]+$/i.test(domain) || !domain.isWellFormed()) return undefined
  const url = URL.parse(`http://${domain}`)
  return url === null || url.hostname === '' ? undefined : url.hostname
}
