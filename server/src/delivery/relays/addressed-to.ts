import { addressHeader } from '@pigeon/mail/headers.ts'
import { sameAddress } from './mail-parts.ts'

const HEADER_END = Buffer.from('\r\n\r\n')
/** A field with its folded lines. */
const FIELDS = /^[!-9;-~]+:.*(?:\r\n[ \t].*)*\r\n/gm
const RECIPIENTS = /^(?:to|cc|bcc|resent-to|resent-cc|resent-bcc):/i

/**
 * The message with no recipient in its headers but this one. Unchanged when that is so already; otherwise its signatures
 * go too, since they no longer hold. `mime` has CRLF line ends.
 */
export function addressedTo(mime: Buffer, rcptTo: string): Buffer {
  const end = mime.indexOf(HEADER_END)
  const head = mime.toString('latin1', 0, end < 0 ? mime.length : end + 2)
  const fields = head.match(FIELDS) ?? []
  const recipients = fields.filter((field) => RECIPIENTS.test(field))
  if (recipients.length === 1 && isAlone(recipients[0] ?? '', rcptTo)) return mime
  const rest = fields.filter((field) => !RECIPIENTS.test(field) && !/^dkim-signature:/i.test(field))
  const to = addressHeader('To', [{ email: rcptTo }])
  return Buffer.concat([Buffer.from(`${to}${rest.join('')}`, 'latin1'), mime.subarray(head.length)])
}

/** `To: name <address>` or `To: address`, and no other. A comma in a name only costs the name. */
function isAlone(field: string, rcptTo: string): boolean {
  const value = field.slice(field.indexOf(':') + 1).trim()
  if (!/^to:/i.test(field) || value.includes(',') || value.includes(';')) return false
  const address = /<([^<>]*)>$/.exec(value)?.[1] ?? value
  return sameAddress(address, rcptTo)
}
