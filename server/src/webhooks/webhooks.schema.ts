import { Type } from 'typebox'
import { WEBHOOK_EVENTS } from '#events/webhook-events.ts'
import { Id, Nullable, PageQuery, Timestamp } from '#http/schemas.ts'
import { WEBHOOK_LIMITS } from './webhook.ts'

const EventName = Type.Enum([...WEBHOOK_EVENTS])
const State = Type.Enum(['pending', 'delivered', 'failed'])
const Events = Nullable(
  Type.Array(EventName, {
    minItems: 1,
    maxItems: WEBHOOK_EVENTS.length,
    description: 'Null: every event, those of later versions too.',
  }),
)

const input = {
  url: Type.String({
    minLength: 1,
    maxLength: WEBHOOK_LIMITS.urlChars,
    description: 'https, and a public address. Redirects are not followed.',
    examples: ['https://example.com/pigeon'],
  }),
  description: Type.Optional(Nullable(Type.String({ maxLength: WEBHOOK_LIMITS.descriptionChars }))),
  events: Type.Optional(Events),
}

export const NewWebhookBody = Type.Object(input, { $id: 'NewWebhook' })

export const WebhookBody = Type.Object(
  { ...input, enabled: Type.Optional(Type.Boolean({ description: 'Absent: as it is.' })) },
  { $id: 'WebhookInput' },
)

const fields = {
  id: Id,
  url: Type.String(),
  description: Nullable(Type.String()),
  events: Nullable(Type.Array(EventName)),
  enabled: Type.Boolean(),
  disabled_at: Nullable(Timestamp),
  disabled_reason: Nullable(
    Type.String({
      description: 'Why it was disabled, if nobody asked for it. Read it, then enable it again.',
    }),
  ),
  failing_since: Nullable(Timestamp),
  previous_secret_until: Nullable(Timestamp),
  created_at: Timestamp,
  updated_at: Timestamp,
}

export const WebhookSchema = Type.Object(fields, { $id: 'Webhook' })

export const WebhookWithSecretSchema = Type.Object(
  {
    ...fields,
    secret: Type.String({
      description: 'What signatures are checked with (Standard Webhooks). It is not shown again.',
      examples: ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
    }),
  },
  { $id: 'WebhookWithSecret' },
)

const deliveryFields = {
  id: Type.String({ format: 'uuid', description: 'The header webhook-id of every attempt.' }),
  webhook_id: Id,
  event: Type.String({ examples: ['email.delivered'] }),
  subject_id: Type.String({
    format: 'uuid',
    description: 'What it is about: the message, the campaign, the import …',
  }),
  state: State,
  attempts: Type.Integer(),
  next_attempt_at: Nullable(Timestamp),
  last_status: Nullable(Type.Integer({ description: 'HTTP status of the last answer.' })),
  last_error: Nullable(Type.String()),
  created_at: Timestamp,
  completed_at: Nullable(Timestamp),
}

export const DeliverySchema = Type.Object(deliveryFields, { $id: 'WebhookDelivery' })

export const DeliveryDetailSchema = Type.Object(
  {
    ...deliveryFields,
    request: Type.Object({ url: Type.String(), body: Type.String() }),
    log: Type.Array(
      Type.Object({
        number: Type.Integer(),
        url: Type.String(),
        at: Timestamp,
        duration_ms: Type.Integer(),
        status: Nullable(Type.Integer()),
        response: Nullable(Type.String({ description: 'The beginning of what was answered.' })),
        error: Nullable(Type.String()),
      }),
    ),
  },
  { $id: 'WebhookDeliveryDetail' },
)

export const DeliveryParams = Type.Object({ id: Id, delivery_id: Id })

export const DeliveryQuery = Type.Object({
  ...PageQuery.properties,
  state: Type.Optional(State),
  event: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
  subject_id: Type.Optional(Id),
})

const Instant = Type.String({ format: 'date-time', examples: ['2026-11-22T09:30:00Z'] })

export const ReplayBody = Type.Object({
  state: Type.Optional(
    Type.Enum(['delivered', 'failed'], { description: 'Absent: what was delivered, and what has failed.' }),
  ),
  event: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
  from: Type.Optional(Instant),
  to: Type.Optional(Instant),
})

export const ReplayedSchema = Type.Object({
  replayed: Type.Integer({
    description: `At most ${WEBHOOK_LIMITS.replayed} in one call, the oldest first.`,
  }),
  has_more: Type.Boolean({
    description: 'There may be more: wait until these are delivered, then ask again.',
  }),
})

export const RotateBody = Type.Object({
  keep_hours: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: WEBHOOK_LIMITS.rotationHours,
      default: 24,
      description: 'How long the secret before signs as well.',
    }),
  ),
})
