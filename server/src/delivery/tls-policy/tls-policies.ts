import { getServers } from 'node:dns'
import type { SendingMode } from '#events/email-events.ts'
import { createDnsClient, parseDnsServer, type DnsClient } from '#delivery/dns-client.ts'
import type { MailRouteSettings, ModeRoute } from '#delivery/mail-routes.ts'
import type { MxHost } from '#delivery/resolver.ts'
import type { Clock } from '#platform/clock.ts'
import type { Db } from '#platform/postgres/database.ts'
import { createStsPolicies, type StsPolicies } from './sts-policies.ts'
import { decideTls, type TlsDecision } from './tls-decision.ts'
import { createTlsaLookup, type HostDane, type TlsaLookup } from './tlsa-lookup.ts'

export interface TlsPolicies {
  /** What the recipient's domain asks of TLS. Rejects when the database does not answer. */
  decide(mode: SendingMode, domain: string, hosts: readonly MxHost[]): Promise<TlsDecision>
}

const DNS_TRY_MS = 2_000
const DNS_ROUNDS = 2

interface Way {
  readonly route: ModeRoute
  readonly sts: StsPolicies | undefined
  readonly tlsa: TlsaLookup
}

interface Deps {
  readonly db: Db
  readonly clock: Clock
  /** Whoever only looks stores no policy. */
  readonly readsOnly?: boolean
}

export function createTlsPolicies(deps: Deps, settings: MailRouteSettings): TlsPolicies {
  const ways = { live: way(deps, 'live', settings.live), sandbox: way(deps, 'sandbox', settings.sandbox) }
  return {
    decide: async (mode, domain, hosts) => {
      const { route, sts, tlsa } = ways[mode]
      const [dane, found] = await Promise.all([
        findDane(tlsa, hosts, route.port),
        sts?.find(domain) ?? { kind: 'none' as const },
      ])
      return decideTls({ domain, hosts, dane, sts: found, ca: route.sts?.ca })
    },
  }
}

function way(deps: Deps, mode: SendingMode, route: ModeRoute): Way {
  const client = dnsClientOf(route, deps.clock)
  const { sts: fetching, allowPrivate } = route
  return {
    route,
    sts:
      fetching === undefined
        ? undefined
        : createStsPolicies({ ...deps, client }, mode, { ...fetching, allowPrivate }),
    tlsa: createTlsaLookup({ client, clock: deps.clock }),
  }
}

/** Asks the name servers of a mode. */
export function dnsClientOf(route: ModeRoute, clock: Clock): DnsClient {
  const servers = route.dnsServers.length > 0 ? route.dnsServers : getServers()
  return createDnsClient({
    servers: servers.map(parseDnsServer),
    tryMs: DNS_TRY_MS,
    rounds: DNS_ROUNDS,
    clock,
    trustsAd: route.dnssec,
  })
}

async function findDane(
  tlsa: TlsaLookup,
  hosts: readonly MxHost[],
  port: number,
): Promise<Map<string, HostDane>> {
  const proven = hosts.filter((host) => host.tlsaBases !== undefined)
  const found = await Promise.all(
    proven.map(async (host) => [host.name, await tlsa.find(host.tlsaBases ?? [], port)] as const),
  )
  return new Map(found)
}
