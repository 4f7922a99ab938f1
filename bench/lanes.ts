import { startBenchPlatform, type BenchPlatform } from '@pigeon/server/test/bench-platform.ts'
import { cpuSince, measureTree } from '@pigeon/server/test/process-meter.ts'
import { startSmtpSink, type SmtpSink } from '@pigeon/server/test/smtp-sink.ts'
import { startCampaign, untilSent, warmUp } from './campaign.ts'
import { createCampaign, importContacts, openAccount, type Customer } from './customer.ts'
import { mapValues, mebibytes, ratio, round, say, sum } from './measure.ts'
import { newsletter } from './newsletter.ts'
import { addressesOf, sitesFor, type Site } from './sites.ts'

const LANES = 500
const SUSPENDED = 50
const THROTTLED = 100
const FEW_LANES = 10
/** So slow that sending it takes nothing from the others that could be measured: 10 a second in all. */
const THROTTLED_PER_MINUTE = 6
/** Enough that a lane is never what limits the speed, with ten lanes too. */
const CONNECTIONS_PER_LANE = 4
const MESSAGES_PER_CONNECTION = 100
/** Of one process: enough for every lane, because lanes are measured here and not how they share too few connections. */
const CONNECTIONS_PER_PROCESS = 1_000
/** The provider does not want this source. */
const REFUSAL = '554 5.7.1 Service unavailable; Client host [127.0.0.1] blocked using dnsbl.example'
/** What is waiting behind a closed lane must not expire while others are measured. */
const EXPIRE_SECONDS = '86400'

export interface LanesOptions {
  /** To all 500 lanes. */
  readonly messages: number
  readonly size: number
  /** How long the run with all lanes lasts at least; it begins more campaigns to fill the time. */
  readonly minutes: number
}

interface Groups {
  readonly open: readonly Site[]
  readonly throttled: readonly Site[]
  readonly suspended: readonly Site[]
}

interface Run {
  /** Messages to each site. */
  readonly perSite: number
  readonly size: number
  readonly minutes: number
}

/**
 * Many lanes at once: what the open ones lose by neighbours that are suspended or throttled, what a message costs with few lanes and
 * with many, and whether memory grows. Three runs, each on a platform of its own.
 */
export async function benchLanes({ messages, size, minutes }: LanesOptions): Promise<object> {
  const perSite = Math.ceil(messages / LANES)
  const sites = sitesFor(LANES)
  const open = sites.slice(SUSPENDED + THROTTLED)
  const all: Groups = {
    open,
    throttled: sites.slice(SUSPENDED, SUSPENDED + THROTTLED),
    suspended: sites.slice(0, SUSPENDED),
  }
  const none = { throttled: [], suspended: [] }
  const run = { size, minutes: 0 }
  const ofFew = Math.ceil((perSite * open.length) / FEW_LANES)
  const few = await measure({ ...none, open: open.slice(0, FEW_LANES) }, { ...run, perSite: ofFew })
  const alone = await measure({ ...none, open }, { ...run, perSite })
  const among = await measure(all, { ...run, perSite, minutes })
  return {
    bench: 'lanes',
    messages: perSite * LANES,
    lanes: LANES,
    suspended: SUSPENDED,
    throttled: THROTTLED,
    messages_per_second: among.messages_per_second,
    open_lanes_alone_messages_per_second: alone.messages_per_second,
    ratio_to_open_lanes_alone: ratio(among.messages_per_second, alone.messages_per_second),
    cpu_growth_from_10_to_500_lanes: round(
      among.cpu_seconds_per_1000_of_all / few.cpu_seconds_per_1000_of_all - 1,
      3,
    ),
    [`with_${FEW_LANES}_lanes`]: few,
    [`with_${open.length}_open_lanes`]: alone,
    [`with_${LANES}_lanes`]: among,
  }
}

