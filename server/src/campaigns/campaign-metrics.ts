import { asTenant, type Database } from '#platform/postgres/database.ts'
import { findTallies, type Tally } from './campaigns.store.ts'
import { findCampaign, type Campaign } from './campaigns.store.ts'
import { readHeard, readLedger, type HeardRow, type LedgerRow } from './metrics.store.ts'
import { campaignNotFound } from './start-campaign.ts'

const FINAL = ['delivered', 'sent', 'bounced', 'failed', 'suppressed', 'cancelled'] as const
type Final = (typeof FINAL)[number]
type FinalCounts = Record<Final, number>

export interface CampaignMetrics {
  readonly campaign_id: string
  readonly status: Campaign['status']
  readonly accepted: number
  readonly states: FinalCounts & { queued: number; sending: number; deferred: number }
  readonly in_flight: number
  /** accepted = sum of final states + in flight. */
  readonly balanced: boolean
  /** Handed over: delivered, accepted by a relay, or refused. */
  readonly sent_count: number
  readonly delivered_count: number
  /** Messages that somebody has opened, followed a link of ...; what machines do is in `opens` and `clicks`. */
  readonly opened_count: number
  readonly clicked_count: number
  readonly bounced_count: number
  readonly complained_count: number
  readonly unsubscribed_count: number
  readonly opens: Traces
  readonly clicks: Traces
  /** Delivered, but not at the first attempt. */
  readonly deferred_then_delivered: number
  readonly providers: readonly (FinalCounts & { provider: string })[]
  readonly bounce_classes: readonly { class: string; state: 'bounced' | 'failed'; count: number }[]
  readonly started_at: Date | null
  readonly completed_at: Date | null
  readonly first_delivery_at: Date | null
  readonly last_delivery_at: Date | null
  /** From the start to the end, or to the last outcome while it runs. */
  readonly seconds: number
  readonly messages_per_second: number
}

/** How many messages, each once, and how often; by people, and by what looks like a machine. */
export interface Traces {
  readonly messages: number
  readonly events: number
  readonly machine_messages: number
  readonly machine_events: number
}

/** What became of a campaign's messages, from PostgreSQL alone: exact at any moment. */
export async function campaignMetrics(
  deps: { db: Database },
  tenantId: string,
  id: string,
): Promise<CampaignMetrics> {
  return asTenant(deps.db, tenantId, async (transaction) => {
    const campaign = await findCampaign(transaction, id)
    const ledger = await readLedger(transaction, id)
    if (campaign === undefined || ledger === undefined) throw campaignNotFound()
    const [tallies, heard] = [await findTallies(transaction, id), await readHeard(transaction, id)]
    return metricsOf(campaign, ledger, tallies, heard)
  })
}

export function metricsOf(
  campaign: Campaign,
  ledger: LedgerRow,
  all: readonly Tally[],
  heard: readonly HeardRow[],
): CampaignMetrics {
  // Late bounces leave tallies of nothing behind.
  const tallies = all.filter((tally) => tally.count > 0)
  const finals = countStates(tallies)
  const inFlight = ledger.queued + ledger.sending + ledger.deferred
  const delivered = tallies.filter((tally) => tally.state === 'delivered' || tally.state === 'sent')
  const lastOutcome = latest(tallies.map((tally) => tally.last_at))
  const end = campaign.completed_at ?? lastOutcome
  const seconds =
    campaign.started_at === null || end === null
      ? 0
      : Math.max(0, (end.getTime() - campaign.started_at.getTime()) / 1000)
  const sum = FINAL.reduce((total, state) => total + finals[state], 0)
  return {
    campaign_id: campaign.id,
    status: campaign.status,
    accepted: ledger.accepted,
    states: { ...finals, queued: ledger.queued, sending: ledger.sending, deferred: ledger.deferred },
    in_flight: inFlight,
    balanced: ledger.accepted === sum + inFlight && ledger.final === sum,
    sent_count: finals.delivered + finals.sent + finals.bounced,
    delivered_count: finals.delivered,
    bounced_count: finals.bounced,
    ...heardCounts(heard),
    deferred_then_delivered: delivered
      .filter((tally) => tally.retried)
      .reduce((total, tally) => total + tally.count, 0),
    providers: [...Map.groupBy(tallies, (tally) => tally.provider)].map(([provider, of]) => ({
      provider,
      ...countStates(of),
    })),
    bounce_classes: bounceClasses(tallies),
    started_at: campaign.started_at,
    completed_at: campaign.completed_at,
    first_delivery_at: earliest(delivered.map((tally) => tally.first_at)),
    last_delivery_at: latest(delivered.map((tally) => tally.last_at)),
    seconds: Math.round(seconds * 1000) / 1000,
    messages_per_second: seconds === 0 ? 0 : Math.round((sum / seconds) * 10) / 10,
  }
}

function heardCounts(
  heard: readonly HeardRow[],
): Pick<
  CampaignMetrics,
  'opened_count' | 'clicked_count' | 'complained_count' | 'unsubscribed_count' | 'opens' | 'clicks'
> {
  const tracesOf = (kind: HeardRow['kind']): Traces => {
    const [people, machines] = [false, true].map((byMachine) =>
      heard.find((row) => row.kind === kind && row.by_machine === byMachine),
    )
    return {
      messages: people?.messages ?? 0,
      events: people?.events ?? 0,
      machine_messages: machines?.messages ?? 0,
      machine_events: machines?.events ?? 0,
    }
  }
  const [opens, clicks] = [tracesOf('opened'), tracesOf('clicked')]
  return {
    opened_count: opens.messages,
    clicked_count: clicks.messages,
    complained_count: tracesOf('complained').messages,
    unsubscribed_count: tracesOf('unsubscribed').messages,
    opens,
    clicks,
  }
}

function countStates(tallies: readonly Tally[]): FinalCounts {
  const counts: FinalCounts = { delivered: 0, sent: 0, bounced: 0, failed: 0, suppressed: 0, cancelled: 0 }
  for (const tally of tallies) counts[tally.state] += tally.count
  return counts
}

function bounceClasses(tallies: readonly Tally[]): CampaignMetrics['bounce_classes'] {
  const classes = new Map<string, { class: string; state: 'bounced' | 'failed'; count: number }>()
  for (const tally of tallies) {
    if (tally.state !== 'bounced' && tally.state !== 'failed') continue
    const key = `${tally.state}/${tally.class}`
    const seen = classes.get(key) ?? { class: tally.class, state: tally.state, count: 0 }
    classes.set(key, { ...seen, count: seen.count + tally.count })
  }
  return [...classes.values()].sort((a, b) => b.count - a.count)
}

function earliest(dates: readonly Date[]): Date | null {
  return dates.reduce<Date | null>((best, date) => (best === null || date < best ? date : best), null)
}

function latest(dates: readonly Date[]): Date | null {
  return dates.reduce<Date | null>((best, date) => (best === null || date > best ? date : best), null)
}
