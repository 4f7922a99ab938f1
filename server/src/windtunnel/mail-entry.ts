import { Type } from 'typebox'
import type { Static } from 'typebox'
import { Compile } from 'typebox/compile'
import type { ReceivedMessage } from './smtp-state.ts'

/** Only this much of a message is searched for its header fields. */
const MAX_HEADER_BYTES = 64 * 1024
const MAX_FIELD_CHARS = 998

const TextOrNull = Type.Union([Type.String(), Type.Null()])

const EntrySchema = Type.Object({
  sequence: Type.Integer(),
  received_at: Type.String(),
  provider: Type.String(),
  mail_from: Type.String(),
  rcpt_to: Type.Array(Type.String()),
  message_id: TextOrNull,
  /** As it stands in the header, encoded words not yet decoded. */
  subject: TextOrNull,
  tenant: TextOrNull,
  campaign: TextOrNull,
  size_bytes: Type.Integer(),
  tls: Type.Boolean(),
  ip: Type.String(),
  /** Where its bytes lie; `raw_bytes` is 0 when they were not kept. */
  segment: Type.Integer(),
  offset: Type.Integer(),
  raw_bytes: Type.Integer(),
})
/** What the store remembers of a message besides its bytes: one line of the index. */
export type Entry = Static<typeof EntrySchema>
const entryValidator = Compile(EntrySchema)

/** Undefined for a line that a crash tore or that somebody edited. */
export function parseEntry(line: string): Entry | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return entryValidator.Check(value) ? value : undefined
  } catch {
    return undefined
  }
}

export interface WantedFields {
  readonly messageId: string | undefined
  readonly feedbackId: string | undefined
  readonly subject: string | undefined
}

/** Finds three fields of the header section without parsing the message; folded values are unfolded. */
export function readWantedFields(content: Buffer): WantedFields {
  const blank = content.indexOf('\r\n\r\n')
  const end = Math.min(blank === -1 ? content.length : blank + 2, MAX_HEADER_BYTES)
  const header = content.toString('utf8', 0, end)
  let messageId: string | undefined
  let feedbackId: string | undefined
  let subject: string | undefined
  for (let from = 0; from < header.length;) {
    const to = endOfField(header, from)
    // First letters tell nearly every other field apart before any string is made.
    const first = header.charCodeAt(from) | 0x20
    if (first === 0x6d) messageId ??= fieldValue(header, from, to, 'message-id')
    else if (first === 0x66) feedbackId ??= fieldValue(header, from, to, 'feedback-id')
    else if (first === 0x73) subject ??= fieldValue(header, from, to, 'subject')
    from = to
  }
  return { messageId, feedbackId, subject }
}

function endOfField(header: string, from: number): number {
  let to = header.indexOf('\n', from)
  while (to !== -1 && (header.charCodeAt(to + 1) === 0x20 || header.charCodeAt(to + 1) === 0x09))
    to = header.indexOf('\n', to + 1)
  return to === -1 ? header.length : to + 1
}

function fieldValue(header: string, from: number, to: number, name: string): string | undefined {
  const colon = from + name.length
  if (header.charCodeAt(colon) !== 0x3a || header.slice(from, colon).toLowerCase() !== name) return undefined
  return header
    .slice(colon + 1, to)
    .replace(/\r?\n[ \t]+/g, ' ')
    .trim()
    .slice(0, MAX_FIELD_CHARS)
}

/** Feedback-ID is `campaign:tenant:class:pigeon`; an empty part is null, any other shape tells nothing. */
export function readFeedbackId(value: string | undefined): {
  campaign: string | null
  tenant: string | null
} {
  const parts = value?.split(':').map((part) => part.trim()) ?? []
  if (parts.length !== 4) return { campaign: null, tenant: null }
  return {
    campaign: parts[0] === '' ? null : (parts[0] ?? null),
    tenant: parts[1] === '' ? null : (parts[1] ?? null),
  }
}

export function makeEntry(
  message: ReceivedMessage,
  place: { sequence: number; segment: number; offset: number },
  now: Date,
): Entry {
  const fields = readWantedFields(message.content)
  return {
    sequence: place.sequence,
    received_at: now.toISOString(),
    provider: message.provider,
    mail_from: message.mailFrom,
    rcpt_to: [...message.rcptTo],
    message_id: fields.messageId ?? null,
    subject: fields.subject ?? null,
    ...readFeedbackId(fields.feedbackId),
    size_bytes: message.content.length,
    tls: message.tls,
    ip: message.ip,
    segment: place.segment,
    offset: place.offset,
    raw_bytes: message.keepRaw ? message.content.length : 0,
  }
}
