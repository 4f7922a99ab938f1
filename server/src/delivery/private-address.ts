import { BlockList, isIP } from 'node:net'

/** Ranges that are not the public Internet (IANA special-purpose registries, RFC 6890 and later). */
const PRIVATE_V4: readonly (readonly [network: string, bits: number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
]
const PRIVATE_V6: readonly (readonly [network: string, bits: number])[] = [
  ['::', 96],
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001:db8::', 32],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
]

const blocked = new BlockList()
for (const [network, bits] of PRIVATE_V4) {
  blocked.addSubnet(network, bits, 'ipv4')
  // The same ranges written as IPv6: mapped (RFC 4291), NAT64 (RFC 6052) and 6to4 (RFC 3056).
  blocked.addSubnet(`::ffff:${network}`, 96 + bits, 'ipv6')
  blocked.addSubnet(`64:ff9b::${network}`, 96 + bits, 'ipv6')
  blocked.addSubnet(`2002:${hexPair(network)}::`, 16 + bits, 'ipv6')
}
for (const [network, bits] of PRIVATE_V6) blocked.addSubnet(network, bits, 'ipv6')

/**
 * Whether mail must not go to this address: loopback, private, link-local, shared, documentation, multicast, or an
 * IPv6 spelling of one of them. What is not an IP address at all counts as private.
 */
export function isPrivateAddress(address: string): boolean {
  const family = isIP(address)
  if (family === 0) return true
  return blocked.check(address, family === 4 ? 'ipv4' : 'ipv6')
}

function hexPair(v4: string): string {
  const [a = 0, b = 0, c = 0, d = 0] = v4.split('.').map(Number)
  return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
}
