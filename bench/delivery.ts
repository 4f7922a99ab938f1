import { startBenchPlatform, type BenchPlatform } from '@pigeon/server/test/bench-platform.ts'
import { startDelayProxy } from '@pigeon/server/test/delay-proxy.ts'
import { startCountingSinks } from '@pigeon/server/test/peers/counting-sinks.ts'
import { cpuSince, measureTree, watchMemory, type ProcessUse } from '@pigeon/server/test/process-meter.ts'
import { sendRaw } from '@pigeon/server/test/raw-smtp.ts'
import { startSmtpSink, type SmtpSink } from '@pigeon/server/test/smtp-sink.ts'
import { take } from '@pigeon/sdk'
import { startCampaign, untilInHistory, untilSent, WARM_UP_MESSAGES, warmUp } from './campaign.ts'
import { createCampaign, importContacts, openAccount, type Customer } from './customer.ts'
import { mapValues, mebibytes, ratio, round, say, sum } from './measure.ts'
import { newsletter } from './newsletter.ts'
import { benchPeers, needPeers } from './peers.ts'
import { addressesOf, sitesFor, type Site } from './sites.ts'

/** Sites with an MX host each, so that every deliver process has providers of its own. */
const SITES_PER_PROCESS = 2
const CONNECTIONS_PER_SITE = 8
/** Over a long wire the wire is measured: one lane with this many, so that the processors are not the limit. */
const CONNECTIONS_OVER_LATENCY = 50
const MESSAGES_PER_CONNECTION = 100
/** Where the receivers behind the delaying proxy are. */
const FAR_NET = 30
/** Looking at the memory of every process costs a twentieth of a core at twice a second. */
const MEMORY_MS = 2_000

export interface DeliveryOptions {
  readonly messages: number
  readonly size: number
  /** Beside Postfix and Haraka, to the test receiver of Postfix. */
  readonly isBesidePeers: boolean
  /** There and back, in milliseconds. */
  readonly latencyMs: number
}

/** A campaign to a plain sink, from the call that sends it until PostgreSQL and history hold every outcome. */
export async function benchDelivery(options: DeliveryOptions): Promise<object> {
  const { messages, size, isBesidePeers } = options
  // Before minutes of work.
  const installed = isBesidePeers ? await needPeers() : undefined
  const { result, relayTo } = await benchPigeon(options)
  if (installed === undefined) return result
  const peers = await benchPeers({ installed, messages, size, relayTo, warmUpMessages: WARM_UP_MESSAGES })
  const { messages_per_second: own } = result
  return {
    ...result,
    ...peers,
    ratio_to_postfix: ratio(own, peers.postfix_messages_per_second),
    ratio_to_postfix_unsigned: ratio(own, peers.postfix_unsigned_messages_per_second),
    ratio_to_haraka: ratio(own, peers.haraka_messages_per_second),
    ratio_to_haraka_unsigned: ratio(own, peers.haraka_unsigned_messages_per_second),
  }
}

/** Pigeon and the raw client; and where a peer may send to afterwards. */
async function benchPigeon(options: DeliveryOptions) {
  const { messages, size, latencyMs } = options
  const connections = latencyMs > 0 ? CONNECTIONS_OVER_LATENCY : CONNECTIONS_PER_SITE
  say('Starting the platform ...')
  const platform = await startBenchPlatform({ shaping: shapingFor(connections) })
  const sites = sitesFor(latencyMs > 0 ? 1 : platform.deliverProcesses * SITES_PER_PROCESS)
  const sink = await startReceiver(sites, platform.smtpPort, options)
  try {
    const durability = await platform.durability()
    say(`PostgreSQL says: ${JSON.stringify(durability)}`)
    for (const { domain, mxHost, address } of sites) await platform.publishSite(domain, mxHost, address)
    const customer = await openAccount(platform.url)
    say(`Importing ${messages} contacts ...`)
    const domains = sites.map((site) => site.domain)
    const { listId } = await importContacts(customer, messages, domains)
    const raw = await measureRaw(platform, sink, sites, connections, options)
    await warmUp(platform, customer, domains, size)
    await sink.counts({ isReset: true })
    const sent = await sendCampaign(platform, sink, customer, listId, options)
    const result = {
      bench: 'delivery',
      messages,
      warm_up_messages: WARM_UP_MESSAGES,
      connections_per_lane: connections,
      ...sent,
      ...raw,
      ratio_to_raw: ratio(sent.messages_per_second, raw.raw_messages_per_second),
      ...(raw.unpipelined_messages_per_second === undefined
        ? {}
        : { ratio_to_unpipelined: ratio(sent.messages_per_second, raw.unpipelined_messages_per_second) }),
      postgres: durability,
      deliver_processes: platform.deliverProcesses,
    }
    return { result, relayTo: { address: sites[0]?.address ?? '', port: platform.smtpPort } }
  } finally {
    await sink.stop()
    await platform.stop()
  }
}

/** Connections as the raw client has them, and no pace: a sink is no mailbox provider. */
function shapingFor(connections: number) {
  return {
    default: {
      lane: {
        connections,
        messages_per_connection: MESSAGES_PER_CONNECTION,
        connections_per_minute: null,
        messages_per_second: null,
      },
    },
  }
}

