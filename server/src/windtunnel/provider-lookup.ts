import type { MxHost, Profile } from './profile.ts'
import { seededHash } from './seeded-hash.ts'

/** Who runs the mailboxes of which domain, and whose server is which host. The same in every run with the same seed. */
export interface ProviderLookup {
  readonly profiles: readonly Profile[]
  /** The owner when it is a provider's own domain, otherwise chosen by the seed. */
  ofDomain(domain: string): Profile
  /** Whose server a host name is: by its ending, as one tells real MX hosts apart; a bare domain is its host's. */
  ofHost(host: string): Profile
  /** MX hosts of a domain in order of preference. */
  mxHosts(domain: string): readonly MxHost[]
  /** The provider whose own domain this is, if it is one. */
  owner(domain: string): Profile | undefined
  byName(name: string): Profile | undefined
}

/** Throws a RangeError when no profile hosts domains of others. */
export function createProviderLookup(profiles: readonly Profile[], seed: number): ProviderLookup {
  const byName = new Map(profiles.map((profile) => [profile.name, profile]))
  const byOwnDomain = new Map(
    profiles.flatMap((profile) => profile.domains.map((domain) => [domain, profile] as const)),
  )
  const hosting = profiles.filter((profile) => profile.weight > 0)
  const totalWeight = hosting.reduce((sum, profile) => sum + profile.weight, 0)
  const fallback = hosting[0]
  if (fallback === undefined) throw new RangeError('At least one profile has a weight.')

  /** mx1.smallisp.example and mail.plain.example belong to the owner of the domain above them. */
  const ownerByParent = (name: string): Profile | undefined => {
    for (let dot = name.indexOf('.'); dot !== -1; dot = name.indexOf('.', dot + 1)) {
      const owner = byOwnDomain.get(name.slice(dot + 1))
      if (owner !== undefined) return owner
    }
    return undefined
  }

  const chosenBySeed = (name: string): Profile => {
    let ticket = seededHash(seed, `domain ${name}`) % totalWeight
    for (const profile of hosting) {
      ticket -= profile.weight
      if (ticket < 0) return profile
    }
    return fallback
  }

  const ofDomain = (domain: string): Profile => {
    const name = domain.toLowerCase()
    return byOwnDomain.get(name) ?? ownerByParent(name) ?? chosenBySeed(name)
  }

  return {
    profiles,
    ofDomain,
    ofHost: (host) => {
      const name = host.toLowerCase()
      const bySuffix = profiles.find((profile) =>
        profile.hostSuffixes.some((suffix) => isWithin(name, suffix)),
      )
      return bySuffix ?? ofDomain(name)
    },
    mxHosts: (domain) => {
      const name = domain.toLowerCase()
      const profile = ofDomain(name)
      return (byOwnDomain.has(name) ? profile.ownMx : profile.hostedMx).map(({ preference, exchange }) => ({
        preference,
        exchange: hostFor(exchange, name),
      }))
    },
    owner: (domain) => byOwnDomain.get(domain.toLowerCase()),
    byName: (name) => byName.get(name),
  }
}

/** Fills {domain} and {dashed} in a host name of a profile. */
export function hostFor(exchange: string, domain: string): string {
  return exchange.replace('{domain}', domain).replace('{dashed}', domain.replaceAll('.', '-'))
}

export function isWithin(name: string, parent: string): boolean {
  return name === parent || name.endsWith(`.${parent}`)
}
