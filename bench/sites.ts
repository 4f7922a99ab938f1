/** A receiving site with an MX host of its own: a provider, as Pigeon sees it. */
export interface Site {
  readonly domain: string
  readonly mxHost: string
  readonly address: string
}

/** Addresses of one byte. */
const IN_A_NET = 250

/** `count` sites on loopback addresses, in networks from 127.20.`net` on. */
export function sitesFor(count: number, net = 1): Site[] {
  return Array.from({ length: count }, (_, n) => ({
    domain: `inbox${n + 1}.example`,
    mxHost: `mx.bench-site${n + 1}.example`,
    address: `127.20.${net + Math.floor(n / IN_A_NET)}.${(n % IN_A_NET) + 1}`,
  }))
}

export function addressesOf(sites: readonly Site[]): string[] {
  return sites.map((site) => site.address)
}
