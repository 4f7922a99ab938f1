import { matchesStsMx, stsPolicyLines, type StsPolicy } from '@pigeon/mail/tls-policy/sts-policy.ts'
import { DANE_TA, formatTlsa } from '@pigeon/mail/tls-policy/tlsa-record.ts'
import type { ReportedPolicy } from '@pigeon/mail/tls-policy/tls-report.ts'
import type { MxHost } from '#delivery/resolver.ts'
import type { TlsFailure, TlsRule } from '#delivery/transport/tls-rule.ts'
import type { FoundSts } from './sts-policies.ts'
import type { HostDane } from './tlsa-lookup.ts'

/** What was found out about a domain and its mail hosts. */
export interface TlsFacts {
  readonly domain: string
  readonly hosts: readonly MxHost[]
  /** By the name of the host; absent: DANE does not apply. */
  readonly dane: ReadonlyMap<string, HostDane>
  readonly sts: FoundSts
  /** Authorities (PEM) in place of the known ones. */
  readonly ca?: string | undefined
}

/** A host that mail must not go to now, and why. */
export interface RefusedHost {
  readonly name: string
  readonly failure: TlsFailure
}

/** How mail for a domain must be protected on its way. */
export interface TlsDecision {
  readonly domain: string
  /** Where mail may go, in the order of the MX records. Empty: nowhere for now. */
  readonly hosts: readonly MxHost[]
  /** What each of them must show; a host without a rule takes mail as the installation's own policy says. */
  readonly rules: ReadonlyMap<string, TlsRule>
  readonly refused: readonly RefusedHost[]
  /** What reports say that sessions were held to. */
  readonly policy: ReportedPolicy
  readonly stsMode: StsPolicy['mode'] | null
  /** The policy itself could not be had: reports count each session as failed. */
  readonly fault: TlsFailure | null
}

const STS_DEMAND =
  "The MTA-STS policy of the recipient's domain requires verified TLS: its operator must correct the mail host or the policy."
const DANE_DEMAND =
  'The TLSA records of the mail host (DANE) require it: its operator must correct the host or the records.'
/** A report that quotes more lines of a policy is not read for them. */
const MAX_LINES = 64

/**
 * Joins what DANE and MTA-STS ask. DANE goes before MTA-STS where a host has TLSA records (RFC 8461 2); a host whose
 * records could not be asked for is not used, because what they say might forbid it (RFC 7672 2.1.2).
 */
export function decideTls(facts: TlsFacts): TlsDecision {
  const rules = new Map<string, TlsRule>()
  const refused: RefusedHost[] = []
  for (const { name } of facts.hosts) {
    const verdict = judge(facts, name)
    if (verdict === undefined) continue
    if ('type' in verdict) refused.push({ name, failure: verdict })
    else rules.set(name, verdict)
  }
  const isOut = new Set(refused.map((host) => host.name))
  return {
    domain: facts.domain,
    hosts: facts.hosts.filter((host) => !isOut.has(host.name)),
    rules,
    refused,
    policy: reportedPolicy(facts),
    stsMode: facts.sts.kind === 'policy' ? facts.sts.policy.mode : null,
    fault: facts.sts.kind === 'unavailable' ? facts.sts.failure : null,
  }
}

/** The rule of a host, why it is out of the question, or nothing. */
function judge(facts: TlsFacts, host: string): TlsRule | TlsFailure | undefined {
  const dane = facts.dane.get(host) ?? { kind: 'none' }
  if (dane.kind === 'records') return daneRule(facts, host, dane)
  if (dane.kind === 'failed') {
    const text = `the TLSA records of ${host} could not be looked up (${dane.reason})`
    return { type: 'dnssec-invalid', reason: 'tlsa-lookup', text }
  }
  if (facts.sts.kind !== 'policy') return undefined
  const { policy } = facts.sts
  const isEnforced = policy.mode === 'enforce'
  const isListed = matchesStsMx(policy, host)
  if (isEnforced && !isListed) {
    const text = `${host} is not named in the MTA-STS policy of ${facts.domain}`
    return { type: 'validation-failure', reason: 'mx-not-in-policy', text }
  }
  return {
    isEnforced,
    proof: isListed ? { kind: 'webpki', ca: facts.ca } : { kind: 'unlisted' },
    demand: STS_DEMAND,
    key: `sts ${policy.mode} ${isListed}`,
  }
}

function daneRule(facts: TlsFacts, host: string, dane: Extract<HostDane, { kind: 'records' }>): TlsRule {
  const { base, usable } = dane
  const shared = { isEnforced: true, serverName: base, demand: DANE_DEMAND }
  if (usable.length === 0) return { ...shared, proof: { kind: 'encrypted' }, key: `tls ${base}` }
  // RFC 7672 3.2.2: the name that has the records, the host, and the domain of the address. DANE-EE looks at none of them.
  const needsName = usable.some((record) => record.usage === DANE_TA)
  const names = needsName ? [...new Set([base, host, facts.domain])] : []
  const key = `dane ${base} ${names.join(' ')} ${usable.map(formatTlsa).sort().join(',')}`
  return { ...shared, proof: { kind: 'dane', records: usable, names }, key }
}

function reportedPolicy({ domain, dane, sts }: TlsFacts): ReportedPolicy {
  const records = [...dane.values()].flatMap((host) => (host.kind === 'records' ? host.records : []))
  if (records.length > 0 || [...dane.values()].some((host) => host.kind === 'failed')) {
    const lines = [...new Set(records.map(formatTlsa))].sort().slice(0, MAX_LINES)
    return { type: 'tlsa', domain, lines, mx: [] }
  }
  if (sts.kind === 'none') return { type: 'no-policy-found', domain, lines: [], mx: [] }
  if (sts.kind === 'unavailable') return { type: 'sts', domain, lines: [], mx: [] }
  const lines = stsPolicyLines(sts.policy).slice(0, MAX_LINES)
  return { type: 'sts', domain, lines, mx: sts.policy.mx.slice(0, MAX_LINES) }
}

/** Why mail can go to no host of the domain now; undefined when it can. */
export function refusalOf(decision: TlsDecision): string | undefined {
  if (decision.hosts.length > 0) return undefined
  const causes = decision.refused.map((host) => host.failure)
  const demand = causes.some((cause) => cause.type === 'dnssec-invalid')
    ? 'Without that answer no mail may go there (DANE): the operator of its DNS must correct it.'
    : STS_DEMAND
  return `${causes.map((cause) => cause.text).join('; ')}. ${demand}`
}
