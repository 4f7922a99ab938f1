import { ANALYTICS_EVENTS, WEBHOOKS, type AnalyticsPayload, type HistoryEvent } from '#events/email-events.ts'
import { webhookRecords, type WebhookEvent } from '#events/webhook-events.ts'
import type { Clock } from '#platform/clock.ts'
import type { Log } from '#platform/log.ts'
import type { Database, Transaction } from '#platform/postgres/database.ts'
import { consumeTransactionally } from '#platform/stream/consume.ts'
import { OffsetMoved, type Stream } from '#platform/stream/stream.ts'
import { emailWebhook } from './email-webhook.ts'
import { hasWebhooks, selectListeners, selectRecipients } from './webhooks.store.ts'

export interface TapDeps {
  readonly db: Database
  readonly stream: Stream
  readonly clock: Clock
  readonly log: Log
}

const GROUP = 'webhooks'
/** Each holds up to 1,000 events with their transcripts. */
const MAX_RECORDS = 8
const REST_MS = 250
/** While nobody listens, how often it is looked whether somebody does. */
const IDLE_MS = 1_000

/**
 * Tells the topic `webhooks` of the events of messages whose tenant has somebody who listens, until `signal` aborts. It
 * runs wherever events are recorded: the stream keeps what one of its groups has not passed.
 */
export async function runWebhookTap(deps: TapDeps, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    if (await passUnheard(deps)) await deps.clock.sleep(IDLE_MS, signal)
    else await tapWhileHeard(deps, signal)
  }
}

/** Reads events until nobody listens any more. */
async function tapWhileHeard(deps: TapDeps, signal: AbortSignal): Promise<void> {
  const over = new AbortController()
  await consumeTransactionally({
    ...deps,
    topic: ANALYTICS_EVENTS,
    group: GROUP,
    maxRecords: MAX_RECORDS,
    restMs: REST_MS,
    signal: AbortSignal.any([signal, over.signal]),
    handle: async (records, transaction) => {
      // The writers of this topic are ours, and its payloads are of this type.
      const events = records.flatMap((record) => (record.payload as AnalyticsPayload).events)
      if (!(await tapEvents(deps, events, transaction)) && !(await hasWebhooks(transaction))) over.abort()
    },
  })
}

/**
 * Where nobody listens nothing is read: the group moves to where the history stands. True when that was so, and when it
 * cannot be known now.
 */
export async function passUnheard(deps: TapDeps): Promise<boolean> {
  const { db, stream, log } = deps
  try {
    // In this order: what is skipped was there before it was known that nobody listens.
    const reached = await stream.offsets(ANALYTICS_EVENTS, 'history')
    if (await hasWebhooks(db)) return false
    const own = await stream.offsets(ANALYTICS_EVENTS, GROUP)
    const moves = [...reached].map(([partition, to]) => ({ partition, from: own.get(partition) ?? 0n, to }))
    await stream.commit(
      ANALYTICS_EVENTS,
      GROUP,
      moves.filter(({ from, to }) => to > from),
    )
  } catch (error) {
    if (!(error instanceof OffsetMoved)) log.warn({ err: error }, 'It is not known whether webhooks listen.')
  }
  return true
}

/** Appends what somebody wants to hear of these events, with the address of each message. True when there was any. */
export async function tapEvents(
  deps: Pick<TapDeps, 'stream'>,
  events: readonly HistoryEvent[],
  transaction: Transaction,
): Promise<boolean> {
  const listeners = await selectListeners(transaction, [...new Set(events.map((event) => event.tenantId))])
  const wanted = events.filter((event) =>
    listeners.some(
      (listener) =>
        listener.tenant_id === event.tenantId && (listener.events?.includes(`email.${event.type}`) ?? true),
    ),
  )
  if (wanted.length === 0) return false
  const recipients = await selectRecipients(transaction, [...new Set(wanted.map((event) => event.messageId))])
  const told = wanted.map((event): WebhookEvent =>
    emailWebhook(event, recipients.get(event.messageId) ?? null),
  )
  await deps.stream.append(WEBHOOKS, webhookRecords(told), transaction)
  return true
}