async function startReceiver(
  sites: readonly Site[],
  port: number,
  { isBesidePeers, latencyMs }: DeliveryOptions,
): Promise<SmtpSink> {
  const addresses = addressesOf(sites)
  if (latencyMs === 0)
    return isBesidePeers ? startCountingSinks(addresses, port) : startSmtpSink(addresses, port)
  const far = addressesOf(sitesFor(sites.length, FAR_NET))
  const sink = await startSmtpSink(far, port)
  const proxy = await startDelayProxy({ from: addresses, to: far, port, oneWayMs: latencyMs / 2 })
  return {
    ...sink,
    stop: async () => {
      await proxy.stop()
      await sink.stop()
    },
  }
}

/** The raw client; with latency, also one that does not pipeline. */
async function measureRaw(
  platform: BenchPlatform,
  sink: SmtpSink,
  sites: readonly Site[],
  connections: number,
  options: DeliveryOptions,
) {
  const limit = (isPipelined: boolean) => rawLimit(platform, sink, sites, connections, isPipelined, options)
  const unpipelined = options.latencyMs > 0 ? await limit(false) : undefined
  const raw = await limit(true)
  return {
    raw_messages_per_second: round(raw.perSecond),
    raw_cpu_seconds_per_1000: round(raw.cpuSecondsPer1000, 3),
    raw_peak_pss_mib: mebibytes(raw.peakPssBytes),
    raw_message_octets: raw.octetsEach,
    ...(unpipelined === undefined
      ? {}
      : {
          latency_ms: options.latencyMs,
          unpipelined_messages_per_second: round(unpipelined.perSecond),
        }),
  }
}

/** A raw client with as many processes and connections as the platform has. */
async function rawLimit(
  platform: BenchPlatform,
  sink: SmtpSink,
  sites: readonly Site[],
  connections: number,
  isPipelined: boolean,
  { messages, size }: DeliveryOptions,
) {
  say(`Measuring the raw client${isPipelined ? '' : ', without pipelining'} ...`)
  const processes = Math.min(sites.length, platform.deliverProcesses)
  const groups = Array.from({ length: processes }, (_, index) =>
    addressesOf(sites.filter((_site, n) => n % processes === index)),
  )
  const { seconds, cpuSeconds, peakPssBytes, octets } = await sendRaw({
    sites: groups,
    port: platform.smtpPort,
    domain: 'raw.example',
    messages,
    connectionsPerSite: connections,
    messagesPerConnection: MESSAGES_PER_CONNECTION,
    isPipelined,
    template: newsletter(size),
  })
  const { received } = await sink.counts({ isReset: true })
  if (received !== messages) throw new Error(`The sink received ${received} of ${messages} raw messages.`)
  say(`  ${round(messages / seconds)} messages/s`)
  return {
    perSecond: messages / seconds,
    cpuSecondsPer1000: (cpuSeconds / messages) * 1000,
    peakPssBytes,
    octetsEach: Math.round(octets / messages),
  }
}

async function sendCampaign(
  platform: BenchPlatform,
  sink: SmtpSink,
  customer: Customer,
  listId: string,
  { messages, size }: DeliveryOptions,
) {
  const id = await createCampaign(customer, listId, newsletter(size))
  const before = measureTree(platform.pid, 'supervisor')
  const sinkBefore = usedBySink(sink)
  const memory = watchMemory([platform.pid], MEMORY_MS)
  say('Sending ...')
  const startedAt = performance.now()
  const seconds = (): number => (performance.now() - startedAt) / 1000
  await startCampaign(customer, id)
  await untilSent(platform, id, seconds)
  const postgresSeconds = seconds()
  const inHistory = await untilInHistory(platform, id, messages)
  const total = seconds()
  const used = cpuSince(before, measureTree(platform.pid, 'supervisor'))
  const usedForSink = cpuSince(sinkBefore, usedBySink(sink))
  const { peakBytes, byName } = memory.stop()
  const received = await sink.counts()
  const ledger = await take(customer.pigeon.GET('/v1/campaigns/{id}/metrics', { params: { path: { id } } }))
  const final = sum(ledger.states)
  const { octets } = received
  return {
    ...(octets === undefined ? {} : { message_octets: Math.round(octets / received.received) }),
    messages_per_second: round(messages / total),
    seconds: round(total, 2),
    seconds_until_postgres: round(postgresSeconds, 2),
    cpu_seconds_per_1000_of_all: round((sum(used) / messages) * 1000, 3),
    cpu_seconds_per_1000: mapValues({ ...used, ...usedForSink }, (value) =>
      round((value / messages) * 1000, 3),
    ),
    peak_pss_mib: mebibytes(peakBytes),
    peak_pss_mib_by_process: mapValues(byName, mebibytes),
    balanced:
      ledger.accepted === messages &&
      final === messages &&
      ledger.states.delivered === messages &&
      inHistory === messages,
    delivered: ledger.states.delivered,
    in_history: inHistory,
    received_by_sink: received.received,
    duplicates: received.duplicates ?? received.received - messages,
    connections: received.connections,
  }
}

function usedBySink(sink: SmtpSink): ProcessUse[] {
  return sink.pids.flatMap((pid) => measureTree(pid, 'sink'))
}
