import { setTimeout as delay } from 'node:timers/promises'
import { startBenchPlatform, type BenchPlatform } from '@pigeon/server/test/bench-platform.ts'
import { startSmtpSink } from '@pigeon/server/test/smtp-sink.ts'
import { take } from '@pigeon/sdk'
import { startCampaign, untilInHistory, warmUp } from './campaign.ts'
import { createCampaign, importContacts, openAccount, type Customer } from './customer.ts'
import { ratio, round, say, until } from './measure.ts'
import { newsletter, receipt } from './newsletter.ts'
import { addressesOf, sitesFor } from './sites.ts'

const SITES = 4
/** A provider that allows few connections is where mail waits for mail. */
const CONNECTIONS_PER_SITE = 8
const MESSAGES_PER_CONNECTION = 100
const POLL_MS = 250
const END_MS = 300_000
/** Bulk mail that must be under way when the first transactional message comes. */
const BULK_UNDER_WAY = 500

export interface TransactionalOptions {
  /** Transactional messages, with and without bulk mail beside them. */
  readonly messages: number
  readonly perSecond: number
  readonly bulk: number
  readonly size: number
}

interface Sent {
  readonly campaignId: string
  /** Wall clock, before the call that sends it. */
  readonly atMs: number
}

/**
 * How long a transactional message takes from the call that sends it to the receiver's final reply, at a steady pace: alone, and
 * while a campaign goes to the same providers. Each is a campaign of its own to one contact.
 */
export async function benchTransactional(options: TransactionalOptions): Promise<object> {
  const { messages, perSecond, bulk, size } = options
  await using stack = new AsyncDisposableStack()
  const platform = await startBenchPlatform({ shaping: SHAPING })
  stack.defer(platform.stop)
  const sites = sitesFor(SITES)
  const domains = sites.map((site) => site.domain)
  const sink = await startSmtpSink(addressesOf(sites), platform.smtpPort)
  stack.defer(sink.stop)
  for (const { domain, mxHost, address } of sites) await platform.publishSite(domain, mxHost, address)
  const customer = await openAccount(platform.url)
  await warmUp(platform, customer, domains, size)

  say(`${messages} transactional messages alone, ${perSecond} a second ...`)
  const alone = await prepare(customer, domains, messages, 'alone')
  const before = await measure(platform, await sendSteadily(customer, alone, perSecond))

  const { listId } = await importContacts(customer, bulk, domains)
  const campaign = await createCampaign(customer, listId, newsletter(size))
  const urgent = await prepare(customer, domains, messages, 'urgent')
  say(`... and beside a campaign of ${bulk}`)
  await startCampaign(customer, campaign)
  await until(
    'bulk mail under way',
    POLL_MS,
    END_MS,
    async () => (await delivered(platform, campaign)) >= BULK_UNDER_WAY || undefined,
  )
  const [bulkBefore, startedAt] = [await delivered(platform, campaign), performance.now()]
  const sent = await sendSteadily(customer, urgent, perSecond)
  const bulkMeanwhile = (await delivered(platform, campaign)) - bulkBefore
  const seconds = (performance.now() - startedAt) / 1000
  const beside = await measure(platform, sent)
  return {
    bench: 'transactional',
    messages,
    per_second: perSecond,
    bulk,
    bulk_messages_per_second: round(bulkMeanwhile / seconds),
    /** Above 0: it went on for as long as transactional mail came. */
    bulk_left: bulk - bulkBefore - bulkMeanwhile,
    alone: before,
    beside_bulk: beside,
    ratio_of_p50: ratio(beside.p50_ms, before.p50_ms),
    ratio_of_p99: ratio(beside.p99_ms, before.p99_ms),
  }
}

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

/** Drafts of transactional campaigns, each to one person of its own; the sites take turns. */
async function prepare(
  { pigeon, domain }: Customer,
  domains: readonly string[],
  count: number,
  who: string,
): Promise<string[]> {
  const template = await take(pigeon.POST('/v1/templates', { body: { name: who, ...receipt() } }))
  const ids: string[] = []
  for (let n = 0; n < count; n += 1) {
    const list = await take(pigeon.POST('/v1/lists', { body: { name: `${who} ${n}` } }))
    const email = `${who}${n}@${domains[n % domains.length]}`
    const contacts = [{ email, first_name: 'Ann' }]
    await take(
      pigeon.POST('/v1/lists/{id}/contacts', { params: { path: { id: list.id } }, body: { contacts } }),
    )
    const campaign = await take(
      pigeon.POST('/v1/campaigns', {
        body: {
          name: `${who} ${n}`,
          list_id: list.id,
          template_id: template.id,
          from_email: `orders@${domain}`,
          from_name: 'Orders',
          message_class: 'transactional',
        },
      }),
    )
    ids.push(campaign.id)
  }
  return ids
}

/** One every so often, whether or not those before have arrived. */
async function sendSteadily(customer: Customer, ids: readonly string[], perSecond: number): Promise<Sent[]> {
  const startedAt = performance.now()
  const sent: Promise<Sent>[] = []
  for (const [n, campaignId] of ids.entries()) {
    await delay(Math.max(0, startedAt + (n / perSecond) * 1000 - performance.now()))
    const atMs = Date.now()
    sent.push(startCampaign(customer, campaignId).then(() => ({ campaignId, atMs })))
  }
  return Promise.all(sent)
}

/** Waits until each was delivered, as the history says, and how long that took. */
async function measure(platform: BenchPlatform, sent: readonly Sent[]) {
  const ids = sent.map((each) => each.campaignId)
  for (const id of ids) await untilInHistory(platform, id, 1)
  const rows = await platform.history.query<{ campaign: string; ms: number }>(
    `select toString(campaign_id) as campaign, toFloat64(toUnixTimestamp64Milli(min(timestamp))) as ms from email_events
      where event_type = 'delivered' group by campaign_id`,
    {},
  )
  const arrived = new Map(rows.map((row) => [row.campaign, row.ms]))
  const tookMs = sent.map(({ campaignId, atMs }) => (arrived.get(campaignId) ?? Infinity) - atMs)
  tookMs.sort((a, b) => a - b)
  const at = (share: number): number => Math.round(tookMs[Math.ceil(tookMs.length * share) - 1] ?? Infinity)
  return { p50_ms: at(0.5), p95_ms: at(0.95), p99_ms: at(0.99), max_ms: at(1) }
}

async function delivered(platform: BenchPlatform, campaignId: string): Promise<number> {
  const [row] = await platform.query<{ count: string }>(
    `select coalesce(sum(count), 0) as count from campaign_tallies where campaign_id = $1 and state = 'delivered'`,
    [campaignId],
  )
  return Number(row?.count)
}
