import type { BounceClass } from '@pigeon/mail/bounce-class.ts'

/** Number of shards: the partitions of `email.send` and `email.events`. A provider belongs to one shard. */
export const SHARD_COUNT = 16

/** dispatch → deliver: batches of jobs, in the partition of their shard. */
export const EMAIL_SEND = 'email.send'
/** deliver → record: outcomes of attempts and takeovers, in the partition of their shard. */
export const EMAIL_EVENTS = 'email.events'
/** record, dispatch, api → history: what has happened, once, after the state in PostgreSQL says so. */
export const ANALYTICS_EVENTS = 'analytics.events'

/** Whoever hears of a message after it was handed over → record: see `feedback-events.ts`. In the partition of their message. */
export const EMAIL_FEEDBACK = 'email.feedback'
export const FEEDBACK_PARTITIONS = 4

/** Each appender of `analytics.events` has a partition of its own, so that none waits for another's transaction. */
export const ANALYTICS_PARTITION = { record: 0, dispatch: 1, feedback: 2 } as const

export const TOPICS = {
  [EMAIL_SEND]: { partitions: SHARD_COUNT, groups: ['deliver'] },
  [EMAIL_EVENTS]: { partitions: SHARD_COUNT, groups: ['record'] },
  [EMAIL_FEEDBACK]: { partitions: FEEDBACK_PARTITIONS, groups: ['record'] },
  [ANALYTICS_EVENTS]: { partitions: 3, groups: ['history'] },
} as const

export type SendingMode = 'sandbox' | 'live'

export interface LastReply {
  readonly code: number
  readonly enhanced: string | null
  readonly reply: string
}

/** One attempt to make. It carries what rendering needs, so that delivery reads nothing per message. */
export interface SendJob {
  readonly messageId: string
  readonly tenantId: string
  readonly campaignId: string
  readonly contactId: string | null
  readonly recipient: string
  readonly firstName: string | null
  readonly lastName: string | null
  readonly attributes: Readonly<Record<string, unknown>>
  readonly mode: SendingMode
  readonly domain: string
  readonly provider: string
  /** Id of the provider's row in `destinations`: whose credits this job has used. */
  readonly destination: number
  readonly attempt: number
  /** Where the last attempt left from, if the next one should leave from there, too. */
  readonly lastSource: string | null
  /** Why the last attempt did not deliver; null before the first. */
  readonly lastClass: string | null
  /** What a receiver said last; null when none has said anything. */
  readonly lastReply: LastReply | null
  /** RFC 3339. With the epoch it names this claim, so that an outcome can never be taken for one of a later claim. */
  readonly claimedAt: string
  /** RFC 3339. When the first attempt was claimed plus the life of a message. */
  readonly expiresAt: string
}

export interface SendBatch {
  readonly shard: number
  readonly epoch: number
  readonly jobs: readonly SendJob[]
}

/** How an attempt ended, as delivery says it. `returned`: not tried, and the attempt does not count. */
export type OutcomeType = 'delivered' | 'sent' | 'deferred' | 'bounced' | 'failed' | 'suppressed' | 'returned'

export interface OutcomeEvent {
  readonly type: OutcomeType
  readonly messageId: string
  readonly tenantId: string
  readonly campaignId: string
  readonly contactId: string | null
  readonly attempt: number
  readonly claimedAt: string
  readonly domain: string
  readonly provider: string
  readonly source: string
  /** RFC 3339. */
  readonly startedAt: string
  readonly at: string
  readonly code: number | null
  readonly enhanced: string | null
  readonly class: BounceClass | null
  readonly reply: string | null
  /** For `deferred`, and for `returned` when there is something to wait for. */
  readonly retryAt: string | null
  readonly inDoubt: boolean
  readonly mxHost: string | null
  readonly mxAddress: string | null
  readonly isTls: boolean
  readonly transcript: string | null
}

/** Payloads of `email.events`. */
export type EmailEventsPayload =
  | {
      readonly kind: 'outcomes'
      readonly shard: number
      readonly epoch: number
      readonly events: readonly OutcomeEvent[]
    }
  | { readonly kind: 'takeover'; readonly shard: number; readonly epoch: number }

/** What the history keeps: an outcome, or something that happened without an attempt. */
export interface HistoryEvent {
  readonly type:
    | 'sent'
    | 'delivered'
    | 'deferred'
    | 'bounced'
    | 'failed'
    | 'suppressed'
    | 'cancelled'
    | 'opened'
    | 'clicked'
    | 'complained'
    | 'unsubscribed'
  readonly messageId: string
  readonly tenantId: string
  readonly campaignId: string
  readonly contactId: string | null
  readonly at: string
  readonly attempt: number
  readonly domain: string
  readonly provider: string
  readonly source: string
  readonly code: number | null
  readonly enhanced: string | null
  readonly class: BounceClass | null
  readonly reply: string | null
  readonly inDoubt: boolean
  /** Present when an attempt was made. */
  readonly session: AttemptSession | null
  /** Who did it and with what: for what came back after a message was handed over. */
  readonly detail?: EventDetail
}

export interface EventDetail {
  readonly ip: string | null
  readonly userAgent: string | null
  /** What else is known, by the type of the event: see `feedback-events.ts`. */
  readonly data: Readonly<Record<string, unknown>>
}

export interface AttemptSession {
  readonly startedAt: string
  readonly mxHost: string | null
  readonly mxAddress: string | null
  readonly isTls: boolean
  readonly transcript: string | null
}

export interface AnalyticsPayload {
  readonly events: readonly HistoryEvent[]
}

const FINAL_STATES = ['delivered', 'sent', 'bounced', 'failed', 'suppressed', 'cancelled'] as const
export type FinalState = (typeof FINAL_STATES)[number]

/** Whether nothing more will be tried. A late bounce may still move `delivered` or `sent` to `bounced`. */
export function isFinal(type: string): type is FinalState {
  return FINAL_STATES.some((state) => state === type)
}

/** Something that happened to a message without an attempt: suppressed at accept, cancelled, heard of later. */
export function eventWithoutAttempt(
  type: HistoryEvent['type'],
  message: {
    messageId: string
    tenantId: string
    campaignId: string
    contactId: string | null
    domain: string
  },
  at: Date,
): HistoryEvent {
  return {
    ...message,
    type,
    at: at.toISOString(),
    attempt: 0,
    provider: '',
    source: '',
    code: null,
    enhanced: null,
    class: null,
    reply: null,
    inDoubt: false,
    session: null,
  }
}
