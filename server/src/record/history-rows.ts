import { isIPv4, isIPv6 } from 'node:net'
import type { HistoryEvent } from '#events/email-events.ts'

/** What the history writes for an id that a message does not have. */
const NO_ID = '00000000-0000-0000-0000-000000000000'
const NO_ADDRESS = '::'

/** A row of `email_events`: something that happened to a message. */
export function eventRow(event: HistoryEvent): object {
  return {
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
    ip: ipv6Of(event.detail?.ip ?? null),
    user_agent: event.detail?.userAgent ?? '',
    event_data: event.detail === undefined ? '' : JSON.stringify(event.detail.data),
    timestamp: event.at,
  }
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
