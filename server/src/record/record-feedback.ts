import { parseAddress } from '@pigeon/mail/address.ts'
import {
  ANALYTICS_PARTITION,
  eventWithoutAttempt,
  type EventDetail,
  type HistoryEvent,
} from '#events/email-events.ts'
import type {
  BouncedFeedback,
  ComplainedFeedback,
  FeedbackEvent,
  FeedbackPayload,
  OpenedFeedback,
  UnsubscribedFeedback,
} from '#events/feedback-events.ts'
import type { Transaction } from '#platform/postgres/database.ts'
import { countComplaints } from '#sources/complaints.ts'
import { learnFromBounces } from '#suppressions/learn-from-bounces.ts'
import { learnFromComplaints } from '#suppressions/learn-from-complaints.ts'
import {
  applyLateBounces,
  countHeard,
  findComplained,
  findFeedbackMessages,
  noteSeen,
  type FeedbackMessage,
  type HeardOf,
} from './feedback.store.ts'
import { tellHistory, type RecordDeps } from './record-events.ts'

/** Reports that say the opposite of a complaint, or nothing about the recipient (RFC 6430; RFC 6591). */
const NO_COMPLAINTS: ReadonlySet<string> = new Set(['not-spam', 'auth-failure'])

/** News with the message that they are of. */
interface News<Event extends FeedbackEvent = FeedbackEvent> {
  readonly event: Event
  readonly message: FeedbackMessage
  /** When it happened, and not later than now, whatever clock said so. */
  readonly at: Date
}

/**
 * Applies records of `email.feedback`, inside the transaction that moves the offsets. News that were seen before, of a
 * message that is not there, or signed for another tenant than the message's, change nothing. What took effect goes on to the
 * history.
 */
export async function recordFeedback(
  deps: RecordDeps,
  payloads: readonly FeedbackPayload[],
  transaction: Transaction,
): Promise<void> {
  const now = deps.clock.now()
  const news = await freshNews(
    transaction,
    payloads.flatMap((payload) => payload.events),
    now,
  )
  if (news.length === 0) return
  const told = [
    ...(await recordBounces(transaction, news.filter(isBounced), now)),
    ...(await recordComplaints(deps, transaction, news.filter(isComplaint), now)),
    ...(await recordTraces(transaction, news.filter(isTrace))),
  ]
  await tellHistory(deps.stream, transaction, ANALYTICS_PARTITION.feedback, told)
}

async function freshNews(
  transaction: Transaction,
  events: readonly FeedbackEvent[],
  now: Date,
): Promise<News[]> {
  const messages = await findFeedbackMessages(transaction, [
    ...new Set(events.map((event) => event.messageId)),
  ])
  const known = new Map<string, News>()
  for (const event of events) {
    const message = messages.get(event.messageId)
    if (message === undefined || known.has(event.id)) continue
    if (event.tenantId !== null && event.tenantId !== message.tenant_id) continue
    known.set(event.id, { event, message, at: earlier(new Date(event.at), now) })
  }
  if (known.size === 0) return []
  const fresh = await noteSeen(transaction, [...known.keys()], now)
  return [...known].filter(([id]) => fresh.has(id)).map(([, news]) => news)
}

function earlier(at: Date, now: Date): Date {
  return at < now ? at : now
}

async function recordBounces(
  transaction: Transaction,
  news: readonly News<BouncedFeedback>[],
  now: Date,
): Promise<HistoryEvent[]> {
  if (news.length === 0) return []
  const first = firstOfEach(news)
  const moved = await applyLateBounces(
    transaction,
    first.map(({ event, at }) => ({ ...event, at })),
  )
  const effective = first.filter(({ message }) => moved.has(message.id))
  const bounces = effective.map(({ event, message, at }) => ({
    tenantId: message.tenant_id,
    messageId: message.id,
    mode: message.mode,
    recipient: message.recipient,
    provider: message.provider,
    class: event.class,
    isHard: event.isHard,
    at,
  }))
  await learnFromBounces(transaction, { endings: [], bounces, deliveredIds: [] }, now)
  return effective.map((each) => ({
    ...heardOf(each, {
      via: each.event.via,
      hard: each.event.isHard,
      reporting_mta: each.event.reportingMta,
    }),
    code: each.event.code,
    enhanced: each.event.enhanced,
    class: each.event.class,
    reply: each.event.reply,
  }))
}

