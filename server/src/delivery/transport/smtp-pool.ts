import type { Clock } from '#platform/clock.ts'
import { createAddressLimits } from './address-limits.ts'
import { createHostMemory } from './host-memory.ts'
import { openRoute, type OpenFailure } from './open-route.ts'
import { createPoolJob, type PoolJob } from './pool-job.ts'
import {
  createLane,
  FAIR_SHARE,
  firstAddress,
  hungrySites,
  isForgettable,
  isUnconnected,
  isWorthConnection,
  laneLimit,
  MESSAGES_PER_CONNECTION,
  mustYield,
  siteOf,
  takeOpening,
  type Lane,
  type PooledConnection,
  type Site,
} from './pool-lane.ts'
import type { SmtpConnection } from './smtp-connection.ts'
import type { ConnectionLimits, SendResult, SmtpTimeouts, Transport } from './transport.ts'

export interface SmtpPoolOptions {
  readonly clock: Clock
  readonly timeouts: SmtpTimeouts
  /** For a lane of which nothing else is said. */
  readonly defaults: ConnectionLimits
  /** Open connections of this process, over all providers. */
  readonly maxConnections: number
  /** A message that waits longer for a connection is given back. */
  readonly maxWaitMs: number
  readonly backOffBaseMs: number
  readonly backOffMaxMs: number
}

/** How long an address whose TLS failed is spoken to in plain. */
const TLS_BROKEN_MS = 3_600_000
/** Addresses that are remembered as failing or without TLS. */
const MAX_HOSTS = 10_000
/** A provider that says "too many connections" gets no more than it took for this long. */
const LEARNED_LIMIT_MS = 60_000
const SWEEP_MS = 500

/**
 * Connections to receivers, kept warm. Each lane has a limit; in it each MX set (with its port, TLS policy
 * and source) has a queue and connections of its own. No message waits without an end, and none is sent twice.
 */
