import { Type } from 'typebox'
import { Id, Nullable, Timestamp } from '#http/schemas.ts'

export const ExplainBody = Type.Object({
  to: Type.String({ minLength: 3, maxLength: 320, examples: ['someone@example.com'] }),
  from: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 320,
      description: "The sender: a domain or an address. The campaign's when absent.",
      examples: ['example.org'],
    }),
  ),
  message_class: Type.Optional(
    Type.Enum(['bulk', 'transactional'], { description: "The campaign's when absent, else bulk." }),
  ),
  campaign_id: Type.Optional(Id),
})

const Mode = Type.Enum(['sandbox', 'live'])

export const LaneOutlookSchema = Type.Object({
  source_id: Id,
  source: Type.String(),
  kind: Type.Enum(['ip', 'relay']),
  pool: Type.String(),
  weight: Type.Integer(),
  state: Type.Enum(['open', 'slowed', 'suspended', 'probing', 'paused', 'draining']),
  can_send: Type.Boolean(),
  reason: Type.String({ description: 'In words, with what to do about it.' }),
  ready_at: Nullable(Timestamp),
  is_warming: Type.Boolean(),
  budget_left: Nullable(Type.Integer({ description: 'Of today; null: no warm-up budget.' })),
  allowed_per_minute: Nullable(Type.Number()),
  sending_per_minute: Type.Number(),
  max_connections: Nullable(Type.Integer()),
})

export const ExplanationSchema = Type.Object(
  {
    recipient: Type.String(),
    domain: Type.String(),
    mode: Mode,
    verdict: Type.Enum(['sends', 'waits', 'stops']),
    explanation: Type.String({ description: 'The verdict in plain language, with the fix.' }),
    obstacles: Type.Array(
      Type.Object({
        code: Type.String(),
        message: Type.String({ description: 'What is in the way, and what to do about it.' }),
        is_final: Type.Boolean({ description: 'It stops the message; otherwise the message waits.' }),
      }),
    ),
    suppressed: Nullable(Type.String({ description: 'Why this address must not be written to.' })),
    sender: Type.Object({
      domain: Type.String(),
      is_allowed: Type.Boolean(),
      signed_by: Nullable(Type.String({ description: 'The d= of its DKIM signatures.' })),
      dkim: Type.Array(Type.Object({ selector: Type.String(), algorithm: Type.String() })),
    }),
    mx: Type.Object({
      kind: Type.Enum(['hosts', 'null_mx', 'no_domain', 'temporary']),
      ttl_seconds: Type.Integer(),
      reason: Nullable(Type.String()),
      hosts: Type.Array(
        Type.Object({
          name: Type.String(),
          priority: Type.Integer(),
          addresses: Type.Array(Type.String()),
        }),
      ),
    }),
    provider: Nullable(Type.Object({ name: Type.String(), reason: Type.String() })),
    destination: Nullable(
      Type.Object(
        { id: Type.Integer(), shard: Type.Integer(), stopped: Type.Boolean() },
        { description: 'Null while nothing has gone to this provider.' },
      ),
    ),
    pool: Type.Object({ id: Id, name: Type.String(), reason: Type.String() }),
    sources: Type.Array(LaneOutlookSchema, {
      description: 'Of the pool, then of those that it overflows into.',
    }),
    wait: Nullable(
      Type.Object({
        seconds: Nullable(Type.Integer({ description: 'Null: nobody knows.' })),
        reason: Type.String(),
      }),
    ),
    tls: Type.Array(Type.String()),
    retry: Type.Object({
      waits_seconds: Type.Array(Type.Number(), { description: 'Each ±25 %.' }),
      expires_seconds: Type.Number(),
      reason: Type.String(),
    }),
  },
  { $id: 'Explanation' },
)
