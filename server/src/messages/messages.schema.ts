import { Type } from 'typebox'
import { Id, Nullable, PageQuery, Timestamp } from '#http/schemas.ts'

export const MessageSchema = Type.Object(
  {
    id: Id,
    campaign_id: Nullable(Id),
    contact_id: Nullable(Id),
    recipient: Type.String(),
    state: Type.String({
      description: 'queued, sending, deferred, delivered, sent, bounced, failed, suppressed or cancelled.',
    }),
    mode: Type.Enum(['sandbox', 'live']),
    in_doubt: Type.Boolean({
      description: 'An attempt ended after the final dot without a reply: it may have arrived.',
    }),
    provider: Type.String(),
    attempts: Type.Integer(),
    code: Nullable(Type.Integer()),
    enhanced: Nullable(Type.String()),
    class: Nullable(Type.String()),
    reply: Nullable(Type.String()),
    next_attempt_at: Nullable(Timestamp),
    expires_at: Nullable(Timestamp),
    created_at: Timestamp,
    updated_at: Timestamp,
    timeline: Type.Array(
      Type.Object({
        type: Type.String(),
        at: Type.String({ format: 'date-time' }),
        attempt: Type.Integer(),
        provider: Type.String(),
        source: Type.String(),
        code: Type.Integer(),
        enhanced: Type.String(),
        class: Type.String(),
        reply: Type.String(),
      }),
    ),
    attempts_made: Type.Array(
      Type.Object({
        attempt: Type.Integer(),
        started_at: Type.String({ format: 'date-time' }),
        ended_at: Type.String({ format: 'date-time' }),
        mx_host: Type.String(),
        mx_ip: Type.String(),
        tls: Type.Boolean(),
        outcome: Type.String(),
        code: Type.Integer(),
        reply: Type.String(),
        transcript: Type.String({
          description: 'The SMTP session, kept for 30 days. The content is shown as its length.',
        }),
      }),
    ),
  },
  { $id: 'Message' },
)

const Count = Type.Integer({ minimum: 0 })

export const SandboxQuery = Type.Object({
  limit: PageQuery.properties.limit,
  cursor: PageQuery.properties.cursor,
  recipient: Type.Optional(Type.String({ maxLength: 320 })),
  campaign_id: Type.Optional(Id),
})

const summary = {
  sequence: Count,
  message_id: Nullable(Type.String({ description: 'The id of the message in Pigeon.' })),
  received_at: Type.String({ format: 'date-time' }),
  provider: Type.String(),
  mail_from: Type.String(),
  rcpt_to: Type.Array(Type.String()),
  subject: Nullable(Type.String()),
  size_bytes: Count,
  tls: Type.Boolean(),
  has_raw: Type.Boolean({ description: 'Only the newest messages keep their bytes.' }),
}

export const SandboxMessageSummarySchema = Type.Object(summary, { $id: 'SandboxMessageSummary' })

const Mailbox = Type.Object({ name: Type.String(), address: Type.String() })

export const SandboxMessageSchema = Type.Object(
  {
    ...summary,
    headers: Type.Array(Type.Object({ name: Type.String(), value: Type.String() })),
    from: Nullable(Mailbox),
    to: Type.Array(Mailbox),
    html: Nullable(Type.String()),
    text: Nullable(Type.String()),
    attachments: Type.Array(
      Type.Object({
        filename: Nullable(Type.String()),
        content_type: Type.String(),
        disposition: Nullable(Type.String()),
        size_bytes: Count,
      }),
    ),
    dkim: Type.Array(
      Type.Object(
        {
          domain: Type.String(),
          selector: Type.String(),
          algorithm: Type.String(),
          result: Type.String(),
          comment: Nullable(Type.String()),
        },
        { description: 'The verdict of an independent verifier, one for each signature.' },
      ),
    ),
  },
  { $id: 'SandboxMessage' },
)

export const SequenceParams = Type.Object({ sequence: Type.Integer({ minimum: 0 }) })

export const SandboxStatsQuery = Type.Object({ campaign_id: Id })

export const SandboxStatsSchema = Type.Object(
  {
    received: Count,
    distinct: Count,
    duplicates: Count,
    by_provider: Type.Record(
      Type.String(),
      Type.Object({ received: Count, distinct: Count, duplicates: Count }),
    ),
  },
  { $id: 'SandboxStats' },
)
