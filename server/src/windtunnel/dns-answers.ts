import type { Answer, Question } from 'dns-packet'
import { MTA_STS_ADDRESS, stsRecord } from './mta-sts.ts'
import type { StsLookup } from './mta-sts.ts'
import { isWithin } from './provider-lookup.ts'
import type { ProviderLookup } from './provider-lookup.ts'
import type { Zone } from './zone.ts'

/** A TXT record is a list of strings of at most 255 bytes (RFC 1035, 3.3). */
const MAX_STRING_BYTES = 255
const MAX_CNAMES = 8
const NEGATIVE_TTL_S = 30

export const RCODE = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4 } as const
export type Rcode = (typeof RCODE)[keyof typeof RCODE]

export interface DnsReply {
  readonly rcode: Rcode
  readonly answers: Answer[]
  readonly authorities: Answer[]
}

/** Domains that behave in a fixed way, together with everything below them. */
export const SPECIAL_DOMAINS = {
  nxdomain: 'nxdomain.example',
  servfail: 'servfail.example',
  nullMx: 'nullmx.example',
  noMx: 'nomx.example',
  timeout: 'timeout.example',
} as const

/** What answers are made of. */
export interface DnsRules {
  readonly zone: Zone
  readonly providers: ProviderLookup
  readonly sts: StsLookup
  readonly ttlSeconds: number
  /** The domain whose mail comes back to this machine, together with everything below it. */
  readonly inboundDomain?: string | undefined
}

/** The answer to one question: published records first, then what the providers make up. Undefined: no answer at all. */
export function answerQuestion(rules: DnsRules, question: Question): DnsReply | undefined {
  const name = question.name.toLowerCase()
  if (isWithin(name, SPECIAL_DOMAINS.timeout)) return undefined
  if (isWithin(name, SPECIAL_DOMAINS.servfail)) return { rcode: RCODE.SERVFAIL, answers: [], authorities: [] }
  const answers: Answer[] = []
  let target = question.name
  for (let hops = 0; hops < MAX_CNAMES; hops++) {
    const [alias] = rules.zone.lookup(target, 'CNAME')
    if (alias === undefined || question.type === 'CNAME') break
    answers.push({ type: 'CNAME', name: target, class: 'IN', ttl: rules.ttlSeconds, data: alias })
    target = alias
  }
  answers.push(...recordsOf(rules, target, question.type))
  if (answers.length > 0) return { rcode: RCODE.NOERROR, answers, authorities: [] }
  const rcode = exists(rules, target.toLowerCase()) ? RCODE.NOERROR : RCODE.NXDOMAIN
  return { rcode, answers, authorities: [startOfAuthority(target)] }
}

function recordsOf(rules: DnsRules, name: string, type: Question['type']): Answer[] {
  const head = { name, class: 'IN', ttl: rules.ttlSeconds } as const
  switch (type) {
    case 'MX':
      return mxOf(rules, name).map((data) => ({ ...head, type: 'MX', data }))
    case 'A':
      return addressesOf(rules, name).map((data) => ({ ...head, type: 'A', data }))
    case 'AAAA':
      return rules.zone.lookup(name, 'AAAA').map((data) => ({ ...head, type: 'AAAA', data }))
    case 'TXT':
      return textsOf(rules, name).map((text) => ({ ...head, type: 'TXT', data: splitText(text) }))
    case 'CNAME':
      return rules.zone.lookup(name, 'CNAME').map((data) => ({ ...head, type: 'CNAME', data }))
    default:
      return []
  }
}

function mxOf(rules: DnsRules, name: string): { preference: number; exchange: string }[] {
  const published = rules.zone.lookup(name, 'MX')
  if (published.length > 0) {
    return published.map((data) => {
      const [preference = '0', exchange = '.'] = data.split(' ')
      return { preference: Number(preference), exchange }
    })
  }
  const lower = name.toLowerCase()
  if (isInbound(rules, lower)) return [{ preference: 10, exchange: `${INBOUND_HOST}${rules.inboundDomain}` }]
  if (!isMadeUp(lower) || isWithin(lower, SPECIAL_DOMAINS.noMx)) return []
  if (isWithin(lower, SPECIAL_DOMAINS.nullMx)) return [{ preference: 0, exchange: '.' }]
  return rules.providers.mxHosts(lower).map((host) => ({ ...host }))
}

function addressesOf(rules: DnsRules, name: string): readonly string[] {
  const published = rules.zone.lookup(name, 'A')
  if (published.length > 0) return published
  const lower = name.toLowerCase()
  if (isInbound(rules, lower)) return [INBOUND_ADDRESS]
  if (!isMadeUp(lower)) return []
  // The domain without MX leads to the provider that accepts everything: it is about the way, not about habits.
  const host = isWithin(lower, SPECIAL_DOMAINS.noMx) ? 'plain.example' : lower
  const policyOf = host.startsWith(POLICY_HOST) ? rules.sts(host.slice(POLICY_HOST.length)) : undefined
  return [policyOf === undefined ? rules.providers.ofHost(host).address : MTA_STS_ADDRESS]
}

const INBOUND_HOST = 'mx.'
const INBOUND_ADDRESS = '127.0.0.1'

function isInbound({ inboundDomain }: DnsRules, name: string): boolean {
  return inboundDomain !== undefined && isWithin(name, inboundDomain)
}

/** Where the policy of RFC 8461 is looked for, and where it is announced. */
const POLICY_HOST = 'mta-sts.'
const POLICY_RECORD = '_mta-sts.'

function textsOf(rules: DnsRules, name: string): readonly string[] {
  const published = rules.zone.lookup(name, 'TXT')
  const lower = name.toLowerCase()
  if (published.length > 0 || !lower.startsWith(POLICY_RECORD)) return published
  const policy = rules.sts(lower.slice(POLICY_RECORD.length))
  return policy === undefined ? [] : [stsRecord(policy)]
}

/** Any name is somebody's domain, except those said not to exist and service names such as _dmarc.x. */
function isMadeUp(name: string): boolean {
  const isForbidden = isWithin(name, SPECIAL_DOMAINS.nxdomain) || isWithin(name, 'invalid')
  return !isForbidden && name.includes('.') && !name.startsWith('_') && !name.includes('._')
}

function exists(rules: DnsRules, name: string): boolean {
  return isMadeUp(name) || rules.zone.has(name)
}

function splitText(text: string): Buffer[] {
  const bytes = Buffer.from(text, 'utf8')
  const strings: Buffer[] = []
  for (let at = 0; at === 0 || at < bytes.length; at += MAX_STRING_BYTES)
    strings.push(bytes.subarray(at, at + MAX_STRING_BYTES))
  return strings
}

/** Says for how long "there is none" may be remembered (RFC 2308). */
function startOfAuthority(name: string): Answer {
  const parent = name.split('.').slice(-2).join('.')
  return {
    type: 'SOA',
    name: parent,
    class: 'IN',
    ttl: NEGATIVE_TTL_S,
    data: {
      mname: 'ns.windtunnel.example',
      rname: 'hostmaster.windtunnel.example',
      serial: 1,
      refresh: 3600,
      retry: 600,
      expire: 86_400,
      minimum: NEGATIVE_TTL_S,
    },
  }
}
