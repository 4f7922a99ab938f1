import { parseDomain } from '@pigeon/mail/address.ts'
import type { MessageClass } from '#platform/postgres/database.gen.ts'
import { Problem, type FieldError } from '#platform/problem.ts'

export const RULE_LIMITS = {
  /** Of an installation: each message asks them one by one. */
  rules: 200,
  valuesOfCondition: 100,
  providerChars: 255,
} as const

/** What a pool is chosen by. */
export interface RoutedMessage {
  readonly tenantId: string
  readonly campaignId: string | null
  readonly messageClass: MessageClass
  /** Of the recipient: google, microsoft, ... */
  readonly provider: string
  readonly fromDomain: string
}

/** Each condition that is not null must hold; it holds when one of its values does. All null: every message. */
export interface RuleConditions {
  readonly tenant_ids: readonly string[] | null
  readonly campaign_ids: readonly string[] | null
  readonly message_classes: readonly MessageClass[] | null
  readonly providers: readonly string[] | null
  /** Domains of From, in lower case; `*.example.com` is every domain below it. */
  readonly from_domains: readonly string[] | null
}

/** The pool of the messages that its conditions are for. */
export interface RoutingRule extends RuleConditions {
  readonly id: string
  /** 1 is asked first. */
  readonly position: number
  readonly pool_id: string
}

/** Whether the rule is for this message. */
export function fits(rule: RuleConditions, message: RoutedMessage): boolean {
  return (
    holds(rule.tenant_ids, message.tenantId) &&
    holds(rule.campaign_ids, message.campaignId) &&
    holds(rule.message_classes, message.messageClass) &&
    holds(rule.providers, message.provider) &&
    (rule.from_domains === null || rule.from_domains.some((one) => isDomain(one, message.fromDomain)))
  )
}

const WORDS: readonly (readonly [keyof RuleConditions, string])[] = [
  ['tenant_ids', 'tenant'],
  ['campaign_ids', 'campaign'],
  ['message_classes', 'class'],
  ['providers', 'provider'],
  ['from_domains', 'from'],
]

/** `provider=google or yahoo, class=bulk`; `every message` without conditions. */
export function describeRule(rule: RuleConditions): string {
  const words = WORDS.flatMap(([field, word]) => {
    const values = rule[field]
    return values === null ? [] : [`${word}=${values.join(' or ')}`]
  })
  return words.length === 0 ? 'every message' : words.join(', ')
}

/** As they are stored. Problem `routing_rules.bad_domain` names the domain that is none. */
export function normalDomains(domains: readonly string[] | null): readonly string[] | null {
  if (domains === null) return null
  const errors: FieldError[] = []
  const normal = domains.map((text, index) => {
    const below = text.startsWith('*.')
    const parsed = parseDomain(below ? text.slice(2) : text)
    if (parsed.ok) return `${below ? '*.' : ''}${parsed.domain}`
    const message = `${text} is not a domain. ${parsed.message} Write example.com, or *.example.com for those below it.`
    errors.push({ field: `from_domains[${index}]`, code: parsed.code, message })
    return ''
  })
  const [first] = errors
  if (first === undefined) return normal
  throw new Problem('invalid', 'routing_rules.bad_domain', first.message, { errors })
}

function holds<T>(values: readonly T[] | null, value: T | null): boolean {
  return values === null || (value !== null && values.includes(value))
}

function isDomain(pattern: string, domain: string): boolean {
  const given = domain.toLowerCase()
  return pattern.startsWith('*.') ? given.endsWith(pattern.slice(1)) : given === pattern
}
