import { startBenchPlatform, type BenchPlatform } from '@pigeon/server/test/bench-platform.ts'
import { cpuSince, measureTree, watchMemory } from '@pigeon/server/test/process-meter.ts'
import { sendRaw } from '@pigeon/server/test/raw-smtp.ts'
import { startSmtpSink, type SmtpSink } from '@pigeon/server/test/smtp-sink.ts'
import { take } from '@pigeon/sdk'
import { createCampaign, importContacts, openAccount, type Customer } from './customer.ts'
import { mapValues, mebibytes, round, say, until } from './measure.ts'
import { newsletter } from './newsletter.ts'

/** Sites with an MX host each, so that every deliver process has providers of its own. */
const SITES_PER_PROCESS = 2
const CONNECTIONS_PER_SITE = 8
const MESSAGES_PER_CONNECTION = 100
/** Connections as the raw client has them, and no pace: a sink is no mailbox provider. */
const SHAPING = {
  default: {
    lane: {
      connections: CONNECTIONS_PER_SITE,
      messages_per_connection: MESSAGES_PER_CONNECTION,
      connections_per_minute: null,
      messages_per_second: null,
    },
  },
}
const CAMPAIGN_MS = 900_000
const POLL_MS = 50
/** Looking at the memory of every process costs a twentieth of a core at twice a second. */
const MEMORY_MS = 2_000
/** Sent before the clock starts, as the raw client composes some: code that just started runs slower. */
const WARM_UP_MESSAGES = 2_000

interface Site {
  readonly domain: string
  readonly mxHost: string
  readonly address: string
}

export interface DeliveryOptions {
  readonly messages: number
  readonly size: number
}

/** A campaign to a plain sink, from the call that sends it until PostgreSQL and history hold every outcome. */
export async function benchDelivery({ messages, size }: DeliveryOptions): Promise<object> {
  say('Starting the platform ...')
  const platform = await startBenchPlatform({ shaping: SHAPING })
  const sites = sitesFor(platform.deliverProcesses * SITES_PER_PROCESS)
  const sink = await startSmtpSink(
    sites.map((site) => site.address),
    platform.smtpPort,
  )
  try {
    const durability = await platform.durability()
    say(`PostgreSQL says: ${JSON.stringify(durability)}`)
    for (const { domain, mxHost, address } of sites) await platform.publishSite(domain, mxHost, address)
    const customer = await openAccount(platform.url)
    say(`Importing ${messages} contacts ...`)
    const domains = sites.map((site) => site.domain)
    const { listId } = await importContacts(customer, messages, domains)
    const raw = await rawLimit(platform, sink, sites, { messages, size })
    await warmUp(platform, sink, customer, domains, size)
    const sent = await sendCampaign(platform, sink, customer, listId, { messages, size })
    return {
      bench: 'delivery',
      messages,
      warm_up_messages: WARM_UP_MESSAGES,
      ...sent,
      raw_messages_per_second: round(raw.perSecond),
      raw_cpu_seconds_per_1000: round(raw.cpuSecondsPer1000, 3),
      ratio_to_raw: round(sent.messages_per_second / raw.perSecond, 3),
      postgres: durability,
      deliver_processes: platform.deliverProcesses,
    }
  } finally {
    await sink.stop()
    await platform.stop()
  }
}

function sitesFor(count: number): Site[] {
  return Array.from({ length: count }, (_, n) => ({
    domain: `inbox${n + 1}.example`,
    mxHost: `mx.bench-site${n + 1}.example`,
    address: `127.20.1.${n + 1}`,
  }))
}

/** The raw client, with as many processes and connections as the platform has. */
async function rawLimit(
  platform: BenchPlatform,
  sink: SmtpSink,
  sites: readonly Site[],
  { messages, size }: DeliveryOptions,
): Promise<{ perSecond: number; cpuSecondsPer1000: number }> {
  say('Measuring the raw client ...')
  const groups = Array.from({ length: platform.deliverProcesses }, (_, index) =>
    sites.filter((_site, n) => n % platform.deliverProcesses === index).map((site) => site.address),
  )
  const { seconds, cpuSeconds } = await sendRaw({
    sites: groups,
    port: platform.smtpPort,
    domain: 'raw.example',
    messages,
    connectionsPerSite: CONNECTIONS_PER_SITE,
    messagesPerConnection: MESSAGES_PER_CONNECTION,
    template: newsletter(size),
  })
  const { received } = await sink.counts({ isReset: true })
  if (received !== messages) throw new Error(`The sink received ${received} of ${messages} raw messages.`)
  say(`  ${round(messages / seconds)} messages/s`)
  return { perSecond: messages / seconds, cpuSecondsPer1000: (cpuSeconds / messages) * 1000 }
}

