import { isIP } from 'node:net'
import type { DnsClient } from '#delivery/dns-client.ts'
import { isPrivateAddress } from '#delivery/private-address.ts'

/** More addresses than this are not tried. */
const MAX_ADDRESSES = 8

/**
 * Where a host that somebody else named may be connected to: never in a private network unless that is allowed. To be
 * given to a request as its look-up, so that no second answer can lead elsewhere. Never rejects.
 */
export async function findPublicAddresses(
  way: { readonly client: DnsClient; readonly allowPrivate: boolean },
  host: string,
  signal: AbortSignal,
): Promise<{ readonly address: string; readonly family: number }[]> {
  // An address instead of a name would be connected to without a look-up.
  if (isIP(host.replace(/^\[|\]$/g, '')) !== 0) return []
  const results = await Promise.all([
    way.client.query(host, 'A', signal),
    way.client.query(host, 'AAAA', signal),
  ])
  const answers = results.flatMap((result) => (result.kind === 'answer' ? result.answers : []))
  return answers
    .flatMap((record) => (record.type === 'A' || record.type === 'AAAA' ? [record.data] : []))
    .filter((address) => isIP(address) !== 0 && (way.allowPrivate || !isPrivateAddress(address)))
    .slice(0, MAX_ADDRESSES)
    .map((address) => ({ address, family: isIP(address) }))
}
