import { isIP } from 'node:net'
import type { Clock } from '#platform/clock.ts'
import { connectFirst } from './connect-first.ts'
import { openConnection, type ConnectionOptions, type SmtpConnection } from './smtp-connection.ts'
import type { HostMemory } from './host-memory.ts'
import { openWire } from './smtp-wire.ts'
import type { TlsTry } from './tls-rule.ts'
import type { SendResult, SendRoute, SmtpTimeouts } from './transport.ts'

/** One opening tries no more addresses than this. */
const MAX_TRIES = 5

export interface OpenFailure {
  readonly result: SendResult
  readonly transcript: string
  readonly mxHost: string | null
  readonly mxAddress: string | null
  readonly tlsTries: readonly TlsTry[]
}

interface OpenDeps {
  readonly hosts: HostMemory
  readonly clock: Clock
  readonly timeouts: SmtpTimeouts
}

interface Candidate {
  readonly host: string
  readonly priority: number
  readonly address: string
}

/**
 * Connects to the best host of the route that takes a connection: addresses of one preference race each other, and a
 * lower preference is tried when all before it have failed (RFC 5321 5.1). The failure is that of the last one tried.
 */
export async function openRoute(deps: OpenDeps, route: SendRoute): Promise<SmtpConnection | OpenFailure> {
  let failure = untried(deps.hosts, route)
  let transcript = ''
  const tlsTries: TlsTry[] = []
  let left = candidates(deps.hosts, route)
  while (left.length > 0) {
    const best = left.filter((one) => one.priority === left[0]?.priority)
    const tried = await connectFirst(deps.clock, best, (one, signal) =>
      openWire({ ...optionsFor(deps, route, one, tlsTries), connectMs: deps.timeouts.connectMs, signal }),
    )
    for (const { candidate, wire } of tried) {
      const { host, address } = candidate
      const opened = await openConnection(optionsFor(deps, route, candidate, tlsTries), wire)
      if (opened.tlsBroken && route.tls === 'opportunistic') deps.hosts.tlsBroke(address)
      if (opened.kind === 'open') {
        deps.hosts.worked(address)
        return opened.connection
      }
      transcript += opened.transcript
      failure = { result: opened.result, transcript, mxHost: host, mxAddress: address, tlsTries }
      if (opened.isOurs) return failure
      // A server that says why it does not take us is alive: its lane slows down, but the address is not avoided.
      // One that breaks a rule of one domain is still good for the mail of others.
      const brokeRule =
        route.tlsRules?.has(host) === true && opened.result.kind === 'broken' && opened.result.phase === 'tls'
      if (opened.result.kind !== 'reply' && !brokeRule) deps.hosts.failed(address)
    }
    left = left.filter((one) => !tried.some(({ candidate }) => candidate === one))
  }
  return failure
}

function optionsFor(
  deps: OpenDeps,
  route: SendRoute,
  { host, address }: Candidate,
  tlsTries: TlsTry[],
): ConnectionOptions {
  const tlsRule = route.tlsRules?.get(host)
  const tls = tlsRule?.isEnforced === true ? 'required' : route.tls
  const isPlain = tls === 'opportunistic' && deps.hosts.isTlsBroken(address)
  return {
    host,
    address,
    port: route.port,
    localAddress: route.localAddress,
    ehloName: route.ehloName,
    tls: isPlain ? 'none' : tls,
    tlsRule,
    tlsTries,
    isImplicitTls: route.isImplicitTls,
    auth: route.auth,
    tlsSession: deps.hosts.tlsSession(`${address}|${route.port}|${host}|${route.tls}`),
    noChunking: deps.hosts.isChunkingBroken(address),
    onBdatBroken: () => deps.hosts.chunkingBroke(address),
    timeouts: deps.timeouts,
    clock: deps.clock,
  }
}

/** In the order in which they are tried: hosts as they come, and in each preference IPv4 and IPv6 by turns. */
function candidates(hosts: HostMemory, route: SendRoute): Candidate[] {
  const possible = reachable(route).filter((one) => hosts.waitMs(one.address) === 0)
  const groups = Map.groupBy(possible, (one) => one.priority)
  return [...groups.values()].flatMap(byTurns).slice(0, MAX_TRIES)
}

/** The addresses that the source can speak to: from an IPv4 address only IPv4 is reached, and the same for IPv6. */
function reachable(route: SendRoute): Candidate[] {
  const family = route.localAddress === undefined ? 0 : isIP(route.localAddress)
  return route.hosts
    .flatMap(({ name, priority, addresses }) =>
      addresses.map((address) => ({ host: name, priority, address })),
    )
    .filter((one) => family === 0 || isIP(one.address) === family)
}

/** IPv4 first: the reputation of a sender is that of its addresses, and changes with every change between families. */
function byTurns(all: readonly Candidate[]): Candidate[] {
  const v4 = all.filter((one) => isIP(one.address) === 4)
  const v6 = all.filter((one) => isIP(one.address) !== 4)
  return Array.from({ length: Math.max(v4.length, v6.length) }).flatMap((_, n) => [
    ...v4.slice(n, n + 1),
    ...v6.slice(n, n + 1),
  ])
}

/** The answer when there was nothing to try: every address failed a short time ago, or is of another family. */
function untried(hosts: HostMemory, route: SendRoute): OpenFailure {
  const nowhere = { transcript: '', mxHost: null, mxAddress: null, tlsTries: [] }
  const addresses = reachable(route).map((one) => one.address)
  if (addresses.length === 0 && route.localAddress !== undefined) {
    const error = `no mail host of the domain has an address of the family of ${route.localAddress}, from which this mail leaves`
    return { ...nowhere, result: { kind: 'broken', phase: 'connect', error, dotSent: false } }
  }
  const result: SendResult = {
    kind: 'unsent',
    reason: 'no_connection',
    error: 'no mail host of the domain could be reached a short time ago',
    retryAfterMs: addresses.length === 0 ? 0 : Math.min(...addresses.map((one) => hosts.waitMs(one))),
  }
  return { ...nowhere, result }
}