async function measure(groups: Groups, run: Run) {
  const { open, throttled, suspended } = groups
  const closed = [...throttled, ...suspended]
  const sites = [...open, ...closed]
  say(`${sites.length} lanes, ${throttled.length} throttled, ${suspended.length} suspended`)
  const platform = await startBenchPlatform({ shaping: shapingFor(throttled), settings: SETTINGS })
  await using stack = new AsyncDisposableStack()
  stack.defer(platform.stop)
  const sinkOf = async (some: readonly Site[], refusal?: string): Promise<SmtpSink> => {
    const sink = await startSmtpSink(addressesOf(some), platform.smtpPort, refusal)
    stack.defer(sink.stop)
    return sink
  }
  const sink = await sinkOf(open)
  const slowSink = await sinkOf(throttled)
  await sinkOf(suspended, REFUSAL)
  for (const { domain, mxHost, address } of sites) await platform.publishSite(domain, mxHost, address)
  const customer = await openAccount(platform.url)
  const listFor = async (some: readonly Site[]): Promise<string> => {
    const { listId } = await importContacts(customer, run.perSite * some.length, domainsOf(some))
    return listId
  }
  const lists = { open: await listFor(open), closed: closed.length === 0 ? undefined : await listFor(closed) }
  await warmUp(platform, customer, domainsOf(open), run.size)
  await sink.counts({ isReset: true })
  if (lists.closed !== undefined)
    await startCampaign(customer, await createCampaign(customer, lists.closed, newsletter(run.size)))
  const sent = await sendToOpen(platform, customer, lists.open, run)
  const { received } = await sink.counts()
  const memory = run.minutes === 0 ? {} : await watchFor(platform, customer, lists.open, sent.startedAt, run)
  const { received: slow } = await slowSink.counts()
  return {
    lanes: sites.length,
    messages: run.perSite * open.length,
    received_by_sink: received,
    taken_by_throttled: slow,
    ...sent.report,
    ...memory,
  }
}

function domainsOf(sites: readonly Site[]): string[] {
  return sites.map((site) => site.domain)
}

const SETTINGS = {
  PIGEON_DELIVERY_CONNECTIONS: String(CONNECTIONS_PER_PROCESS),
  PIGEON_SANDBOX_EXPIRE_SECONDS: EXPIRE_SECONDS,
  // Every suspension is told as an error, thousands of them.
  PIGEON_LOG_LEVEL: 'silent',
}

function shapingFor(throttled: readonly Site[]) {
  const slow = { lane: { messages_per_minute: THROTTLED_PER_MINUTE } }
  return {
    default: {
      lane: {
        connections: CONNECTIONS_PER_LANE,
        messages_per_connection: MESSAGES_PER_CONNECTION,
        connections_per_minute: null,
        messages_per_second: null,
      },
    },
    // The provider of an MX host that nobody knows has the name of its site.
    providers: Object.fromEntries(throttled.map(({ mxHost }) => [mxHost.replace(/^mx\./, ''), slow])),
  }
}

/** One campaign to the open lanes, until PostgreSQL has every outcome. */
async function sendToOpen(platform: BenchPlatform, customer: Customer, listId: string, run: Run) {
  const id = await createCampaign(customer, listId, newsletter(run.size))
  const before = measureTree(platform.pid, 'supervisor')
  const startedAt = performance.now()
  const seconds = (): number => (performance.now() - startedAt) / 1000
  say('Sending ...')
  await startCampaign(customer, id)
  await untilSent(platform, id, seconds)
  const total = seconds()
  const after = measureTree(platform.pid, 'supervisor')
  const used = cpuSince(before, after)
  const [row] = await platform.query<{ delivered: string }>(
    `select coalesce(sum(count), 0) as delivered from campaign_tallies where campaign_id = $1 and state = 'delivered'`,
    [id],
  )
  const messages = Number(row?.delivered)
  if (messages === 0) throw new Error('Nothing was delivered.')
  const per1000 = (value: number): number => round((value / messages) * 1000, 3)
  const report = {
    delivered: messages,
    messages_per_second: round(messages / total),
    seconds: round(total, 2),
    cpu_seconds_per_1000_of_all: per1000(sum(used)),
    cpu_seconds_per_1000: mapValues(used, per1000),
  }
  return { startedAt, report }
}

/** Memory while campaigns follow one another until the time is over: at the end of the first and of the last. */
async function watchFor(
  platform: BenchPlatform,
  customer: Customer,
  listId: string,
  startedAt: number,
  run: Run,
) {
  const atStart = memoryOf(platform)
  const minutes = (): number => (performance.now() - startedAt) / 60_000
  const measuredFrom = minutes()
  while (minutes() < run.minutes) await sendToOpen(platform, customer, listId, run)
  const atEnd = memoryOf(platform)
  return {
    memory_from_minute: round(measuredFrom),
    memory_to_minute: round(minutes()),
    pss_mib_at_start: mebibytes(sum(atStart)),
    pss_mib_at_end: mebibytes(sum(atEnd)),
    pss_mib_by_process_at_start: mapValues(atStart, mebibytes),
    pss_mib_by_process_at_end: mapValues(atEnd, mebibytes),
  }
}

/** PSS in octets by name. */
function memoryOf(platform: BenchPlatform): Record<string, number> {
  const held: Record<string, number> = {}
  for (const { name, pssBytes } of measureTree(platform.pid, 'supervisor'))
    held[name] = (held[name] ?? 0) + pssBytes
  return held
}
