import type { Analytics, QueryParams } from '#platform/analytics/open-analytics.ts'
import {
  AUDIENCE_COUNTS,
  COUNTS,
  DELIVERY_COUNTS,
  type AudienceCounts,
  type Counts,
  type DeliveryCounts,
  type Unique,
} from './counts.ts'
import { SLOT_SECONDS, type Interval, type Span } from './span.ts'

/** A page of charts waits for this: longer ones are refused with a sentence. */
const QUERY_MS = 10_000
const MAX_BUCKETS_READ = 2_000

/** Every question is of one tenant and one time. */
const WHERE =
  "tenant_id = {tenant:UUID} and slot >= toDateTime({from:UInt32}, 'UTC') and slot < toDateTime({to:UInt32}, 'UTC')"
const OF_CAMPAIGN = "({campaign:String} = '' or campaign_id = toUUIDOrZero({campaign:String}))"
const UNIQUE =
  'uniqCombined64Merge(14)(opened_messages) as opened_messages, uniqCombined64Merge(14)(clicked_messages) as clicked_messages'

/** Where an interval begins in the zone, as seconds since 1970. */
const BUCKET: Record<Interval, string> = {
  hour: 'toUnixTimestamp(toStartOfHour(slot, {zone:String}))',
  day: 'toUnixTimestamp(toStartOfDay(slot, {zone:String}))',
  week: 'toUnixTimestamp(toDateTime(toStartOfWeek(slot, 1, {zone:String}), {zone:String}))',
  month: 'toUnixTimestamp(toDateTime(toStartOfMonth(slot, {zone:String}), {zone:String}))',
}

export interface Question {
  readonly tenantId: string
  readonly span: Span
}

function sums(names: readonly string[]): string {
  return names.map((name) => `sum(${name}_count) as ${name}`).join(', ')
}

function paramsOf({ tenantId, span }: Question): Record<string, string | number> {
  return { tenant: tenantId, from: span.from, to: span.to, zone: span.timeZone }
}

async function ask<Row>(analytics: Analytics, sql: string, params: QueryParams): Promise<Row[]> {
  return analytics.query<Row>(sql, params, { timeoutMs: QUERY_MS })
}

/** Everything of a tenant, or of one campaign of it. */
export async function readTotals(
  analytics: Analytics,
  question: Question,
  campaignId: string | null,
): Promise<(Counts & Unique) | undefined> {
  const rows = await ask<Counts & Unique>(
    analytics,
    `select ${sums(COUNTS)}, ${UNIQUE} from campaign_metrics where ${WHERE} and ${OF_CAMPAIGN}`,
    { ...paramsOf(question), campaign: campaignId ?? '' },
  )
  return rows[0]
}

/** The same by interval; those in which nothing happened are left out. */
export async function readSeries(
  analytics: Analytics,
  question: Question,
  interval: Interval,
  campaignId: string | null,
): Promise<(Counts & { at: number })[]> {
  return ask(
    analytics,
    `select ${BUCKET[interval]} as at, ${sums(COUNTS)} from campaign_metrics where ${WHERE} and ${OF_CAMPAIGN}
      group by at order by at limit ${MAX_BUCKETS_READ}`,
    { ...paramsOf(question), campaign: campaignId ?? '' },
  )
}

/** Where the intervals of a span begin, with its zone's changes of the clock. Seconds since 1970. */
export async function readBuckets(
  analytics: Analytics,
  question: Question,
  interval: Interval,
): Promise<number[]> {
  const { from, to } = question.span
  const rows = await ask<{ at: number }>(
    analytics,
    `select distinct ${BUCKET[interval]} as at
       from (select toDateTime({from:UInt32} + number * ${SLOT_SECONDS}, 'UTC') as slot from numbers({slots:UInt32}))
      order by at limit ${MAX_BUCKETS_READ}`,
    { ...paramsOf(question), slots: Math.ceil((to - from) / SLOT_SECONDS) },
  )
  return rows.map(({ at }) => at)
}

export interface CampaignTotals extends Counts, Unique {
  /** Of the campaign. */
  readonly id: string
  readonly first_at: string
  readonly last_at: string
}

