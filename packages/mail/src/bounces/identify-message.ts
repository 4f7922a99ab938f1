import { parseUnsubscribeToken, type TokenKey } from '@pigeon/mail/token.ts'
import { parseVerp } from '@pigeon/mail/verp.ts'
import type { OriginalMessage } from './returned-mail.ts'

/** The keys with which our mail was signed. */
export interface IdentityKeys {
  /** Of `verpAddress`. */
  readonly verp: TokenKey
  /** Of `unsubscribeToken`. */
  readonly unsubscribe: TokenKey
}

/**
 * Which message a mail is about. `forged`: it names one in our form, and we did not write it; nothing in such a mail is to be believed.
 * `unnamed`: it says nothing that we signed, so at most a Message-ID, which anybody may have read.
 */
export type Identity =
  | {
      readonly kind: 'message'
      readonly messageId: string
      readonly tenantId?: string
      readonly by: 'verp' | 'token'
    }
  | { readonly kind: 'forged' }
  | { readonly kind: 'unnamed' }

/** Local parts like ours, signed or not. */
const LIKE_OURS = /^(?:[^@+]{1,22}\+)?b-[a-z2-7]{39}@/i

/**
 * Verifies what a mail says of the message that it is about. `envelopeRecipient` is to whom it was sent (RCPT TO), the surest: a
 * bounce goes to the address that we gave as sender. Then the bounce address in our returned header, then the token of the
 * unsubscribe link, which stays there when a provider redacts whom it was for.
 */
export function identifyMessage(
  keys: IdentityKeys,
  original: Pick<OriginalMessage, 'verp' | 'token'>,
  envelopeRecipient?: string,
): Identity {
  const addresses = [envelopeRecipient, original.verp].filter((each) => each !== undefined)
  for (const address of addresses.filter((each) => LIKE_OURS.test(each))) {
    const messageId = parseVerp(keys.verp, address)
    return messageId === undefined ? { kind: 'forged' } : { kind: 'message', messageId, by: 'verp' }
  }
  if (original.token === undefined) return { kind: 'unnamed' }
  const ids = parseUnsubscribeToken(keys.unsubscribe, original.token)
  return ids === undefined ? { kind: 'forged' } : { kind: 'message', ...ids, by: 'token' }
}
