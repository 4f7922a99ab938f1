import type { IdentityKeys } from '@pigeon/mail/bounces/identify-message.ts'
import { parseUnsubscribeAddress } from '@pigeon/mail/unsubscribe-address.ts'
import { parseVerp } from '@pigeon/mail/verp.ts'

/** What mail to one of our addresses is about. */
export type InboundAddress =
  | { readonly kind: 'bounce'; readonly messageId: string }
  | { readonly kind: 'unsubscribe'; readonly messageId: string }
  | { readonly kind: 'complaints' }
  | { readonly kind: 'replies' }

/** Which addresses are ours besides those that we have signed. Domains and addresses in lower case. */
export interface InboundPlaces {
  /** Undefined: none is set. */
  readonly domain: string | undefined
  readonly complaintAddresses: ReadonlySet<string>
  readonly replyDomains: ReadonlySet<string>
}

/** At our domain: where providers send complaints, and what RFC 5321 (4.5.1) and RFC 2142 want everybody to have. */
const ROLES: ReadonlySet<string> = new Set(['abuse', 'complaints', 'fbl', 'postmaster'])
const LOOKS_SIGNED = /^(?:[^@+]{1,22}\+)?b-[a-z2-7]{39}$|^u-[a-z2-7]{39}$/

/**
 * What a recipient's address is for; `forged`: it has the form of those that we sign, and we did not sign it; undefined: it is
 * none of ours. A signed address is ours at every domain, since nobody else can make one.
 */
export function readInboundAddress(
  keys: IdentityKeys,
  places: InboundPlaces,
  address: string,
): InboundAddress | 'forged' | undefined {
  const lower = address.toLowerCase()
  const at = lower.lastIndexOf('@')
  const [local, domain] = at < 0 ? [lower, places.domain] : [lower.slice(0, at), lower.slice(at + 1)]
  const bounced = parseVerp(keys.verp, address)
  if (bounced !== undefined) return { kind: 'bounce', messageId: bounced }
  const unwanted = parseUnsubscribeAddress(keys.unsubscribe, address)
  if (unwanted !== undefined) return { kind: 'unsubscribe', messageId: unwanted }
  if (LOOKS_SIGNED.test(local)) return 'forged'
  if (places.complaintAddresses.has(lower)) return { kind: 'complaints' }
  if (domain !== undefined && domain === places.domain && ROLES.has(local)) return { kind: 'complaints' }
  return domain !== undefined && places.replyDomains.has(domain) ? { kind: 'replies' } : undefined
}
