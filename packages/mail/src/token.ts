import { Buffer } from 'node:buffer'
import { createHmac, timingSafeEqual, type KeyObject } from 'node:crypto'
import { MailError } from './mail-error.ts'

/** Octets of a token's HMAC-SHA256 that are kept: 80 bits cannot be guessed over a network. */
const DEFAULT_MAC_OCTETS = 10
const MIN_MAC_OCTETS = 8
const MIN_KEY_OCTETS = 16
const MAX_TOKEN_CHARS = 4_096
const UUID_OCTETS = 16

/** At least 16 secret octets. On hot paths give `createSecretKey(octets)`: 3 microseconds a token instead of 15. */
export type TokenKey = Buffer | KeyObject

export interface TokenOptions {
  /** What the token is for: one made for another purpose is not accepted. */
  readonly purpose: string
  readonly macOctets?: number
}

/** `payload` and its truncated HMAC-SHA256 as base64url: readable by anyone, made only with the key. */
export function signToken(key: TokenKey, payload: Buffer, options: TokenOptions): string {
  return Buffer.concat([payload, mac(key, payload, options)]).toString('base64url')
}

/** The payload of a token that was made with this key for this purpose, else undefined. Never throws on a bad token. */
export function verifyToken(key: TokenKey, token: string, options: TokenOptions): Buffer | undefined {
  if (token.length > MAX_TOKEN_CHARS) return undefined
  const octets = Buffer.from(token, 'base64url')
  // Decoding is lenient; a token has one spelling.
  return octets.toString('base64url') === token ? openSealed(key, octets, options) : undefined
}

/** `payload` followed by its truncated MAC, in octets: for encodings other than base64url. */
export function sealPayload(key: TokenKey, payload: Buffer, options: TokenOptions): Buffer {
  return Buffer.concat([payload, mac(key, payload, options)])
}

/** Undoes `sealPayload`; undefined when the MAC does not fit. */
export function openSealed(key: TokenKey, octets: Buffer, options: TokenOptions): Buffer | undefined {
  const length = octets.length - (options.macOctets ?? DEFAULT_MAC_OCTETS)
  if (length < 0) return undefined
  const payload = octets.subarray(0, length)
  return timingSafeEqual(mac(key, payload, options), octets.subarray(length)) ? payload : undefined
}

export interface UnsubscribeIds {
  readonly tenantId: string
  readonly messageId: string
}

const UNSUBSCRIBE = { purpose: 'unsubscribe', macOctets: 10 } as const

/** The token of an unsubscribe link: 56 characters, from the UUIDs of tenant and message. */
export function unsubscribeToken(key: TokenKey, ids: UnsubscribeIds): string {
  return signToken(key, Buffer.concat([uuidToOctets(ids.tenantId), uuidToOctets(ids.messageId)]), UNSUBSCRIBE)
}

export function parseUnsubscribeToken(key: TokenKey, token: string): UnsubscribeIds | undefined {
  const payload = verifyToken(key, token, UNSUBSCRIBE)
  if (payload?.length !== 2 * UUID_OCTETS) return undefined
  return {
    tenantId: octetsToUuid(payload.subarray(0, UUID_OCTETS)),
    messageId: octetsToUuid(payload.subarray(UUID_OCTETS)),
  }
}

/** The 16 octets of a UUID. Throws `MailError` for any other text. */
export function uuidToOctets(uuid: string): Buffer {
  const octets = Buffer.from(uuid.replaceAll('-', ''), 'hex')
  if (octets.length !== UUID_OCTETS || octetsToUuid(octets) !== uuid.toLowerCase()) {
    throw new MailError('bad_uuid', 'An id must be a UUID.')
  }
  return octets
}

export function octetsToUuid(octets: Buffer): string {
  const hex = octets.toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

function mac(key: TokenKey, payload: Buffer, options: TokenOptions): Buffer {
  const length = options.macOctets ?? DEFAULT_MAC_OCTETS
  const keyOctets = Buffer.isBuffer(key) ? key.length : (key.symmetricKeySize ?? 0)
  if (keyOctets < MIN_KEY_OCTETS || length < MIN_MAC_OCTETS || length > 32) {
    throw new MailError('bad_token_key', 'A token needs a key of 16 octets and a MAC of 8 to 32 octets.')
  }
  return createHmac('sha256', key).update(`${options.purpose}\0`).update(payload).digest().subarray(0, length)
}
