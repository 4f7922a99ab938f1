import type { Analytics } from '#platform/analytics/open-analytics.ts'

export interface TimelineEntry {
  readonly at: Date
  readonly delivered: number
  readonly deferred: number
  readonly bounced: number
  readonly failed: number
}

export async function readTimeline(
  analytics: Analytics,
  tenantId: string,
  campaignId: string,
  bucketSeconds: number,
): Promise<TimelineEntry[]> {
  const rows = await analytics.query<{
    at: number
    delivered: number
    deferred: number
    bounced: number
    failed: number
  }>(
    `select intDiv(toUnixTimestamp(timestamp), {bucket:UInt32}) * {bucket:UInt32} as at,
            countIf(event_type in ('delivered', 'sent')) as delivered, countIf(event_type = 'deferred') as deferred,
            countIf(event_type = 'bounced') as bounced, countIf(event_type = 'failed') as failed
       from email_events
      where tenant_id = {tenant:UUID} and campaign_id = {campaign:UUID}
        and event_type in ('delivered', 'sent', 'deferred', 'bounced', 'failed')
      group by at order by at limit 1000`,
    { tenant: tenantId, campaign: campaignId, bucket: bucketSeconds },
  )
  return rows.map((row) => ({
    at: new Date(row.at * 1000),
    delivered: row.delivered,
    deferred: row.deferred,
    bounced: row.bounced,
    failed: row.failed,
  }))
}

export interface Reason {
  readonly state: 'bounced' | 'failed' | 'deferred'
  readonly class: string
  readonly provider: string
  readonly count: number
  readonly replies: readonly string[]
}

/** Why messages bounced, failed or waited, most frequent first, each with up to three different replies. An end that was taken back is none. */
export async function readReasons(
  analytics: Analytics,
  tenantId: string,
  campaignId: string,
): Promise<Reason[]> {
  const rows = await analytics.query<{
    state: Reason['state']
    class: string
    provider: string
    count: number
    replies: string[]
  }>(
    `select toString(event_type) as state, class, provider, count() as count, groupUniqArray(3)(reply) as replies
       from email_events
      where tenant_id = {tenant:UUID} and campaign_id = {campaign:UUID} and event_type in ('bounced', 'failed', 'deferred')
        and (event_type = 'deferred' or (message_id, attempt) not in (
          select message_id, attempt from email_events
           where tenant_id = {tenant:UUID} and campaign_id = {campaign:UUID} and event_type = 'requeued'))
      group by event_type, class, provider order by count desc, state, class, provider limit 200`,
    { tenant: tenantId, campaign: campaignId },
  )
  return rows
}
