import {
  ANALYTICS_EVENTS,
  ANALYTICS_PARTITION,
  type AnalyticsPayload,
  type EmailEventsPayload,
  type HistoryEvent,
  type OutcomeEvent,
} from '#events/email-events.ts'
import type { Clock } from '#platform/clock.ts'
import type { Log } from '#platform/log.ts'
import type { Transaction } from '#platform/postgres/database.ts'
import type { Stream } from '#platform/stream/stream.ts'
import { learnFromBounces, type Bounce, type Lesson } from '#suppressions/learn-from-bounces.ts'
import { applyOutcomes, releaseClaims, type AppliedOutcome, type FencedOutcome } from './record.store.ts'

export interface RecordDeps {
  readonly stream: Stream
  readonly clock: Clock
  readonly log: Log
}

/** Events carry transcripts: a record of this many stays small enough to be read with others. */
const HISTORY_RECORD_EVENTS = 1_000

/**
 * Applies records of `email.events` in their order, inside the transaction that moves the offsets: outcomes up to a
 * takeover, then the takeover, then what follows. What took effect goes on to the history.
 */
export async function recordEvents(
  deps: RecordDeps,
  payloads: readonly EmailEventsPayload[],
  transaction: Transaction,
): Promise<void> {
  let waiting: FencedOutcome[] = []
  for (const payload of payloads) {
    if (payload.kind === 'outcomes') {
      for (const event of payload.events) waiting.push({ epoch: payload.epoch, event })
      continue
    }
    await applyAll(deps, waiting, transaction)
    waiting = []
    const released = await releaseClaims(transaction, payload.shard, payload.epoch, deps.clock.now())
    if (released > 0)
      deps.log.info(
        { shard: payload.shard, epoch: payload.epoch, released },
        'Released claims of an earlier owner.',
      )
  }
  await applyAll(deps, waiting, transaction)
}

async function applyAll(
  deps: RecordDeps,
  outcomes: readonly FencedOutcome[],
  transaction: Transaction,
): Promise<void> {
  const endings: EndedMessage[] = []
  for (const round of inRounds(outcomes)) {
    const applied = await applyOutcomes(transaction, round, deps.clock.now())
    const effective = round.flatMap(({ event }) => {
      const message = applied.get(`${event.messageId}/${event.attempt}`)
      return message === undefined ? [] : [{ ...message, event }]
    })
    if (effective.length === 0) continue
    endings.push(...effective)
    await tellHistory(
      deps.stream,
      transaction,
      ANALYTICS_PARTITION.record,
      effective.map(({ event }) => historyOf(event)),
    )
  }
  if (endings.length > 0) await learnFromBounces(transaction, lessonOf(endings), deps.clock.now())
}

/** Hands on what took effect, in the transaction in which it did. */
export async function tellHistory(
  stream: Pick<Stream, 'append'>,
  transaction: Transaction,
  partition: number,
  events: readonly HistoryEvent[],
): Promise<void> {
  if (events.length === 0) return
  const records = inChunks(events, HISTORY_RECORD_EVENTS).map((chunk) => {
    const payload: AnalyticsPayload = { events: chunk }
    return { partition, key: 'record', payload }
  })
  await stream.append(ANALYTICS_EVENTS, records, transaction)
}

/** A statement sees a message once: a second outcome of the same message (a replayed journal) waits for the next round. */
export function inRounds(outcomes: readonly FencedOutcome[]): FencedOutcome[][] {
  const rounds: FencedOutcome[][] = []
  const seen = new Map<string, number>()
  for (const outcome of outcomes) {
    const round = seen.get(outcome.event.messageId) ?? 0
    seen.set(outcome.event.messageId, round + 1)
    const members = rounds[round]
    if (members === undefined) rounds.push([outcome])
    else members.push(outcome)
  }
  return rounds
}

interface EndedMessage extends AppliedOutcome {
  readonly event: OutcomeEvent
}

/** What the ends of messages say about addresses: a refusal in the session, or a domain that is not there. */
function lessonOf(endings: readonly EndedMessage[]): Lesson {
  const delivered = endings.filter(({ event }) => event.type === 'delivered')
  const bounces = endings.flatMap(({ event, mode, refused }): Bounce[] => {
    const isAboutRecipient =
      event.type === 'bounced' || (event.type === 'failed' && event.class === 'host_unknown')
    if (!isAboutRecipient || refused === null || event.class === null) return []
    const { messageId, tenantId, provider, class: why, at } = event
    const isHard = event.type === 'failed' || (event.code !== null && event.code >= 500)
    return [{ messageId, tenantId, mode, recipient: refused, provider, class: why, isHard, at: new Date(at) }]
  })
  return {
    endings: endings
      .filter(({ event }) => event.type === 'delivered' || event.type === 'bounced')
      .map(({ event, mode }) => ({ mode, provider: event.provider })),
    bounces,
    deliveredIds: delivered.map(({ event }) => event.messageId),
  }
}

function inChunks<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, at) =>
    items.slice(at * size, (at + 1) * size),
  )
}

function historyOf(event: OutcomeEvent): HistoryEvent {
  const {
    messageId,
    tenantId,
    campaignId,
    contactId,
    attempt,
    domain,
    provider,
    source,
    at,
    code,
    enhanced,
    reply,
    inDoubt,
  } = event
  const { startedAt, mxHost, mxAddress, isTls, transcript } = event
  return {
    type: event.type === 'returned' ? 'deferred' : event.type,
    messageId,
    tenantId,
    campaignId,
    contactId,
    attempt,
    domain,
    provider,
    source,
    at,
    code,
    enhanced,
    class: event.class,
    reply,
    inDoubt,
    session: { startedAt, mxHost, mxAddress, isTls, transcript },
  }
}