/** Campaigns of which something happened in the span, newest first: their ids are UUIDv7. */
export async function readCampaigns(
  analytics: Analytics,
  question: Question,
  page: { readonly after: string | null; readonly rows: number },
): Promise<CampaignTotals[]> {
  return ask(
    analytics,
    `select toString(campaign_id) as id, ${sums(COUNTS)}, ${UNIQUE}, min(first_at) as first_at, max(last_at) as last_at
       from campaign_metrics
      where ${WHERE} and campaign_id != toUUID('00000000-0000-0000-0000-000000000000')
        and ({after:String} = '' or toString(campaign_id) < {after:String})
      group by campaign_id order by id desc limit {rows:UInt32}`,
    { ...paramsOf(question), after: page.after ?? '', rows: page.rows },
  )
}

export interface DeliveryRow extends DeliveryCounts {
  readonly name: string
  readonly bounce_classes: Readonly<Record<string, number>>
  readonly waits: Readonly<Record<string, number>>
}

export type DeliveryGroup = 'provider' | 'source' | 'domain' | 'day'

const NAMED = {
  provider: "dimension = 'provider' and name != ''",
  source: "dimension = 'source' and name != ''",
  domain: "dimension = 'domain' and name != ''",
} as const

/** All deliveries of the span as one row. Each event counts once a dimension, so one of them tells all. */
export async function readDeliveryTotals(analytics: Analytics, question: Question): Promise<DeliveryRow[]> {
  return ask(
    analytics,
    `select '' as name, ${sums(DELIVERY_COUNTS)}, sumMap(bounce_classes) as bounce_classes, sumMap(waits) as waits
       from deliverability_metrics where ${WHERE} and dimension = 'provider'`,
    paramsOf(question),
  )
}

/** Days in their order, as the second they begin with. */
export async function readDeliveryDays(analytics: Analytics, question: Question): Promise<DeliveryRow[]> {
  return ask(
    analytics,
    `select toString(${BUCKET.day}) as name, ${sums(DELIVERY_COUNTS)}, sumMap(bounce_classes) as bounce_classes, sumMap(waits) as waits
       from deliverability_metrics where ${WHERE} and dimension = 'provider' group by name order by name limit ${MAX_BUCKETS_READ}`,
    paramsOf(question),
  )
}

/** The names with the most attempts. Maps are added up for these alone: that is what costs. */
export async function readDeliveryBy(
  analytics: Analytics,
  question: Question,
  group: keyof typeof NAMED,
  limit: number,
): Promise<DeliveryRow[]> {
  const of = `${WHERE} and ${NAMED[group]}`
  return ask(
    analytics,
    `select name, ${sums(DELIVERY_COUNTS)}, sumMap(bounce_classes) as bounce_classes, sumMap(waits) as waits
       from deliverability_metrics
      where ${of} and name in (
        select name from deliverability_metrics where ${of}
         group by name order by sum(sent_count + delivered_count + deferred_count + bounced_count + failed_count) desc, name limit {limit:UInt32})
      group by name order by sent + delivered + deferred + bounced + failed desc, name limit {limit:UInt32}`,
    { ...paramsOf(question), limit },
  )
}

export type AudienceGroup = 'country' | 'client' | 'os' | 'device'

/** Who opened and clicked, most first. */
export async function readAudience(
  analytics: Analytics,
  question: Question,
  group: AudienceGroup,
  limit: number,
): Promise<(AudienceCounts & { name: string })[]> {
  return ask(
    analytics,
    `select name, ${sums(AUDIENCE_COUNTS)} from audience_metrics where ${WHERE} and dimension = {group:String}
      group by name order by opened + clicked desc, machine_opened + machine_clicked desc, name limit {limit:UInt32}`,
    { ...paramsOf(question), group, limit },
  )
}

export interface EngagementCell {
  /** 1 is Monday. */
  readonly weekday: number
  readonly hour: number
  readonly handed: number
  readonly opened: number
  readonly clicked: number
}

/** Hours of the week in the zone, of those in which something happened. */
export async function readEngagement(
  analytics: Analytics,
  question: Question,
  campaignId: string | null,
): Promise<EngagementCell[]> {
  return ask(
    analytics,
    `select toDayOfWeek(slot, 0, {zone:String}) as weekday, toHour(slot, {zone:String}) as hour,
            sum(sent_count + delivered_count) as handed, sum(opened_count) as opened, sum(clicked_count) as clicked
       from campaign_metrics where ${WHERE} and ${OF_CAMPAIGN} group by weekday, hour order by weekday, hour`,
    { ...paramsOf(question), campaign: campaignId ?? '' },
  )
}
