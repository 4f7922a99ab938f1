import { Buffer } from 'node:buffer'

const ENCODED_OCTET = /=([\da-f]{2})/gi
/** A soft line break (RFC 2045 6.7), with blanks that a gateway may have added. */
const SOFT_BREAK = /=[ \t]{0,20}\n/g
const NOT_BASE64 = /[^A-Za-z0-9+/=\s]/

/** The octets of a body in this Content-Transfer-Encoding. Lines end with LF, each character is an octet. Never throws. */
export function decodeTransfer(body: string, encoding: string): Buffer {
  const name = encoding.trim().toLowerCase()
  if (name === 'quoted-printable') return Buffer.from(unquote(body.replace(SOFT_BREAK, '')), 'latin1')
  // Bodies that only say they are base64 are common in bounces.
  if (name === 'base64' && !NOT_BASE64.test(body.slice(0, 1_000))) return Buffer.from(body, 'base64')
  return Buffer.from(body, 'latin1')
}

/** `=XX` as the octet that it stands for. */
export function unquote(text: string): string {
  return text.replace(ENCODED_OCTET, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}
