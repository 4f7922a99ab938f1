import { createHash } from 'node:crypto'
import { isIPv4, isIPv6 } from 'node:net'
import type { HistoryEvent } from '#events/email-events.ts'
import { uuidv7Ms } from '#platform/ids.ts'

/** What the history writes for an id that a message does not have. */
const NO_ID = '00000000-0000-0000-0000-000000000000'
const NO_ADDRESS = '::'

/** What is read out of an address and a user agent; see the feature analytics. */
export interface HistoryReaders {
  /** ISO 3166-1 alpha-2, empty when unknown. */
  readonly countryOf: (address: string) => string
  readonly clientOf: (userAgent: string) => {
    readonly client: string
    readonly os: string
    readonly device: string
  }
}

/** Where an event stands in the stream. */
export interface Place {
  readonly partition: number
  readonly offset: bigint
  /** Among the events of its record. */
  readonly index: number
}

/** A row of `email_events`: something that happened to a message. */
export function eventRow(event: HistoryEvent, id: string, readers: HistoryReaders): object {
  const { ip = null, userAgent = null, data = {} } = event.detail ?? {}
  return {
    id,
    tenant_id: event.tenantId,
    campaign_id: idOf(event.campaignId),
    contact_id: idOf(event.contactId),
    message_id: event.messageId,
    event_type: event.type,
    provider: event.provider,
    source: event.source,
    domain: event.domain,
    attempt: event.attempt,
    code: event.code ?? 0,
    enhanced: event.enhanced ?? '',
    class: event.class ?? '',
    reply: event.reply ?? '',
    in_doubt: event.inDoubt,
    ip_address: ipv6Of(ip),
    user_agent: userAgent ?? '',
    event_data: wellFormed(data),
    via: typeof data['via'] === 'string' ? data['via'] : '',
    waited_ms: waitedMs(event),
    is_machine: Array.isArray(data['machine_signs']) && data['machine_signs'].length > 0,
    country: ip === null ? '' : readers.countryOf(ip),
    ...readers.clientOf(userAgent ?? ''),
    timestamp: event.at,
  }
}

/** The column is JSON, and refuses a batch in which one text holds half a surrogate pair: here that becomes U+FFFD. */
function wellFormed(data: Readonly<Record<string, unknown>>): unknown {
  return JSON.parse(
    JSON.stringify(data, (_key, value: unknown) =>
      typeof value === 'string' ? value.toWellFormed() : value,
    ),
  )
}

/** The same event at the same place always has the same id (a UUIDv8, RFC 9562, 5.8): read again, it is not another one. */
export function eventId(event: HistoryEvent, { partition, offset, index }: Place): string {
  const { messageId, type, attempt, at } = event
  const text = [partition, offset, index, messageId, type, attempt, at].join('/')
  const hex = createHash('sha256').update(text).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

/** From when the message was accepted, which its UUIDv7 says, until it was handed over. At least 1: 0 means "no such time". */
function waitedMs(event: HistoryEvent): number {
  if (event.type !== 'delivered' && event.type !== 'sent') return 0
  const acceptedMs = uuidv7Ms(event.messageId)
  return acceptedMs === null ? 0 : Math.max(1, Date.parse(event.at) - acceptedMs)
}

/** A row of `attempts`, or null when nothing was tried. */
export function attemptRow(event: HistoryEvent): object | null {
  const { session } = event
  if (session === null) return null
  return {
    tenant_id: event.tenantId,
    campaign_id: idOf(event.campaignId),
    message_id: event.messageId,
    attempt: event.attempt,
    started_at: session.startedAt,
    ended_at: event.at,
    provider: event.provider,
    source: event.source,
    mx_host: session.mxHost ?? '',
    mx_ip: ipv6Of(session.mxAddress),
    tls: session.isTls,
    outcome: event.type,
    code: event.code ?? 0,
    enhanced: event.enhanced ?? '',
    class: event.class ?? '',
    reply: event.reply ?? '',
    in_doubt: event.inDoubt,
    transcript: session.transcript ?? '',
  }
}

/** Rows as the engine reads them fastest: one JSON object a line. */
export function jsonLines(rows: readonly object[]): Buffer {
  return Buffer.from(rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
}

/** An address as the column stores it: IPv4 mapped (RFC 4291, 2.5.5.2), `::` when there is none. */
export function ipv6Of(address: string | null): string {
  const plain = address?.replace(/%.*$/, '') ?? ''
  if (isIPv4(plain)) return `::ffff:${plain}`
  return isIPv6(plain) ? plain : NO_ADDRESS
}

/** About what the event takes as a row, without making it. */
export function textLength(event: HistoryEvent): number {
  return ROW_CHARS + (event.reply?.length ?? 0) * 2 + (event.session?.transcript?.length ?? 0)
}

const ROW_CHARS = 800

function idOf(id: string | null): string {
  return id === null || id === '' ? NO_ID : id
}
