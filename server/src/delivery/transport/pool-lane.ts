import { allOf, createRateLimit, type Rate, type RateLimit } from '#delivery/lanes/rate-limit.ts'
import type { PoolJob } from './pool-job.ts'
import type { SmtpConnection } from './smtp-connection.ts'
import { loginKey } from './smtp-auth.ts'
import { tlsKey } from './tls-rule.ts'
import type { ConnectionLimits, SendRoute } from './transport.ts'

export interface PooledConnection {
  readonly connection: SmtpConnection
  served: number
  idleSince: number
}

/** Everything that shares connections: one MX set, port, TLS policy and source. */
export interface Site {
  /** Of the last message: hosts of equal preference change places from one to the next. */
  route: SendRoute
  queue: PoolJob[]
  idle: PooledConnection[]
  readonly connections: Set<PooledConnection>
  connecting: number
  failures: number
  /** Which opening of the lane was its last; 0: it had none. */
  lastOpening: number
  /** Monotonic ms before which no connection is opened. */
  opensAt: number
}

/** One source to one provider. Its sites share its limit. */
export interface Lane {
  readonly key: string
  readonly sites: Map<string, Site>
  /** Connections that are open, opening or closing. */
  open: number
  openings: number
  /** An idle connection is being closed to make room for it. */
  isAsking: boolean
  /** Messages between `send` and their answer. */
  inHand: number
  /** Openings in a span of time; another object when the limits have changed. */
  pace: { readonly rates: readonly Rate[]; readonly limit: RateLimit }
  /** "Too many connections", said by the provider. */
  learned: { readonly limit: number; readonly until: number }
}

/** Messages in hand for each connection: one in work, one whose envelope goes with its content. */
export const MESSAGES_PER_CONNECTION = 2
/** Messages after which a connection gives its place to a site that has none. */
export const FAIR_SHARE = 20

export function createLane(key: string): Lane {
  return {
    key,
    sites: new Map(),
    open: 0,
    openings: 0,
    isAsking: false,
    inHand: 0,
    learned: { limit: 0, until: 0 },
    pace: { rates: [], limit: allOf([]) },
  }
}

export function siteKey(route: SendRoute): string {
  const hosts = route.hosts.map((host) => `${host.name}=${host.addresses.join('+')}`).sort()
  const tls = route.isImplicitTls === true ? 'implicit' : route.tls
  const parts = [
    route.localAddress ?? '',
    route.ehloName,
    tls,
    tlsKey(route),
    route.port,
    hosts.join(','),
    loginKey(route.auth),
  ]
  return parts.join('|')
}

export function siteOf(lane: Lane, route: SendRoute): Site {
  const key = siteKey(route)
  const known = lane.sites.get(key)
  if (known !== undefined) {
    known.route = route
    return known
  }
  const site: Site = {
    route,
    queue: [],
    idle: [],
    connections: new Set(),
    connecting: 0,
    failures: 0,
    lastOpening: 0,
    opensAt: 0,
  }
  lane.sites.set(key, site)
  return site
}

/** The address that its next connection goes to first; none for a site without hosts. */
export function firstAddress(site: Site): string {
  return site.route.hosts[0]?.addresses[0] ?? ''
}

export function laneLimit(lane: Lane, limits: ConnectionLimits, nowMs: number): number {
  return lane.learned.until > nowMs
    ? Math.min(lane.learned.limit, limits.maxConnections)
    : limits.maxConnections
}

/** Whether a connection may be opened now; then it counts. */
export function takeOpening(lane: Lane, limits: ConnectionLimits, nowMs: number): boolean {
  if (lane.pace.rates !== limits.connectionRates)
    lane.pace = { rates: limits.connectionRates, limit: allOf(limits.connectionRates.map(createRateLimit)) }
  if (lane.pace.limit.waitMs(nowMs) > 0) return false
  lane.pace.limit.take(nowMs)
  return true
}

export function isUnconnected(site: Site): boolean {
  return site.connections.size + site.connecting === 0
}

/** The first message is worth a connection, and after it every two that wait. */
export function isWorthConnection(site: Site): boolean {
  if (isUnconnected(site)) return site.queue.length > 0
  return site.queue.length >= (site.connecting + 1) * MESSAGES_PER_CONNECTION
}

/** Sites with messages that wait: those with the fewest connections first, then those that had none for longest. */
export function hungrySites(lane: Lane): Site[] {
  const hungry = [...lane.sites.values()].filter((site) => site.queue.length > 0)
  const connected = (site: Site): number => site.connections.size + site.connecting
  return hungry.sort((a, b) => connected(a) - connected(b) || a.lastOpening - b.lastOpening)
}

/** Whether a connection that has had its share must make room for a site that has none. */
export function mustYield(lane: Lane, site: Site, served: number, limit: number): boolean {
  if (lane.sites.size < 2 || lane.open < limit || served === 0 || served % FAIR_SHARE !== 0) return false
  return hungrySites(lane).some((other) => other !== site && isUnconnected(other))
}

export function isForgettable(site: Site, nowMs: number): boolean {
  return site.queue.length === 0 && isUnconnected(site) && site.opensAt <= nowMs
}