async function warmUp(
  platform: BenchPlatform,
  sink: SmtpSink,
  customer: Customer,
  domains: readonly string[],
  size: number,
): Promise<void> {
  say(`Warming up with ${WARM_UP_MESSAGES} messages ...`)
  const { listId } = await importContacts(customer, WARM_UP_MESSAGES, domains)
  const id = await createCampaign(customer, listId, newsletter(size))
  await take(customer.pigeon.POST('/v1/campaigns/{id}/send', { params: { path: { id } } }))
  await untilSent(platform, id, () => 0)
  await untilInHistory(platform, id, WARM_UP_MESSAGES)
  await sink.counts({ isReset: true })
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
  const sinkBefore = measureTree(sink.pid, 'sink')
  const memory = watchMemory(platform.pid, MEMORY_MS)
  say('Sending ...')
  const startedAt = performance.now()
  const seconds = (): number => (performance.now() - startedAt) / 1000
  await take(customer.pigeon.POST('/v1/campaigns/{id}/send', { params: { path: { id } } }))
  await untilSent(platform, id, seconds)
  const postgresSeconds = seconds()
  const inHistory = await untilInHistory(platform, id, messages)
  const total = seconds()
  const used = {
    ...cpuSince(before, measureTree(platform.pid, 'supervisor')),
    ...cpuSince(sinkBefore, measureTree(sink.pid, 'sink')),
  }
  const { peakBytes, byName } = memory.stop()
  const received = await sink.counts()
  const ledger = await take(customer.pigeon.GET('/v1/campaigns/{id}/metrics', { params: { path: { id } } }))
  const final = Object.values(ledger.states).reduce((sum, count) => sum + count, 0)
  return {
    message_octets: Math.round(received.octets / received.received),
    messages_per_second: round(messages / total),
    seconds: round(total, 2),
    seconds_until_postgres: round(postgresSeconds, 2),
    cpu_seconds_per_1000: mapValues(used, (value) => round((value / messages) * 1000, 3)),
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
    duplicates: received.duplicates,
    connections: received.connections,
  }
}

/** Until every message is final, as the rows themselves say. */
async function untilSent(platform: BenchPlatform, id: string, seconds: () => number): Promise<void> {
  let saidAt = 0
  await until('campaign', POLL_MS, CAMPAIGN_MS, async () => {
    const [row] = await platform.query<{ done: boolean; final: string }>(
      `select c.completed_at is not null as done,
              (select coalesce(sum(count), 0) from campaign_tallies t where t.campaign_id = c.id) as final
         from campaigns c where c.id = $1`,
      [id],
    )
    if (seconds() - saidAt > 2) {
      saidAt = seconds()
      say(`  ${row?.final} final, ${saidAt.toFixed(0)} s`)
    }
    return row?.done === true ? true : undefined
  })
  const [open] = await platform.query<{ count: string }>(
    `select count(*) from messages where campaign_id = $1 and state in ('queued', 'deferred')`,
    [id],
  )
  if (Number(open?.count) !== 0) throw new Error(`${open?.count} messages are not final.`)
}

/** Until the history has a final event for every message. */
async function untilInHistory(platform: BenchPlatform, id: string, messages: number): Promise<number> {
  return until('history', POLL_MS, CAMPAIGN_MS, async () => {
    const [row] = await platform.history.query<{ found: number }>(
      `select uniqExact(message_id) as found from email_events
        where campaign_id = {id:UUID} and event_type in ('delivered', 'sent', 'bounced', 'failed', 'suppressed', 'cancelled')`,
      { id },
    )
    return row !== undefined && row.found >= messages ? row.found : undefined
  })
}
