import type { TokenKey } from './token.ts'
import { openSealed, sealPayload, octetsToUuid, uuidToOctets } from './token.ts'
import { base32, fromBase32 } from './verp.ts'

const SEAL = { purpose: 'unsubscribe address', macOctets: 8 } as const
const SEALED_OCTETS = 24
const LOCAL = /^u-([a-z2-7]{39})$/

/**
 * The address to which a mail program writes to unsubscribe (RFC 2369, 3.2): `u-` and 39 base32 characters, the message's
 * UUID and an 8-octet MAC. Mail to it says all: subject and content do not matter.
 */
export function unsubscribeAddress(key: TokenKey, messageId: string, domain: string): string {
  return `u-${base32(sealPayload(key, uuidToOctets(messageId), SEAL))}@${domain}`
}

/** The id of the message whose recipient wants no more; undefined for any other address. The domain is not looked at. */
export function parseUnsubscribeAddress(key: TokenKey, address: string): string | undefined {
  const at = address.lastIndexOf('@')
  const match = LOCAL.exec((at < 0 ? address : address.slice(0, at)).toLowerCase())
  const octets = match?.[1] === undefined ? undefined : fromBase32(match[1])
  if (octets?.length !== SEALED_OCTETS) return undefined
  const payload = openSealed(key, octets, SEAL)
  return payload === undefined ? undefined : octetsToUuid(payload)
}