async function recordComplaints(
  deps: RecordDeps,
  transaction: Transaction,
  news: readonly News<ComplainedFeedback>[],
  now: Date,
): Promise<HistoryEvent[]> {
  const complaints = firstOfEach(news).filter(({ event }) => !NO_COMPLAINTS.has(event.feedbackType))
  if (complaints.length === 0) return []
  const known = await findComplained(
    transaction,
    complaints.map(({ message }) => message.id),
  )
  const fresh = complaints.filter(({ message }) => !known.has(message.id))
  if (fresh.length === 0) return []
  await countHeard(
    transaction,
    fresh.map(({ message, at }): HeardOf => ({ message, kind: 'complained', byMachine: false, at })),
  )
  await countComplaints(
    { db: transaction, clock: deps.clock },
    fresh.map(({ message }) => message),
  )
  await learnFromComplaints(
    transaction,
    fresh.map(({ message }) => ({
      tenantId: message.tenant_id,
      messageId: message.id,
      mode: message.mode,
      recipient: message.recipient,
    })),
    now,
  )
  return fresh.map((each) =>
    heardOf(each, {
      feedback_type: each.event.feedbackType,
      reporter: each.event.reporter,
      via: each.event.via,
    }),
  )
}

async function recordTraces(
  transaction: Transaction,
  news: readonly News<OpenedFeedback | UnsubscribedFeedback>[],
): Promise<HistoryEvent[]> {
  if (news.length === 0) return []
  await countHeard(
    transaction,
    news.map(({ event, message, at }): HeardOf => {
      const byMachine = event.type !== 'unsubscribed' && event.machineSigns.length > 0
      return { message, kind: event.type, byMachine, at }
    }),
  )
  return news.map((each) => {
    const { event } = each
    if (event.type === 'unsubscribed') return heardOf(each)
    const data = { url: event.url, link: event.link, machine_signs: event.machineSigns }
    return heardOf(each, data, { ip: event.ip, userAgent: event.userAgent })
  })
}

/** Of several news of one kind about a message, the first. */
function firstOfEach<Event extends FeedbackEvent>(news: readonly News<Event>[]): News<Event>[] {
  const first = new Map<string, News<Event>>()
  for (const each of news) if (!first.has(each.message.id)) first.set(each.message.id, each)
  return [...first.values()]
}

/** As the history keeps it: no attempt was made, and provider and source are those that the message left through. */
function heardOf(
  { event, message, at }: News,
  data?: EventDetail['data'],
  from: Omit<EventDetail, 'data'> = { ip: null, userAgent: null },
): HistoryEvent {
  const address = parseAddress(message.recipient, { allowSingleLabel: true })
  const of = {
    messageId: message.id,
    tenantId: message.tenant_id,
    campaignId: message.campaign_id ?? '',
    contactId: message.contact_id,
    domain: address.ok ? address.domain : '',
  }
  const { provider, source } = message
  const plain = { ...eventWithoutAttempt(event.type, of, at), provider, source }
  return data === undefined ? plain : { ...plain, detail: { ...from, data } }
}

function isBounced(news: News): news is News<BouncedFeedback> {
  return news.event.type === 'bounced'
}

function isComplaint(news: News): news is News<ComplainedFeedback> {
  return news.event.type === 'complained'
}

function isTrace(news: News): news is News<OpenedFeedback | UnsubscribedFeedback> {
  return !isBounced(news) && !isComplaint(news)
}
