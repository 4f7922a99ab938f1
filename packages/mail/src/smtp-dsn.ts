import { Buffer } from 'node:buffer'

/** What the servers on the way shall report about a message, and how (RFC 3461). */
export interface DsnRequest {
  /** Comes back in every report as `Original-Envelope-Id`. Printable ASCII, at most 100 octets (RFC 3461 4.4); else not sent. */
  readonly envelopeId?: string
  /** How much of the message a report of a failure brings back. */
  readonly returns: 'full' | 'headers'
  readonly notify: 'never' | readonly ('success' | 'failure' | 'delay')[]
}

/** RFC 3461 4.4. */
const MAX_ENVELOPE_ID_CHARS = 100
/** RFC 3461 4: what xtext leaves as it is, `!` to `~` without `+` and `=`. */
const NOT_XCHAR = /[^!-*,-<>-~]/gu
/** RFC 6533 3, utf-8-addr-unitext: what an address under SMTPUTF8 may not hold as it is. */
const NOT_UNITEXT = /[^!-*,-<>-[\]-~\u0080-\u{10ffff}]/gu
const PRINTABLE = /^[ -~]+$/
const NOT_ASCII = /[^\u0000-\u007f]/

/** Only failures, with the header: what a sender of many needs to know, in the smallest report. */
export function failuresOnly(envelopeId: string): DsnRequest {
  return { envelopeId, returns: 'headers', notify: ['failure'] }
}

/** xtext (RFC 3461 4): octets that are no plain characters as `+XX`. */
export function xtext(text: string): string {
  return text.replace(NOT_XCHAR, (ch) =>
    [...Buffer.from(ch)].map((octet) => `+${octet.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  )
}

/** The parameters of MAIL, with a space before each. */
export function dsnOfMail(request: DsnRequest): string {
  const { envelopeId = '' } = request
  const id = xtext(envelopeId)
  const envid = PRINTABLE.test(envelopeId) && id.length <= MAX_ENVELOPE_ID_CHARS ? ` ENVID=${id}` : ''
  return ` RET=${request.returns === 'full' ? 'FULL' : 'HDRS'}${envid}`
}

/** The parameters of RCPT for this recipient, with a space before each. */
export function dsnOfRcpt(request: DsnRequest, recipient: string): string {
  const { notify } = request
  const events = notify === 'never' || notify.length === 0 ? 'NEVER' : notify.join(',').toUpperCase()
  return ` NOTIFY=${events} ORCPT=${originalRecipient(recipient)}`
}

/** RFC 3461 4.2; for letters outside ASCII RFC 6533 3, which needs SMTPUTF8 as the address itself does. */
function originalRecipient(recipient: string): string {
  if (!NOT_ASCII.test(recipient)) return `rfc822;${xtext(recipient)}`
  const hex = (ch: string): string => `\\x{${(ch.codePointAt(0) ?? 0).toString(16).toUpperCase()}}`
  return `utf-8;${recipient.replace(NOT_UNITEXT, hex)}`
}
