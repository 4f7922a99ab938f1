/** What bulk mail is kept from, and what is not worth a detour, differ. */
export type MessageClass = 'bulk' | 'transactional'

/** What a route is chosen by. */
export interface RoutedMessage {
  readonly tenantId: string
  readonly campaignId: string | null
  readonly class: MessageClass
  /** Of the recipient: google, microsoft, ... */
  readonly provider: string
  readonly fromDomain: string
}

/** Each condition that is given must hold; it holds when one of its values does. None at all: every message. */
export interface RuleConditions {
  readonly tenant?: readonly string[]
  readonly campaign?: readonly string[]
  readonly class?: readonly MessageClass[]
  readonly provider?: readonly string[]
  /** Domains of From; `*.example.com` is every domain below it. */
  readonly fromDomain?: readonly string[]
}

export interface Candidate {
  readonly source: string
  /** Lower ones are tried first; among equal ones `weight` decides. */
  readonly order: number
  /** Share of what goes to its order; 0: none as long as another is there. */
  readonly weight: number
}

export interface RoutingRule {
  readonly when: RuleConditions
  readonly candidates: readonly Candidate[]
  /** When none of them can be used: wait for them, or look at the rules after this one. */
  readonly otherwise: 'wait' | 'next_rule'
}

/** A named set of sources, and the rules by which they are chosen. The first rule that fits decides. */
export interface RoutingPool {
  readonly name: string
  readonly rules: readonly RoutingRule[]
}

/** Whether the rule is for this message. */
export function fits({ when }: RoutingRule, message: RoutedMessage): boolean {
  return (
    holds(when.tenant, message.tenantId) &&
    holds(when.campaign, message.campaignId) &&
    holds(when.class, message.class) &&
    holds(when.provider, message.provider) &&
    (when.fromDomain === undefined || when.fromDomain.some((one) => isDomain(one, message.fromDomain)))
  )
}

/** `provider=google or yahoo, class=bulk`; `every message` without conditions. */
export function describeRule({ when }: RoutingRule): string {
  const words = Object.entries(when).map(([name, values]) => `${name}=${values.join(' or ')}`)
  return words.length === 0 ? 'every message' : words.join(', ')
}

function holds<T>(values: readonly T[] | undefined, value: T | null): boolean {
  return values === undefined || (value !== null && values.includes(value))
}

function isDomain(pattern: string, domain: string): boolean {
  const wanted = pattern.toLowerCase()
  const given = domain.toLowerCase()
  return wanted.startsWith('*.') ? given.endsWith(wanted.slice(1)) : given === wanted
}
