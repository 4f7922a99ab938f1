import { createSecretKey } from 'node:crypto'
import { parseUnsubscribeToken, unsubscribeToken } from '@pigeon/mail/token.ts'
import type { Keys } from '#platform/keys/keys.ts'

export interface MessageIds {
  readonly tenantId: string
  readonly messageId: string
}

function tokenKey(keys: Pick<Keys, 'derive'>) {
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

/** The header fields of RFC 8058, section 3.1: one POST, without cookies or further questions, unsubscribes. */
export function unsubscribeHeaders(url: string): readonly (readonly [string, string])[] {
  return [
    ['List-Unsubscribe', `<${url}>`],
    ['List-Unsubscribe-Post', 'List-Unsubscribe=One-Click'],
  ]
}

/** Makes the function that reads a link's token; undefined when we did not make it. */
export function unsubscribeTokenReader(
  keys: Pick<Keys, 'derive'>,
): (token: string) => MessageIds | undefined {
  const key = tokenKey(keys)
  return (token) => parseUnsubscribeToken(key, token)
}
