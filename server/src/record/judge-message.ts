import { isFinal } from '#events/email-events.ts'
import type { MessageHistory } from './reconcile-history.store.ts'
import type { LedgerMessage, Span } from './reconcile-ledger.store.ts'

/** A row that is not what the others say it should be. */
export interface Finding {
  readonly table: 'campaigns' | 'campaign_tallies' | 'messages' | 'deliveries' | 'email_events' | 'attempts'
  /** The id of the row; of a table without one, what identifies it. */
  readonly row: string
  readonly expected: string
  readonly found: string
}

/** What is wrong with a message, and what it would count as in the tallies if the history is right. */
export interface Verdict {
  readonly finding: Finding
  readonly campaignId: string | null
  /** The tally in which the message is, and the one in which it should be; null for none. */
  readonly counted: TallyKey | null
  readonly belongs: TallyKey | null
  /** The message's row is missing: its campaign's `accepted` is right. */
  readonly isMissing: boolean
  /** The finding when the tallies agree with the row and not with the history. */
  readonly otherwise: Finding | null
}

export interface TallyKey {
  readonly provider: string
  readonly state: string
  readonly class: string
  readonly retried: boolean
}

/** Holds a message against its delivery, its events and its attempts. Null when all of them agree. */
export function judgeMessage(
  message: LedgerMessage | undefined,
  history: MessageHistory | undefined,
  span: Span,
): Verdict | null {
  if (message === undefined || message.state === null) return judgeMissing(message, history)
  return (
    judgeState(message, message.state, history, span) ?? judgeAttempts(message, message.state, history, span)
  )
}

function judgeMissing(
  message: LedgerMessage | undefined,
  history: MessageHistory | undefined,
): Verdict | null {
  const id = message?.id ?? history?.id
  if (id === undefined) return null
  const [final] = standingFinals(history?.finals ?? [])
  const witness =
    final === undefined
      ? message === undefined
        ? 'the history has events of it'
        : 'its delivery waits'
      : `the history says ${final}`
  const belongs =
    history === undefined || final === undefined
      ? null
      : {
          provider: history.final_provider,
          state: final,
          class: history.final_class,
          retried: history.final_attempt > 1,
        }
  return {
    finding: { table: 'messages', row: id, expected: `a row: ${witness}`, found: 'none' },
    campaignId: message?.campaign_id ?? history?.campaign ?? null,
    counted: null,
    belongs,
    isMissing: true,
    otherwise: null,
  }
}

function judgeState(
  message: LedgerMessage,
  state: string,
  history: MessageHistory | undefined,
  span: Span,
): Verdict | null {
  const finals = standingFinals(history?.finals ?? [])
  const [final] = finals
  if (isFinal(state) && finals.length === 1 && final === state && !message.waits) return null
  if (!isFinal(state) && final === undefined && message.waits) return null
  const isForgotten = message.updated_at <= span.eventsSince
  if (isFinal(state) && final === undefined && !message.waits) {
    return isForgotten
      ? null
      : verdict(message, {
          table: 'email_events',
          row: message.id,
          expected: `one event: ${state}`,
          found: 'none',
        })
  }
  if (isFinal(state) && finals.length > 1) {
    return verdict(message, {
      table: 'email_events',
      row: message.id,
      expected: `one event: ${state}`,
      found: finals.join(', '),
    })
  }
  if (!isFinal(state) && final === undefined) {
    return verdict(message, {
      table: 'deliveries',
      row: message.id,
      expected: `one row: the message is ${state}`,
      found: 'none',
    })
  }
  if (final === state) {
    return verdict(message, {
      table: 'deliveries',
      row: message.id,
      expected: `none: the message is ${state}`,
      found: 'one row',
    })
  }
  return wrongState(message, state, final)
}

/** The state, or else the event: the tallies will tell which. */
function wrongState(message: LedgerMessage, state: string, final: string | undefined): Verdict {
  const should = final ?? 'queued or deferred: its delivery waits'
  return {
    ...verdict(message, { table: 'messages', row: message.id, expected: should, found: state }),
    counted: isFinal(state) ? tallyOf(message, state) : null,
    belongs: final === undefined ? null : tallyOf(message, final),
    otherwise:
      final === undefined
        ? {
            table: 'deliveries',
            row: message.id,
            expected: `none: the message is ${state}`,
            found: 'one row',
          }
        : {
            table: 'email_events',
            row: message.id,
            expected: isFinal(state) ? `one event: ${state}` : 'no final event',
            found: final,
          },
  }
}

function judgeAttempts(
  message: LedgerMessage,
  state: string,
  history: MessageHistory | undefined,
  span: Span,
): Verdict | null {
  if (message.attempts === 0 || message.updated_at <= span.attemptsSince) return null
  const [tries, attempts] = [history?.tries ?? 0, history?.attempts ?? 0]
  if (tries < message.attempts && !message.waits) {
    return verdict(message, {
      table: 'email_events',
      row: message.id,
      expected: `events of ${message.attempts} attempts`,
      found: String(tries),
    })
  }
  if (message.waits) return null
  if (attempts < message.attempts) {
    return verdict(message, {
      table: 'attempts',
      row: message.id,
      expected: `${message.attempts} rows`,
      found: String(attempts),
    })
  }
  // A bounce that came back later is of no attempt.
  const ended = message.bounced_from ?? state
  if (isFinal(ended) && ended !== 'cancelled' && history?.last_outcome !== ended) {
    return verdict(message, {
      table: 'attempts',
      row: message.id,
      expected: `an attempt that ended: ${ended}`,
      found: history?.last_outcome ?? 'none',
    })
  }
  return null
}

/** A late bounce leaves the delivery that it takes back in the history. */
function standingFinals(finals: readonly string[]): readonly string[] {
  if (!finals.includes('bounced')) return finals
  return finals.filter((final) => final !== 'delivered' && final !== 'sent')
}

function verdict(message: LedgerMessage, finding: Finding): Verdict {
  return {
    finding,
    campaignId: message.campaign_id,
    counted: null,
    belongs: null,
    isMissing: false,
    otherwise: null,
  }
}

function tallyOf(message: LedgerMessage, state: string): TallyKey {
  const isCancelled = state === 'cancelled'
  return {
    provider: message.provider,
    state,
    class: isCancelled ? '' : message.class,
    retried: !isCancelled && message.attempts > 1,
  }
}
