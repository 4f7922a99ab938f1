import { createSecretKey, type KeyObject } from 'node:crypto'
import { verpAddress } from '@pigeon/mail/verp.ts'
import type { Keys } from '#platform/keys/keys.ts'

/** The key with which bounce addresses are signed. Another installation's are none of ours. */
export function bounceKey(keys: Pick<Keys, 'derive'>): KeyObject {
  return createSecretKey(keys.derive('verp'))
}

/**
 * Makes the function that gives a message its envelope sender (RFC 5321, 4.4): `mailbox+b-...@domain`. Without a domain for
 * what comes back it is at the sender's own, so that the mailbox of that name gets it, where mail to subaddresses arrives.
 */
export function returnPath(deps: {
  readonly keys: Pick<Keys, 'derive'>
  readonly mailbox: string
  readonly domain: string | undefined
}): (messageId: string, fromDomain: string) => string {
  const key = bounceKey(deps.keys)
  return (messageId, fromDomain) => verpAddress(key, messageId, deps.domain ?? fromDomain, deps.mailbox)
}
