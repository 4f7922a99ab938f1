import type { Analytics } from '#platform/analytics/open-analytics.ts'
import type { Database } from '#platform/postgres/database.ts'
import { campaignMetrics, type CampaignMetrics } from './campaign-metrics.ts'
import { readReasons, readTimeline, type Reason, type TimelineEntry } from './report.store.ts'

export interface CampaignReport extends CampaignMetrics {
  readonly timeline: readonly TimelineEntry[]
  readonly bucket_seconds: number
  readonly reasons: readonly Reason[]
}

/** Buckets that the rate over time is cut into, at most. */
const BUCKETS = 120

/** The metrics, and from the history: the rate over time, and why messages bounced or waited, in the servers' own words. */
export async function campaignReport(
  deps: { db: Database; analytics: Analytics },
  tenantId: string,
  id: string,
): Promise<CampaignReport> {
  const metrics = await campaignMetrics(deps, tenantId, id)
  const bucketSeconds = bucketFor(metrics.seconds)
  const [timeline, reasons] = await Promise.all([
    readTimeline(deps.analytics, tenantId, id, bucketSeconds),
    readReasons(deps.analytics, tenantId, id),
  ])
  return { ...metrics, timeline, bucket_seconds: bucketSeconds, reasons }
}

/** A round length of time that gives at most `BUCKETS` entries. */
export function bucketFor(seconds: number): number {
  const steps = [1, 5, 10, 30, 60, 300, 900, 3600, 6 * 3600, 86_400]
  return steps.find((step) => seconds / step <= BUCKETS) ?? 86_400
}
