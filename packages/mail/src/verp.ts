import { Buffer } from 'node:buffer'
import { octetsToUuid, openSealed, sealPayload, uuidToOctets, type TokenKey } from './token.ts'

/** Lower case RFC 4648 base32: servers that fold the case of a bounce's recipient do no harm. */
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'
const SEAL = { purpose: 'verp', macOctets: 8 } as const
const SEALED_OCTETS = 24
const PREFIX = 'b-'
/** What stands before a `+` names the mailbox, to programs that know subaddresses (RFC 5233). */
const LOCAL = /^(?:[^@+]{1,22}\+)?b-([a-z2-7]{39})$/

/**
 * The envelope sender of one message: `b-` and 39 base32 characters, in which the message's UUID and an 8-octet MAC
 * are written, so that a bounce names its message and nobody else can make one up. With `mailbox`, of at most 22 characters,
 * it is a subaddress of that one: `mailbox+b-...`.
 */
export function verpAddress(key: TokenKey, messageId: string, domain: string, mailbox?: string): string {
  const before = mailbox === undefined ? PREFIX : `${mailbox}+${PREFIX}`
  return `${before}${base32(sealPayload(key, uuidToOctets(messageId), SEAL))}@${domain}`
}

/** The message id in the recipient of a bounce; undefined for any other address. The domain is not looked at. */
export function parseVerp(key: TokenKey, address: string): string | undefined {
  const at = address.lastIndexOf('@')
  const local = (at < 0 ? address : address.slice(0, at)).toLowerCase()
  const match = LOCAL.exec(local)
  const octets = match?.[1] === undefined ? undefined : fromBase32(match[1])
  if (octets?.length !== SEALED_OCTETS) return undefined
  const payload = openSealed(key, octets, SEAL)
  return payload === undefined ? undefined : octetsToUuid(payload)
}

/** RFC 4648 base32 in lower case, without padding. */
export function base32(octets: Buffer): string {
  let out = ''
  let bits = 0
  let held = 0
  for (const octet of octets) {
    held = ((held << 8) | octet) & 0xfff
    bits += 8
    while (bits >= 5) {
      bits -= 5
      out += ALPHABET[(held >> bits) & 31] ?? ''
    }
  }
  return bits > 0 ? out + (ALPHABET[(held << (5 - bits)) & 31] ?? '') : out
}

/** Undoes `base32`; undefined for other characters, or when the last one carries bits that were never written. */
export function fromBase32(text: string): Buffer | undefined {
  const out = Buffer.alloc(Math.floor((text.length * 5) / 8))
  let bits = 0
  let held = 0
  let at = 0
  for (const ch of text) {
    const value = ALPHABET.indexOf(ch)
    if (value < 0) return undefined
    held = ((held << 5) | value) & 0xfff
    bits += 5
    if (bits < 8) continue
    bits -= 8
    out[at] = (held >> bits) & 0xff
    at += 1
  }
  return bits < 5 && (held & ((1 << bits) - 1)) === 0 ? out : undefined
}
