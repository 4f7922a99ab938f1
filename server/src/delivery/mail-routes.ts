import type { SendingMode } from '#events/email-events.ts'
import type { Clock } from '#platform/clock.ts'
import { providerOf } from './provider.ts'
import { createMxResolver, type MxAnswer, type MxResolver } from './resolver.ts'

/** How mail of one mode finds its way. */
export interface ModeRoute {
  /** `address` or `address:port`; empty: those of the machine. */
  readonly dnsServers: readonly string[]
  /** Port of the receiving servers. */
  readonly port: number
  readonly allowPrivate: boolean
  /** Whether the name servers validate DNSSEC and are to be believed: DANE. */
  readonly dnssec: boolean
  /** How MTA-STS policies are fetched; absent: they are not. `ca` (PEM) stands in for the known authorities. */
  readonly sts?: { readonly port: number; readonly ca?: string }
}

export type MailRouteSettings = Readonly<Record<SendingMode, ModeRoute>>

export interface MailRoutes {
  resolve(mode: SendingMode, domain: string): Promise<MxAnswer>
  port(mode: SendingMode): number
  /** Who runs the mailboxes of a domain, for routing: a domain without an answer gets a provider that says why. */
  findProvider(mode: SendingMode, domain: string): Promise<{ provider: string; ttlMs: number }>
}

/** Domains that cannot be resolved share these names until the next look; delivery decides about each message. */
const WITHOUT_ANSWER = { null_mx: 'no-mail', no_domain: 'no-domain', temporary: 'unresolved' } as const

export function createMailRoutes(deps: { clock: Clock }, settings: MailRouteSettings): MailRoutes {
  const resolvers = {
    live: resolverFor(deps.clock, settings.live),
    sandbox: resolverFor(deps.clock, settings.sandbox),
  }
  return {
    resolve: (mode, domain) => resolvers[mode].resolve(domain),
    port: (mode) => settings[mode].port,
    findProvider: async (mode, domain) => {
      const answer = await resolvers[mode].resolve(domain)
      const ttlMs = Math.max(1, answer.ttl) * 1000
      if (answer.kind !== 'hosts') return { provider: WITHOUT_ANSWER[answer.kind], ttlMs }
      return { provider: providerOf(answer.hosts.map((host) => host.name)), ttlMs }
    },
  }
}

function resolverFor(clock: Clock, route: ModeRoute): MxResolver {
  return createMxResolver({
    clock,
    allowPrivate: route.allowPrivate,
    dnssec: route.dnssec,
    random: Math.random,
    ...(route.dnsServers.length > 0 ? { servers: route.dnsServers } : {}),
  })
}
