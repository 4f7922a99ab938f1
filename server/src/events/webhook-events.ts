import type { NewRecord } from '#platform/stream/stream.ts'
import { WEBHOOK_PARTITIONS } from './email-events.ts'

/** What a webhook can be told of, in the order of a message's life. */
export const WEBHOOK_EVENTS = [
  'email.sent',
  'email.delivered',
  'email.deferred',
  'email.bounced',
  'email.complained',
  'email.opened',
  'email.clicked',
  'email.unsubscribed',
  'email.failed',
  'email.suppressed',
  'email.cancelled',
  'email.requeued',
  'campaign.finished',
  'import.finished',
  'domain.verified',
  'source.blocked',
] as const

export type WebhookEventName = (typeof WEBHOOK_EVENTS)[number]

/** Something that happened, for every webhook of the tenant that asks for it. */
export interface WebhookEvent {
  readonly tenantId: string
  readonly event: WebhookEventName
  /** RFC 3339: when it happened. */
  readonly at: string
  /** UUID of what it is about (a message, a campaign …): its events are delivered in their order. */
  readonly subjectId: string
  /** As receivers see it. */
  readonly data: Readonly<Record<string, unknown>>
}

/** Payloads of `webhooks`. */
export interface WebhooksPayload {
  readonly events: readonly WebhookEvent[]
}

/** A record of this many stays small enough to be read with others. */
const RECORD_EVENTS = 500

/** Records of the topic `webhooks`, in the order of the events. What is about one thing is in one partition. */
export function webhookRecords(events: readonly WebhookEvent[]): NewRecord[] {
  return [...Map.groupBy(events, (event) => partitionOf(event.subjectId))].flatMap(([partition, members]) =>
    Array.from({ length: Math.ceil(members.length / RECORD_EVENTS) }, (_, at) => {
      const payload: WebhooksPayload = { events: members.slice(at * RECORD_EVENTS, (at + 1) * RECORD_EVENTS) }
      return { partition, key: 'webhooks', payload }
    }),
  )
}

/** The last hexadecimal digits of a UUID are random. */
function partitionOf(subjectId: string): number {
  return Number.parseInt(subjectId.slice(-4), 16) % WEBHOOK_PARTITIONS
}
