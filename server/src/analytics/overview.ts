import { readBuckets, readSeries, readTotals } from './analytics.store.ts'
import { askedSpan, compared, dateOf, shownSpan, type AnalyticsDeps } from './ask-analytics.ts'
import { COUNTS, rates, type Counts, type Unique } from './counts.ts'
import { readInterval, type Interval, type SpanQuery } from './span.ts'

export interface OverviewQuery extends SpanQuery {
  readonly interval?: Interval
  readonly campaign_id?: string
  readonly compare?: boolean
}

/** What became of all mail, or of one campaign's: in all, over time, and beside the time of the same length before. */
export async function overview(deps: AnalyticsDeps, tenantId: string, query: OverviewQuery) {
  const span = await askedSpan(deps, tenantId, query)
  const interval = readInterval(span, query.interval)
  const campaignId = query.campaign_id ?? null
  const question = { tenantId, span }
  const [[totals, previous], series, buckets] = await Promise.all([
    compared(span, query.compare, async (of) =>
      totalsOf(await readTotals(deps.analytics, { tenantId, span: of }, campaignId)),
    ),
    readSeries(deps.analytics, question, interval, campaignId),
    readBuckets(deps.analytics, question, interval),
  ])
  const filled = new Map(series.map(({ at, ...counts }) => [at, counts]))
  return {
    ...shownSpan(span),
    interval,
    totals,
    previous,
    series: buckets.map((at) => ({ at: dateOf(at), counts: filled.get(at) ?? NOTHING })),
  }
}

const NOTHING: Counts = {
  sent: 0,
  delivered: 0,
  deferred: 0,
  bounced: 0,
  late_bounced: 0,
  failed: 0,
  suppressed: 0,
  cancelled: 0,
  opened: 0,
  machine_opened: 0,
  clicked: 0,
  machine_clicked: 0,
  complained: 0,
  unsubscribed: 0,
}

/** Counts, unique openings and rates as an answer shows them. */
export function totalsOf(row: (Counts & Unique) | undefined) {
  const counts = row ?? { ...NOTHING, opened_messages: 0, clicked_messages: 0 }
  return {
    counts: pickCounts(counts),
    opened_messages: counts.opened_messages,
    clicked_messages: counts.clicked_messages,
    rates: rates(counts),
  }
}

function pickCounts(row: Counts): Counts {
  const counts: Record<keyof Counts, number> = { ...NOTHING }
  for (const name of COUNTS) counts[name] = row[name]
  return counts
}
