import { getServers } from 'node:dns'
import { isIP } from 'node:net'
import type { Answer } from 'dns-packet'
import type { Clock } from '#platform/clock.ts'
import { createDnsClient, parseDnsServer, type DnsClient, type DnsResult } from './dns-client.ts'
import { isPrivateAddress } from './private-address.ts'
import { findTlsaBases } from './tls-policy/tlsa-bases.ts'

export interface MxHost {
  readonly name: string
  readonly priority: number
  /** IP addresses, IPv4 first. Never empty. */
  readonly addresses: readonly string[]
  /** Names that may hold its TLSA records, first the best: DNSSEC proves the way to them. Absent: DANE does not apply. */
  readonly tlsaBases?: readonly string[]
}

/** Where mail for a domain goes. `ttl` is in seconds. */
export type MxAnswer =
  | { readonly kind: 'hosts'; readonly hosts: readonly MxHost[]; readonly ttl: number }
  /** RFC 7505: the domain says that it takes no mail. Permanent. */
  | { readonly kind: 'null_mx'; readonly ttl: number }
  /** The domain does not exist, or nothing of it can be connected to. */
  | { readonly kind: 'no_domain'; readonly reason: string; readonly ttl: number }
  | { readonly kind: 'temporary'; readonly reason: string; readonly ttl: number }

export interface MxResolver {
  /** Never rejects. Takes no longer than `deadlineMs`. */
  resolve(domain: string): Promise<MxAnswer>
}

export interface MxResolverOptions {
  /** `address` or `address:port`; default: those of the machine. */
  readonly servers?: readonly string[]
  readonly clock: Clock
  /** Whether private, loopback and link-local addresses may be delivered to. */
  readonly allowPrivate: boolean
  /** Whether the servers validate DNSSEC and are to be believed; default false. */
  readonly dnssec?: boolean
  /** 0 <= n < 1: orders hosts of equal preference (RFC 5321 5.1). */
  readonly random: () => number
  readonly families?: readonly (4 | 6)[]
  readonly deadlineMs?: number
  readonly tryMs?: number
  readonly minTtlSeconds?: number
  readonly maxTtlSeconds?: number
  readonly maxNegativeTtlSeconds?: number
  readonly temporaryTtlSeconds?: number
  readonly maxCached?: number
  readonly maxConcurrent?: number
  readonly maxWaiting?: number
}

const DEFAULTS = {
  families: [4, 6],
  deadlineMs: 5_000,
  tryMs: 2_000,
  minTtlSeconds: 60,
  maxTtlSeconds: 3_600,
  /** Shorter than the first retry, which is to ask again before mail for the domain is given up. */
  maxNegativeTtlSeconds: 240,
  /** A server in trouble is asked again soon, but not once a message. */
  temporaryTtlSeconds: 15,
  maxCached: 100_000,
  maxConcurrent: 64,
  maxWaiting: 10_000,
} as const

/** A domain with more MX hosts gains nothing from the rest. */
const MAX_HOSTS = 10
const MAX_ADDRESSES_PER_HOST = 8
const ROUNDS = 2

/**
 * Finds the hosts that take a domain's mail (RFC 5321 5.1). Answers are kept for their TTL, questions for one domain
 * share one look-up, and the number of look-ups at a time is bounded.
 */
