import type { MxHost, Profile } from './profile.ts'
import { profiles } from './provider-catalog.ts'
import { seededHash } from './seeded-hash.ts'

const byOwnDomain = new Map(
  profiles.flatMap((profile) => profile.domains.map((domain) => [domain, profile] as const)),
)
const hosting = profiles.filter((profile) => profile.weight > 0)
const totalWeight = hosting.reduce((sum, profile) => sum + profile.weight, 0)

/** Who runs the mailboxes of a domain: the owner when it is a provider's own, otherwise chosen by the seed. */
export function providerOfDomain(seed: number, domain: string): Profile {
  const name = domain.toLowerCase()
  return byOwnDomain.get(name) ?? ownerByParent(name) ?? chosenBySeed(seed, name)
}

/** MX hosts of a domain in order of preference. */
export function mxHostsOf(seed: number, domain: string): readonly MxHost[] {
  const name = domain.toLowerCase()
  const profile = providerOfDomain(seed, name)
  const hosts = byOwnDomain.has(name) ? profile.ownMx : profile.hostedMx
  return hosts.map(({ preference, exchange }) => ({
    preference,
    exchange: exchange.replace('{domain}', name).replace('{dashed}', name.replaceAll('.', '-')),
  }))
}

/** Whose server a host name is: by its ending, as one tells real MX hosts apart; a bare domain is its host's. */
export function providerOfHost(seed: number, host: string): Profile {
  const name = host.toLowerCase()
  const bySuffix = profiles.find((profile) => profile.hostSuffixes.some((suffix) => isWithin(name, suffix)))
  return bySuffix ?? providerOfDomain(seed, name)
}

export function isWithin(name: string, parent: string): boolean {
  return name === parent || name.endsWith(`.${parent}`)
}

/** mx1.smallisp.example and mail.plain.example belong to the owner of the domain above them. */
function ownerByParent(name: string): Profile | undefined {
  for (let dot = name.indexOf('.'); dot !== -1; dot = name.indexOf('.', dot + 1)) {
    const owner = byOwnDomain.get(name.slice(dot + 1))
    if (owner !== undefined) return owner
  }
  return undefined
}

function chosenBySeed(seed: number, domain: string): Profile {
  let ticket = seededHash(seed, `domain ${domain}`) % totalWeight
  for (const profile of hosting) {
    ticket -= profile.weight
    if (ticket < 0) return profile
  }
  return profiles[0]
}
