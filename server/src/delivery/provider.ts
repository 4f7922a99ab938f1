import { PROVIDER_SUFFIXES } from './provider-suffixes.ts'

const providerBySuffix = new Map<string, string>()
for (const [provider, suffixes] of Object.entries(PROVIDER_SUFFIXES)) {
  for (const suffix of suffixes) providerBySuffix.set(suffix, provider)
}

/** Second levels under which names are registered in many countries (`example.co.uk`). */
const REGISTRY_LABELS = new Set([
  'ac',
  'co',
  'com',
  'edu',
  'go',
  'gob',
  'gov',
  'gv',
  'ne',
  'net',
  'nom',
  'or',
  'org',
])

/**
 * Who runs the mailboxes of a domain, from the names of its MX hosts, best first: a provider that is known by its
 * suffix, else the site (the registrable domain of the best host, so `mx1.` and `mx2.` of one site are one provider).
 * Throws when there is no host.
 */
export function providerOf(mxHosts: readonly string[]): string {
  return explainProvider(mxHosts).provider
}

/** The same, with the reason in words for a person. */
export function explainProvider(mxHosts: readonly string[]): { provider: string; reason: string } {
  const best = mxHosts[0]
  if (best === undefined) throw new RangeError('A provider is found from at least one MX host.')
  const name = best.toLowerCase().replace(/\.$/, '')
  const known = knownProvider(name)
  if (known !== undefined)
    return { provider: known.provider, reason: `The best mail host, ${name}, ends in ${known.suffix}.` }
  const site = siteOf(name)
  return { provider: site, reason: `Nobody known runs the best mail host, ${name}: it goes by its site.` }
}

function knownProvider(name: string): { provider: string; suffix: string } | undefined {
  // From the whole name to its last label: the longest suffix comes first, and always begins at a label.
  for (let rest = name; rest !== '';) {
    const provider = providerBySuffix.get(rest)
    if (provider !== undefined) return { provider, suffix: rest }
    const dot = rest.indexOf('.')
    rest = dot < 0 ? '' : rest.slice(dot + 1)
  }
  return undefined
}

/** The last two labels, or three below a country's registry label. */
function siteOf(name: string): string {
  const labels = name.split('.')
  const country = labels.at(-1) ?? ''
  const isThree = country.length === 2 && REGISTRY_LABELS.has(labels.at(-2) ?? '')
  return labels.slice(isThree ? -3 : -2).join('.')
}
