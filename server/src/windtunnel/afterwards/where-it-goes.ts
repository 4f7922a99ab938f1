import { isIPv4 } from 'node:net'
import { answerQuestion } from '#windtunnel/dns-answers.ts'
import type { DnsRules } from '#windtunnel/dns-answers.ts'

/**
 * The loopback address to which the windtunnel's DNS leads mail for a domain; undefined when there is none, when it is no
 * address of this machine, or when it is a simulated provider's: that mail would stay in the windtunnel.
 */
export function mailHostOf(rules: DnsRules, domain: string): string | undefined {
  const hosts = (answerQuestion(rules, { name: domain, type: 'MX' })?.answers ?? [])
    .flatMap((answer) => (answer.type === 'MX' ? [answer.data] : []))
    .toSorted((a, b) => (a.preference ?? 0) - (b.preference ?? 0))
  const simulated = new Set(rules.providers.profiles.map(({ address }) => address))
  for (const { exchange } of hosts) {
    const address = (answerQuestion(rules, { name: exchange, type: 'A' })?.answers ?? []).find(
      ({ type }) => type === 'A',
    )
    if (address?.type === 'A' && isLoopback(address.data) && !simulated.has(address.data)) return address.data
  }
  return undefined
}

/** Whether a link leads to this machine, or to the installation's own address: nothing else is ever asked. */
export function isOurLink(url: string, publicUrl: string): boolean {
  if (!URL.canParse(url)) return false
  const { protocol, hostname, origin } = new URL(url)
  if (protocol !== 'http:' && protocol !== 'https:') return false
  if (hostname === 'localhost' || hostname === '[::1]' || isLoopback(hostname)) return true
  return URL.canParse(publicUrl) && origin === new URL(publicUrl).origin
}

function isLoopback(address: string): boolean {
  return isIPv4(address) && address.startsWith('127.')
}
