import type { Analytics } from '#platform/analytics/open-analytics.ts'
import type { BucketSum, CampaignToCount, Span } from './reconcile-ledger.store.ts'

const FINAL = `event_type in ('delivered', 'sent', 'bounced', 'failed', 'suppressed', 'cancelled')`
/** A late bounce takes the delivery before it back, which stays in the history. */
const TAKEN_BACK = `if(countIf(event_type = 'bounced') > 0, countIf(event_type in ('delivered', 'sent')), 0)`
/** The last 32 bits of an id as a number, as the ledger computes it. */
const BITS = 'reinterpretAsUInt32(reverse(substring(UUIDToNum(message_id), 13, 4)))'
const OF_CAMPAIGNS = 'tenant_id in {tenants:Array(UUID)} and campaign_id in {campaigns:Array(UUID)}'
const QUERY_MS = 60_000
/** Messages that are grouped at once: what grouping takes of the engine's memory. */
const MESSAGES_A_SLICE = 250_000

export interface Wanted {
  readonly campaigns: readonly CampaignToCount[]
  readonly buckets: number
  readonly span: Span
}

interface Sum extends BucketSum {
  /** Final events: more than one of a message is one too many. */
  readonly finals: number
}

/** Messages, their ids and tries, added up in buckets from what the events say. */
export async function sumEvents(analytics: Analytics, wanted: Wanted): Promise<Sum[]> {
  return inSlices(wanted, (slice) =>
    analytics.query<Sum>(
      `select toString(campaign) as campaign_id, id_bits % {buckets:UInt32} as bucket, last as state, count() as messages,
              sum(id_bits) as bits, sum(tried) as tries, sum(ended) as finals
         from (select campaign_id as campaign, message_id, any(${BITS}) as id_bits, countIf(${FINAL}) - ${TAKEN_BACK} as ended, countIf(attempt > 0) as tried,
                      multiIf(countIf(event_type = 'bounced') > 0, 'bounced',
                              ended > 0, argMaxIf(toString(event_type), timestamp, ${FINAL}), 'deferred') as last,
                      if(ended > 0, maxIf(timestamp, ${FINAL}), max(timestamp)) as at
                 from email_events
                where ${OF_CAMPAIGNS} and (${FINAL} or event_type = 'deferred') and ${BITS} % {slices:UInt32} = {slice:UInt32}
                group by campaign_id, message_id)
        where at <= fromUnixTimestamp64Milli({until:Int64}) and at > fromUnixTimestamp64Milli({since:Int64})
        group by campaign, bucket, last`,
      { ...slice, since: wanted.span.eventsSince.getTime() },
      { timeoutMs: QUERY_MS },
    ),
  )
}

/** The same from the attempts, of the messages whose last attempt ended them. */
export async function sumAttempts(analytics: Analytics, wanted: Wanted): Promise<BucketSum[]> {
  return inSlices(wanted, (slice) =>
    analytics.query<BucketSum>(
      `select toString(campaign) as campaign_id, id_bits % {buckets:UInt32} as bucket, last as state, count() as messages,
              sum(id_bits) as bits, sum(tried) as tries
         from (select campaign_id as campaign, message_id, any(${BITS}) as id_bits, count() as tried,
                      argMax(toString(outcome), (attempt, ended_at)) as last, max(ended_at) as at
                 from attempts where ${OF_CAMPAIGNS} and ${BITS} % {slices:UInt32} = {slice:UInt32}
                group by campaign_id, message_id)
        where last <> 'deferred' and at <= fromUnixTimestamp64Milli({until:Int64}) and at > fromUnixTimestamp64Milli({since:Int64})
        group by campaign, bucket, last`,
      { ...slice, since: wanted.span.attemptsSince.getTime() },
      { timeoutMs: QUERY_MS },
    ),
  )
}

type SliceParams = Readonly<Record<string, number | readonly string[]>>