export function createMxResolver(options: MxResolverOptions): MxResolver {
  const settings = { ...DEFAULTS, ...options }
  const client = createDnsClient({
    servers: (options.servers ?? getServers()).map(parseDnsServer),
    tryMs: settings.tryMs,
    rounds: ROUNDS,
    clock: options.clock,
    trustsAd: options.dnssec ?? false,
  })
  const cache = new Map<string, { readonly answer: MxAnswer; readonly until: number }>()
  const flights = new Map<string, Promise<MxAnswer>>()
  const gate = createGate(settings.maxConcurrent, settings.maxWaiting)

  function resolve(domain: string): Promise<MxAnswer> {
    const name = domain.toLowerCase().replace(/\.$/, '')
    const now = options.clock.monotonicMs()
    const known = cache.get(name)
    if (known !== undefined && known.until > now)
      return Promise.resolve(shuffled(known.answer, options.random))
    const flying = flights.get(name)
    if (flying !== undefined) return flying
    const flight = lookUp(name).finally(() => flights.delete(name))
    flights.set(name, flight)
    return flight
  }

  async function lookUp(name: string): Promise<MxAnswer> {
    if (!isHostName(name)) return { kind: 'no_domain', reason: 'not a domain name', ttl: 0 }
    const busy: MxAnswer = { kind: 'temporary', reason: 'too many DNS look-ups are waiting', ttl: 0 }
    if (!(await gate.enter())) return busy
    try {
      const answer = await withDeadline(options.clock, settings.deadlineMs, (signal) =>
        findHosts(client, name, settings, signal),
      )
      const ttl = keepFor(answer, settings)
      remember(name, { ...answer, ttl }, ttl)
      return shuffled({ ...answer, ttl }, options.random)
    } finally {
      gate.leave()
    }
  }

  function remember(name: string, answer: MxAnswer, ttl: number): void {
    // Deleted first, so that the oldest entries are at the front of the map.
    cache.delete(name)
    if (cache.size >= settings.maxCached) {
      const [oldest] = cache.keys()
      if (oldest !== undefined) cache.delete(oldest)
    }
    cache.set(name, { answer, until: options.clock.monotonicMs() + ttl * 1000 })
  }
  return { resolve }
}

type Settings = typeof DEFAULTS extends infer D
  ? { readonly [K in keyof D]: K extends 'families' ? readonly (4 | 6)[] : number } & {
      readonly allowPrivate: boolean
    }
  : never

async function findHosts(
  client: DnsClient,
  domain: string,
  settings: Settings,
  signal: AbortSignal,
): Promise<MxAnswer> {
  const mx = await client.query(domain, 'MX', signal)
  if (mx.kind === 'failure') return { kind: 'temporary', reason: mx.reason, ttl: 0 }
  const negativeTtl = mx.negativeTtl ?? settings.maxNegativeTtlSeconds
  if (!mx.exists) return { kind: 'no_domain', reason: 'the domain does not exist', ttl: negativeTtl }
  const records = exchanges(mx.answers)
  const ttl = Math.min(...records.map((record) => record.ttl))
  if (records.length > 0 && records.every((record) => record.name === '')) return { kind: 'null_mx', ttl }
  // No MX: the domain itself is the host, with preference 0 (RFC 5321 5.1).
  const wanted =
    records.length === 0
      ? [{ name: domain, priority: 0, ttl: negativeTtl }]
      : records
          .filter((record) => isHostName(record.name))
          .sort((a, b) => a.priority - b.priority)
          .slice(0, MAX_HOSTS)
  const found = await Promise.all(
    wanted.map((host) => findAddresses(client, { ...host, isProven: mx.isAuthentic }, settings, signal)),
  )
  return answerOf(found, negativeTtl)
}

interface Exchange {
  readonly name: string
  readonly priority: number
  readonly ttl: number
}

/** A host, and whether DNSSEC proves that it is one of the domain. */
type Candidate = Exchange & { readonly isProven: boolean }

function exchanges(answers: readonly Answer[]): Exchange[] {
  const found: Exchange[] = []
  for (const record of answers) {
    if (record.type !== 'MX') continue
    const name = record.data.exchange.toLowerCase().replace(/\.$/, '')
    found.push({ name, priority: record.data.preference ?? 0, ttl: record.ttl ?? 0 })
  }
  return found
}

interface HostFound extends Exchange {
  readonly addresses: readonly string[]
  readonly failure: string | undefined
  readonly isPrivate: boolean
  readonly tlsaBases: readonly string[]
}

