import type { BounceClass } from '@pigeon/mail/bounce-class.ts'
import type { Stream } from '#platform/stream/stream.ts'
import type { Transaction } from '#platform/postgres/database.ts'
import { EMAIL_FEEDBACK, FEEDBACK_PARTITIONS } from './email-events.ts'

/** What is common to everything that is heard of a message after it was handed over. */
interface Feedback {
  /** UUID. The same news heard twice (a DSN sent again, a webhook repeated) has the same id, and counts once. */
  readonly id: string
  readonly messageId: string
  /** null where only the message is known: record finds the tenant. */
  readonly tenantId: string | null
  /** RFC 3339: when it happened; of a mail, when it came in. */
  readonly at: string
}

/** A bounce that came as mail, or that a relay told. */
export interface BouncedFeedback extends Feedback {
  readonly type: 'bounced'
  /** Through what it came. */
  readonly via: 'smtp' | 'imap' | 'relay'
  readonly class: BounceClass
  readonly isHard: boolean
  readonly code: number | null
  readonly enhanced: string | null
  readonly reply: string | null
  readonly reportingMta: string | null
}

export interface ComplainedFeedback extends Feedback {
  readonly type: 'complained'
  readonly via: 'smtp' | 'imap' | 'relay'
  /** As the report says it (RFC 5965, 3.1): `abuse`, `fraud`, `not-spam` ... */
  readonly feedbackType: string
  /** Who reports, as the report or the relay says. */
  readonly reporter: string | null
}

/** Somebody, or a machine, has loaded the pixel or followed a link. */
export interface OpenedFeedback extends Feedback {
  readonly type: 'opened' | 'clicked'
  readonly ip: string | null
  readonly userAgent: string | null
  /** The address that was followed; null for an opening. */
  readonly url: string | null
  /** Position of the link in the message, from 0; null for an opening. */
  readonly link: number | null
  /** Why it looks like a machine; empty: a person. */
  readonly machineSigns: readonly string[]
}

/** Somebody has unsubscribed. The suppression and the subscription were changed when it was told. */
export interface UnsubscribedFeedback extends Feedback {
  readonly type: 'unsubscribed'
}

export type FeedbackEvent = BouncedFeedback | ComplainedFeedback | OpenedFeedback | UnsubscribedFeedback

/** Payloads of `email.feedback`. */
export interface FeedbackPayload {
  readonly events: readonly FeedbackEvent[]
}

/**
 * Hands news to record. It is durable when this resolves, and with a transaction when that commits. What is heard of one
 * message stays in order.
 */
export async function appendFeedback(
  stream: Pick<Stream, 'append'>,
  events: readonly FeedbackEvent[],
  transaction?: Transaction,
): Promise<void> {
  const records = feedbackRecords(events).map((record) => ({ ...record, key: 'feedback' }))
  if (records.length > 0) await stream.append(EMAIL_FEEDBACK, records, transaction)
}

/** The news as records of the topic, each in the partition of its messages. */
export function feedbackRecords(
  events: readonly FeedbackEvent[],
): { readonly partition: number; readonly payload: FeedbackPayload }[] {
  const members = Map.groupBy(events, (event) => partitionOf(event.messageId))
  return [...members].map(([partition, events]) => ({ partition, payload: { events } }))
}

/** The last hexadecimal digits of a UUIDv7 are random. */
function partitionOf(messageId: string): number {
  return Number.parseInt(messageId.slice(-4), 16) % FEEDBACK_PARTITIONS
}