async function inSlices<T>(wanted: Wanted, query: (params: SliceParams) => Promise<T[]>): Promise<T[]> {
  const messages = wanted.campaigns.reduce((sum, campaign) => sum + campaign.accepted, 0)
  const slices = Math.max(1, Math.ceil(messages / MESSAGES_A_SLICE))
  const rows: T[] = []
  for (let slice = 0; slice < slices; slice++) {
    rows.push(
      ...(await query({
        tenants: [...new Set(wanted.campaigns.map((campaign) => campaign.tenant_id))],
        campaigns: wanted.campaigns.map((campaign) => campaign.id),
        buckets: wanted.buckets,
        until: wanted.span.until.getTime(),
        slices,
        slice,
      })),
    )
  }
  return rows
}

/** What the history knows of one message. */
export interface MessageHistory {
  readonly id: string
  readonly campaign: string
  /** Types of its final events: one, when all is well. */
  readonly finals: readonly string[]
  readonly final_provider: string
  readonly final_class: string
  readonly final_attempt: number
  /** Events with an attempt. */
  readonly tries: number
  /** Rows in `attempts`, and the outcome of the last. */
  readonly attempts: number
  readonly last_outcome: string
}

/** The messages of some buckets of a campaign. */
export async function historyInBuckets(
  analytics: Analytics,
  campaign: CampaignToCount,
  buckets: number,
  wanted: readonly number[],
): Promise<MessageHistory[]> {
  const params = { tenants: [campaign.tenant_id], campaigns: [campaign.id], buckets, wanted }
  return readHistory(
    analytics,
    `${OF_CAMPAIGNS} and ${BITS} % {buckets:UInt32} in {wanted:Array(UInt32)}`,
    params,
  )
}

/** Some messages of some campaigns. */
export async function historyOfMessages(
  analytics: Analytics,
  messages: readonly Suspect[],
): Promise<MessageHistory[]> {
  if (messages.length === 0) return []
  const unique = (pick: (message: Suspect) => string): string[] => [...new Set(messages.map(pick))]
  const params = {
    tenants: unique((m) => m.tenantId),
    campaigns: unique((m) => m.campaignId),
    messages: unique((m) => m.id),
  }
  return readHistory(analytics, `${OF_CAMPAIGNS} and message_id in {messages:Array(UUID)}`, params)
}

export interface Suspect {
  readonly id: string
  readonly tenantId: string
  readonly campaignId: string
}

async function readHistory(
  analytics: Analytics,
  where: string,
  params: Readonly<Record<string, number | readonly (string | number)[]>>,
): Promise<MessageHistory[]> {
  const events = await analytics.query<Omit<MessageHistory, 'attempts' | 'last_outcome'>>(
    `select toString(message_id) as id, toString(any(campaign_id)) as campaign, groupArrayIf(10)(toString(event_type), ${FINAL}) as finals,
            toString(anyIf(provider, ${FINAL})) as final_provider, toString(argMaxIf(class, event_type = 'bounced', ${FINAL})) as final_class, maxIf(attempt, ${FINAL}) as final_attempt,
            countIf(attempt > 0 and (${FINAL} or event_type = 'deferred')) as tries
       from email_events where ${where} group by message_id`,
    params,
    { timeoutMs: QUERY_MS },
  )
  const attempts = await analytics.query<{ id: string; attempts: number; last_outcome: string }>(
    `select toString(message_id) as id, count() as attempts, argMax(toString(outcome), (attempt, ended_at)) as last_outcome
       from attempts where ${where} group by message_id`,
    params,
    { timeoutMs: QUERY_MS },
  )
  const tried = new Map(attempts.map((row) => [row.id, row]))
  return events.map((row) => ({
    ...row,
    attempts: tried.get(row.id)?.attempts ?? 0,
    last_outcome: tried.get(row.id)?.last_outcome ?? '',
  }))
}

export interface HistoryCampaign {
  readonly campaign: string
  /** One of its messages. */
  readonly message: string
}

/** Campaigns that the history has heard of, in the order of their ids as text. */
export async function historyCampaigns(
  analytics: Analytics,
  after: string,
  limit: number,
): Promise<HistoryCampaign[]> {
  return analytics.query<HistoryCampaign>(
    `select toString(campaign_id) as campaign, toString(any(message_id)) as message
       from email_events where toString(campaign_id) > {after:String} group by campaign_id order by campaign limit {limit:UInt32}`,
    { after, limit },
    { timeoutMs: QUERY_MS },
  )
}
