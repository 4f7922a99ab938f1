import { createSecretKey } from 'node:crypto'
import { parseUnsubscribeToken, unsubscribeToken } from '@pigeon/mail/token.ts'
import { parseUnsubscribeAddress, unsubscribeAddress } from '@pigeon/mail/unsubscribe-address.ts'
import type { Keys } from '#platform/keys/keys.ts'

export interface MessageIds {
  readonly tenantId: string
  readonly messageId: string
}

/** The key of all tokens behind unsubscribe links. */
export function tokenKey(keys: Pick<Keys, 'derive'>) {
  return createSecretKey(keys.derive('unsubscribe'))
}

/** Makes the function that gives a message its unsubscribe link: some microseconds a call. `publicUrl` without path or with one. */
export function unsubscribeUrl(deps: {
  readonly publicUrl: string
  readonly keys: Pick<Keys, 'derive'>
}): (tenantId: string, messageId: string) => string {
  const key = tokenKey(deps.keys)
  const base = `${deps.publicUrl.replace(/\/+$/, '')}/u/`
  return (tenantId, messageId) => base + unsubscribeToken(key, { tenantId, messageId })
}

/**
 * The header fields of RFC 8058, section 3.1: one POST, without cookies or further questions, unsubscribes. An address comes
 * behind it, for programs that know RFC 2369 only.
 */
export function unsubscribeHeaders(url: string, address?: string): [name: string, value: string][] {
  return [
    ['List-Unsubscribe', address === undefined ? `<${url}>` : `<${url}>, <mailto:${address}>`],
    ['List-Unsubscribe-Post', 'List-Unsubscribe=One-Click'],
  ]
}

/** Makes the function that gives a message the address to which mail unsubscribes. */
export function unsubscribeMailbox(deps: {
  readonly domain: string
  readonly keys: Pick<Keys, 'derive'>
}): (messageId: string) => string {
  const key = tokenKey(deps.keys)
  return (messageId) => unsubscribeAddress(key, messageId, deps.domain)
}

/** Makes the function that reads the message from such an address; undefined for any other. */
export function unsubscribeMailboxReader(
  keys: Pick<Keys, 'derive'>,
): (address: string) => string | undefined {
  const key = tokenKey(keys)
  return (address) => parseUnsubscribeAddress(key, address)
}

/** Makes the function that reads a link's token; undefined when we did not make it. */
export function unsubscribeTokenReader(
  keys: Pick<Keys, 'derive'>,
): (token: string) => MessageIds | undefined {
  const key = tokenKey(keys)
  return (token) => parseUnsubscribeToken(key, token)
}