async function findAddresses(
  client: DnsClient,
  host: Candidate,
  settings: Settings,
  signal: AbortSignal,
): Promise<HostFound> {
  const results = await Promise.all(
    settings.families.map((family) => client.query(host.name, family === 4 ? 'A' : 'AAAA', signal)),
  )
  const found = results.flatMap(addressesIn)
  const allowed = settings.allowPrivate ? found : found.filter((one) => !isPrivateAddress(one.address))
  const failure = results.find((result) => result.kind === 'failure')
  return {
    name: host.name,
    priority: host.priority,
    ttl: Math.min(host.ttl, ...allowed.map((one) => one.ttl)),
    addresses: allowed.slice(0, MAX_ADDRESSES_PER_HOST).map((one) => one.address),
    failure: failure?.reason,
    isPrivate: found.length > allowed.length,
    tlsaBases: host.isProven ? await findTlsaBases(client, host.name, results, signal) : [],
  }
}

function addressesIn(result: DnsResult): { readonly address: string; readonly ttl: number }[] {
  if (result.kind === 'failure') return []
  return result.answers.flatMap((record) =>
    (record.type === 'A' || record.type === 'AAAA') && isIP(record.data) !== 0
      ? [{ address: record.data, ttl: record.ttl ?? 0 }]
      : [],
  )
}

function answerOf(found: readonly HostFound[], negativeTtl: number): MxAnswer {
  const hosts = found.filter((host) => host.addresses.length > 0)
  if (hosts.length > 0) {
    return {
      kind: 'hosts',
      hosts: hosts.map(({ name, priority, addresses, tlsaBases }) => ({
        name,
        priority,
        addresses,
        ...(tlsaBases.length > 0 ? { tlsaBases } : {}),
      })),
      ttl: Math.min(...hosts.map((host) => host.ttl)),
    }
  }
  const failed = found.find((host) => host.failure !== undefined)
  if (failed?.failure !== undefined) {
    return { kind: 'temporary', reason: `${failed.name}: ${failed.failure}`, ttl: 0 }
  }
  const reason = found.some((host) => host.isPrivate)
    ? 'its mail hosts have only private addresses, which this installation does not send to'
    : 'none of its mail hosts has an address'
  return { kind: 'no_domain', reason, ttl: negativeTtl }
}

function keepFor(answer: MxAnswer, settings: Settings): number {
  const { minTtlSeconds, maxTtlSeconds, maxNegativeTtlSeconds, temporaryTtlSeconds } = settings
  if (answer.kind === 'temporary') return temporaryTtlSeconds
  const most = answer.kind === 'no_domain' ? maxNegativeTtlSeconds : maxTtlSeconds
  return Math.min(Math.max(answer.ttl, minTtlSeconds), most)
}

/** Equal preferences in random order each time, so that load spreads over them (RFC 5321 5.1). */
function shuffled(answer: MxAnswer, random: () => number): MxAnswer {
  if (answer.kind !== 'hosts' || answer.hosts.length < 2) return answer
  const keyed = answer.hosts.map((host) => ({ host, key: random() }))
  keyed.sort((a, b) => a.host.priority - b.host.priority || a.key - b.key)
  return { ...answer, hosts: keyed.map((one) => one.host) }
}

const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?$/

/** A name that can be asked for: not an address (literals are never delivered to), not too long. */
function isHostName(name: string): boolean {
  const labels = name.split('.')
  return name.length <= 253 && isIP(name) === 0 && labels.every((label) => LABEL.test(label))
}

async function withDeadline(
  clock: Clock,
  ms: number,
  run: (signal: AbortSignal) => Promise<MxAnswer>,
): Promise<MxAnswer> {
  const stop = new AbortController()
  const timer = new AbortController()
  void clock.sleep(ms, timer.signal).then(() => stop.abort(new Error('no answer in time')))
  try {
    return await run(stop.signal)
  } finally {
    timer.abort()
  }
}

/** Lets `size` in at a time and `maxWaiting` wait; `enter` says false to the rest. */
function createGate(
  size: number,
  maxWaiting: number,
): { enter(): boolean | Promise<boolean>; leave(): void } {
  let inside = 0
  const waiting: ((entered: boolean) => void)[] = []
  return {
    enter() {
      if (inside < size) {
        inside += 1
        return true
      }
      if (waiting.length >= maxWaiting) return false
      return new Promise((resolve) => waiting.push(resolve))
    },
    leave() {
      const next = waiting.shift()
      if (next === undefined) inside -= 1
      else next(true)
    },
  }
}
