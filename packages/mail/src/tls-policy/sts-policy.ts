import { policyFields } from './policy-record.ts'

/** What a domain asks of those who send to it (RFC 8461 5). */
export type StsMode = 'enforce' | 'testing' | 'none'

/** RFC 8461 3.2. */
export interface StsPolicy {
  readonly mode: StsMode
  /** Lower case, without a final dot; `*.` stands for exactly one label. Empty only in mode `none`. */
  readonly mx: readonly string[]
  /** How long it may be followed without being fetched again. */
  readonly maxAgeSeconds: number
}

export type StsPolicyRead =
  | { readonly kind: 'policy'; readonly policy: StsPolicy }
  | { readonly kind: 'invalid'; readonly reason: string }

/** RFC 8461 3.3: a policy is small; 64 kilobytes are more than enough. */
export const MAX_STS_POLICY_OCTETS = 64 * 1024
/** About a year (RFC 8461 3.2). */
export const MAX_STS_AGE_SECONDS = 31_557_600
/** A policy with more patterns than this is no list of mail hosts. */
const MAX_STS_MX = 256

const FIELD = /^([A-Za-z0-9][A-Za-z0-9_.-]{0,31}):[ \t]*(.*?)[ \t]*$/
const PATTERN =
  /^(?:\*\.)?(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/

/** The id of the policy as `_mta-sts.DOMAIN` TXT says; undefined when the domain has no policy (RFC 8461 3.1). */
export function parseStsRecord(records: readonly string[]): string | undefined {
  const id = policyFields(records, 'STSv1')?.get('id')
  return id !== undefined && /^[A-Za-z0-9]{1,32}$/.test(id) ? id : undefined
}

/**
 * Reads the policy file (RFC 8461 3.2). Lines end with LF or CRLF; of a field that comes twice the first counts; fields
 * that are not known, and lines that are none, are passed over. A value that breaks the rules makes the whole policy
 * invalid: half a policy would refuse mail that its owner wants.
 */
export function parseStsPolicy(text: string): StsPolicyRead {
  if (text.length > MAX_STS_POLICY_OCTETS) return invalid('it is longer than 64 kilobytes')
  const first = new Map<string, string>()
  const mx: string[] = []
  for (const line of text.split(/\r?\n/)) {
    const [, name, value] = FIELD.exec(line) ?? []
    if (name === undefined || value === undefined) continue
    if (name === 'mx') mx.push(value.toLowerCase().replace(/\.$/, ''))
    else if (!first.has(name)) first.set(name, value)
  }
  if (first.get('version') !== 'STSv1') return invalid('its version is not STSv1')
  const mode = modeOf(first.get('mode'))
  if (mode === undefined) return invalid('its mode is not enforce, testing or none')
  const age = first.get('max_age') ?? ''
  if (!/^\d{1,10}$/.test(age)) return invalid('its max_age is not a number of seconds')
  if (mx.length > MAX_STS_MX) return invalid(`it has more than ${MAX_STS_MX} mx patterns`)
  const bad = mx.find((pattern) => !PATTERN.test(pattern))
  if (bad !== undefined) return invalid(`${JSON.stringify(bad.slice(0, 80))} is no mx pattern`)
  if (mx.length === 0 && mode !== 'none') return invalid('it names no mx')
  return { kind: 'policy', policy: { mode, mx, maxAgeSeconds: Math.min(Number(age), MAX_STS_AGE_SECONDS) } }
}

/** Whether mail may go to this host under the policy (RFC 8461 4.1). */
export function matchesStsMx(policy: StsPolicy, host: string): boolean {
  const name = host.toLowerCase().replace(/\.$/, '')
  const dot = name.indexOf('.')
  const parent = dot > 0 ? `*${name.slice(dot)}` : undefined
  return policy.mx.some((pattern) => pattern === name || pattern === parent)
}

/** The lines of the policy, as reports quote it (RFC 8460 4.2). */
export function stsPolicyLines(policy: StsPolicy): string[] {
  return [
    'version: STSv1',
    `mode: ${policy.mode}`,
    ...policy.mx.map((pattern) => `mx: ${pattern}`),
    `max_age: ${policy.maxAgeSeconds}`,
  ]
}

function modeOf(text: string | undefined): StsMode | undefined {
  return text === 'enforce' || text === 'testing' || text === 'none' ? text : undefined
}

function invalid(reason: string): StsPolicyRead {
  return { kind: 'invalid', reason }
}
