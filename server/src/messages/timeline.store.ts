import type { Analytics } from '#platform/analytics/open-analytics.ts'

export interface TimelineEvent {
  readonly type: string
  readonly at: string
  readonly attempt: number
  readonly provider: string
  readonly source: string
  readonly code: number
  readonly enhanced: string
  readonly class: string
  readonly reply: string
}

/** Everything that happened to a message, oldest first. */
export async function readEvents(
  analytics: Analytics,
  tenantId: string,
  messageId: string,
): Promise<TimelineEvent[]> {
  return analytics.query<TimelineEvent>(
    `select toString(event_type) as type, formatDateTime(timestamp, '%Y-%m-%dT%H:%i:%S.%fZ', 'UTC') as at, attempt, provider, source, code, enhanced, class, reply
       from email_events where tenant_id = {tenant:UUID} and message_id = {message:UUID} order by timestamp, attempt limit 1000`,
    { tenant: tenantId, message: messageId },
  )
}

export interface AttemptRow {
  readonly attempt: number
  readonly started_at: string
  readonly ended_at: string
  readonly provider: string
  readonly source: string
  readonly mx_host: string
  readonly mx_ip: string
  readonly tls: boolean
  readonly outcome: string
  readonly code: number
  /** Empty where nothing was refused. */
  readonly class: string
  readonly reply: string
  readonly transcript: string
}

/** Every attempt with its SMTP transcript, kept for 30 days. */
export async function readAttempts(
  analytics: Analytics,
  tenantId: string,
  messageId: string,
): Promise<AttemptRow[]> {
  const rows = await analytics.query<Omit<AttemptRow, 'tls'> & { tls: number | boolean }>(
    `select attempt, formatDateTime(started_at, '%Y-%m-%dT%H:%i:%S.%fZ', 'UTC') as started_at, formatDateTime(ended_at, '%Y-%m-%dT%H:%i:%S.%fZ', 'UTC') as ended_at,
            provider, source, mx_host, toString(mx_ip) as mx_ip, tls, outcome, code, class, reply, transcript
       from attempts where tenant_id = {tenant:UUID} and message_id = {message:UUID} order by attempt limit 200`,
    { tenant: tenantId, message: messageId },
  )
  return rows.map((row) => ({ ...row, tls: Boolean(row.tls) }))
}