export function createSmtpPool(options: SmtpPoolOptions): Transport {
  const { clock } = options
  const hosts = createHostMemory({ ...options, tlsBrokenMs: TLS_BROKEN_MS, maxHosts: MAX_HOSTS })
  const addresses = createAddressLimits()
  const lanes = new Map<string, Lane>()
  const stopSweeping = new AbortController()
  let limitsOf: (lane: string) => ConnectionLimits | undefined = () => undefined
  let openConnections = 0
  let isSweeping = false
  let isClosing = false
  let onEmpty: (() => void) | undefined

  const limits = (lane: Lane): ConnectionLimits => limitsOf(lane.key) ?? options.defaults
  const limitOf = (lane: Lane): number => laneLimit(lane, limits(lane), clock.monotonicMs())

  function pump(lane: Lane): void {
    for (const site of hungrySites(lane)) pumpSite(lane, site)
  }

  function pumpSite(lane: Lane, site: Site): void {
    while (site.queue.length > 0) {
      const idle = site.idle.pop()
      if (idle === undefined) break
      if (idle.connection.isUsable()) void run(lane, site, idle)
      else idle.connection.destroy('not usable')
    }
    const restMs = site.opensAt - clock.monotonicMs()
    if (restMs > 0) {
      if (isUnconnected(site)) failWaiting(site, restMs)
      return
    }
    while (isWorthConnection(site) && makeRoom(lane, site)) void open(lane, site)
  }

  /** Whether one more may be opened now. If not, an idle connection of another site leaves: its end pumps again. */
  function makeRoom(lane: Lane, site: Site): boolean {
    if (isClosing) return false
    const address = firstAddress(site)
    if (addresses.isFull(address, clock.monotonicMs())) {
      leave(allSites().filter((other) => other !== site && firstAddress(other) === address))
      return false
    }
    const isLaneFull = lane.open >= limitOf(lane)
    // One whose time has not come is asked again by the sweep.
    if (!isLaneFull && openConnections < options.maxConnections)
      return takeOpening(lane, limits(lane), clock.monotonicMs())
    // Each lane asks for one place at a time: many may be asking.
    if (lane.isAsking) return false
    const crowded = isLaneFull ? [lane] : [...lanes.values()]
    for (const one of crowded) {
      const idle = [...one.sites.values()]
        .find((other) => other !== site && other.idle.length > 0)
        ?.idle.shift()
      if (idle === undefined) continue
      lane.isAsking = true
      void idle.connection.quit().then(() => {
        lane.isAsking = false
        pump(lane)
      })
      break
    }
    return false
  }

  /** Closes an idle connection of one of the sites. Who waits for its place is asked by the sweep. */
  function leave(sites: readonly Site[]): void {
    void sites
      .find((other) => other.idle.length > 0)
      ?.idle.shift()
      ?.connection.quit()
  }

  /** Whether a connection that has had its share must make room for a site of another lane at the same address. */
  function mustLeave(site: Site, { connection, served }: PooledConnection): boolean {
    if (served === 0 || served % FAIR_SHARE !== 0) return false
    if (!addresses.isFull(connection.address, clock.monotonicMs())) return false
    return allSites().some(
      (other) =>
        other !== site &&
        other.queue.length > 0 &&
        isUnconnected(other) &&
        firstAddress(other) === connection.address,
    )
  }

  async function open(lane: Lane, site: Site): Promise<void> {
    site.connecting += 1
    lane.open += 1
    lane.openings += 1
    site.lastOpening = lane.openings
    openConnections += 1
    const opened = await openRoute({ hosts, clock, timeouts: options.timeouts }, site.route)
    site.connecting -= 1
    if (!('result' in opened)) return adopt(lane, site, opened)
    release(lane)
    openFailed(lane, site, opened)
    return pump(lane)
  }

  function release(lane: Lane): void {
    const wasFull = openConnections >= options.maxConnections
    lane.open -= 1
    openConnections -= 1
    if (wasFull) for (const other of lanes.values()) if (other !== lane) pump(other)
  }

  function adopt(lane: Lane, site: Site, connection: SmtpConnection): void {
    const pooled: PooledConnection = { connection, served: 0, idleSince: 0 }
    site.failures = 0
    site.connections.add(pooled)
    addresses.opened(connection.address)
    connection.onEnd(() => {
      addresses.closed(connection.address)
      site.connections.delete(pooled)
      site.idle = site.idle.filter((one) => one !== pooled)
      release(lane)
      pump(lane)
    })
    void run(lane, site, pooled)
  }

  function openFailed(lane: Lane, site: Site, failure: OpenFailure): void {
    const { result } = failure
    const now = clock.monotonicMs()
    if (result.kind === 'reply' && result.reply.code < 500 && lane.open > 0) {
      // The provider takes as many connections as it has now: messages wait for those.
      lane.learned = { limit: lane.open, until: now + LEARNED_LIMIT_MS }
      return
    }
    if (result.kind === 'reply' && result.reply.code < 500 && failure.mxAddress !== null) {
      // Other lanes of ours have its connections: messages wait until they make room.
      if (addresses.learn(failure.mxAddress, now)) return
    }
    const isFirst = site.opensAt <= now
    if (isFirst) site.failures += 1
    const waitMs = Math.min(options.backOffBaseMs * 2 ** (site.failures - 1), options.backOffMaxMs)
    if (isFirst) site.opensAt = now + waitMs
    if (!isUnconnected(site)) return
    site.queue.shift()?.fail(result, failure)
    failWaiting(site, waitMs)
  }

  function failWaiting(site: Site, retryAfterMs: number): void {
    for (const job of site.queue.splice(0)) {
      job.fail(noConnection('no mail host of the domain could be reached a short time ago', retryAfterMs))
    }
  }

  async function run(lane: Lane, site: Site, pooled: PooledConnection): Promise<void> {
    const { connection } = pooled
    const { maxMessagesPerConnection } = limits(lane)
    const recent: PoolJob[] = []
    const isSpent = (): boolean =>
      isClosing ||
      pooled.served >= maxMessagesPerConnection ||
      mustYield(lane, site, pooled.served, limitOf(lane)) ||
      mustLeave(site, pooled)
    const take = (): PoolJob | undefined => {
      const job = isSpent() ? undefined : site.queue.shift()
      if (job === undefined) return undefined
      job.begin(connection, pooled.served)
      pooled.served += 1
      recent.push(job)
      if (recent.length > MESSAGES_PER_CONNECTION) recent.shift()
      return job
    }
    try {
      await connection.run(take)
    } catch (error) {
      // A fault of ours must not leave a message without an answer; whether it was sent is not known.
      connection.destroy('internal fault')
      const words = error instanceof Error ? (error.stack ?? error.message) : String(error)
      for (const job of recent) job.fail({ kind: 'broken', phase: 'dot', error: words, dotSent: true })
    }
    if (!connection.isUsable()) connection.destroy('not usable')
    else if (isSpent()) await connection.quit()
    else {
      pooled.idleSince = clock.monotonicMs()
      site.idle.push(pooled)
      pump(lane)
    }
  }

  async function sweep(): Promise<void> {
    isSweeping = true
    while (lanes.size > 0 && !stopSweeping.signal.aborted) {
      await clock.sleep(Math.min(SWEEP_MS, options.defaults.idleMs), stopSweeping.signal)
      for (const [name, lane] of lanes) {
        for (const [key, site] of lane.sites) {
          sweepSite(site, limits(lane).idleMs)
          if (isForgettable(site, clock.monotonicMs())) lane.sites.delete(key)
        }
        pump(lane)
        if (lane.sites.size === 0 && lane.open === 0 && lane.inHand === 0) lanes.delete(name)
      }
    }
    isSweeping = false
  }

  function sweepSite(site: Site, idleMs: number): void {
    const now = clock.monotonicMs()
    const stale = site.idle.filter((one) => now - one.idleSince >= idleMs)
    site.idle = site.idle.filter((one) => !stale.includes(one))
    for (const one of stale) void one.connection.quit()
    const late = site.queue.filter((job) => now - job.enqueuedMs >= options.maxWaitMs)
    site.queue = site.queue.filter((job) => !late.includes(job))
    for (const job of late) job.fail(noConnection('every connection to the provider is busy', 0))
  }

  function laneOf(key: string): Lane {
    const known = lanes.get(key)
    if (known !== undefined) return known
    const lane = createLane(key)
    lanes.set(key, lane)
    if (!isSweeping) void sweep()
    return lane
  }

  const inHand = (): number => [...lanes.values()].reduce((sum, lane) => sum + lane.inHand, 0)
  const allSites = (): Site[] => [...lanes.values()].flatMap((lane) => [...lane.sites.values()])

  return {
    send: (route, message) =>
      new Promise((resolve) => {
        const lane = laneOf(route.lane)
        const site = siteOf(lane, route)
        const requeue = (job: PoolJob): boolean => !isClosing && site.queue.unshift(job) > 0
        const job = createPoolJob({ clock, requeue }, message, (result) => {
          lane.inHand -= 1
          resolve(result)
          if (isClosing && inHand() === 0) onEmpty?.()
        })
        lane.inHand += 1
        if (isClosing) return job.fail(closing())
        site.queue.push(job)
        return pumpSite(lane, site)
      }),
    limit: (of) => {
      limitsOf = of
    },
    connections: (lane) => lanes.get(lane)?.open ?? 0,
    async close(graceMs) {
      isClosing = true
      stopSweeping.abort()
      for (const site of allSites()) for (const job of site.queue.splice(0)) job.fail(closing())
      if (inHand() > 0) {
        const empty = new AbortController()
        onEmpty = () => empty.abort()
        await clock.sleep(graceMs, empty.signal)
      }
      const connections = allSites().flatMap((site) => [...site.connections])
      const isIdle = (one: PooledConnection): boolean => allSites().some((site) => site.idle.includes(one))
      const idle = connections.filter(isIdle)
      for (const one of connections)
        if (!idle.includes(one)) one.connection.destroy('the process is stopping')
      await Promise.all(idle.map((one) => one.connection.quit()))
    },
  }
}

function noConnection(error: string, retryAfterMs: number): SendResult {
  return { kind: 'unsent', reason: 'no_connection', error, retryAfterMs }
}

function closing(): SendResult {
  return { kind: 'unsent', reason: 'closing', error: 'the process is stopping', retryAfterMs: 0 }
}
