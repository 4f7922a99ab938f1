import { Type } from 'typebox'
import { Id, Nullable, PageQuery, Timestamp } from '#http/schemas.ts'
import { MessageClassSchema } from '#sources/pools.schema.ts'

export const CampaignStatusSchema = Type.Enum([
  'draft',
  'scheduled',
  'sending',
  'paused',
  'sent',
  'cancelled',
])
const Mode = Type.Enum(['sandbox', 'live'])

export const CampaignBody = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 255, examples: ['November newsletter'] }),
  list_id: Type.Optional(Nullable(Id)),
  template_id: Type.Optional(Nullable(Id)),
  subject: Type.Optional(
    Nullable(
      Type.String({ minLength: 1, maxLength: 998, description: "Liquid. The template's when absent." }),
    ),
  ),
  from_email: Type.String({ minLength: 3, maxLength: 320, examples: ['news@example.com'] }),
  from_name: Type.Optional(Nullable(Type.String({ maxLength: 255 }))),
  reply_to: Type.Optional(Nullable(Type.String({ maxLength: 320 }))),
  pool_id: Type.Optional(
    Nullable(
      Type.String({
        format: 'uuid',
        description: "The pool it leaves from. Null: the tenant's or the class's.",
      }),
    ),
  ),
  message_class: Type.Optional(Type.Enum(['bulk', 'transactional'], { description: 'bulk when absent.' })),
  expires_after_minutes: Type.Optional(
    Nullable(
      Type.Integer({
        minimum: 1,
        maximum: 43_200,
        description:
          'How long a message is tried, from its first attempt; null: 72 hours for bulk and 24 for transactional mail, unless the installation says otherwise.',
      }),
    ),
  ),
})

export const CampaignSchema = Type.Object(
  {
    id: Id,
    name: Type.String(),
    status: CampaignStatusSchema,
    list_id: Nullable(Id),
    template_id: Nullable(Id),
    template_version: Nullable(Type.Integer({ description: 'Fixed when sending starts.' })),
    subject: Nullable(Type.String()),
    from_email: Type.String(),
    from_name: Nullable(Type.String()),
    reply_to: Nullable(Type.String()),
    pool_id: Nullable(Id),
    message_class: MessageClassSchema,
    expires_after_minutes: Nullable(Type.Integer()),
    mode: Nullable(Mode),
    time_zone: Nullable(Type.String()),
    scheduled_at: Nullable(Timestamp),
    missed_at: Nullable(
      Type.Unsafe<Date>({
        ...Timestamp,
        description: 'The schedule was missed while Pigeon was down: send, schedule again or cancel.',
      }),
    ),
    problem: Nullable(Type.String({ description: 'Why a schedule could not start.' })),
    started_at: Nullable(Timestamp),
    paused_at: Nullable(Timestamp),
    cancelled_at: Nullable(Timestamp),
    completed_at: Nullable(Timestamp),
    accepted: Type.Integer({ description: 'Messages made so far.' }),
    created_at: Timestamp,
    updated_at: Timestamp,
  },
  { $id: 'Campaign' },
)

export const CampaignListQuery = Type.Object({
  ...PageQuery.properties,
  status: Type.Optional(CampaignStatusSchema),
})

export const ScheduleBody = Type.Object({
  send_at: Type.String({ examples: ['2026-12-01T09:00'], description: 'Wall-clock time in time_zone.' }),
  time_zone: Type.Optional(
    Type.String({ maxLength: 64, examples: ['Europe/Lisbon'], description: "The tenant's when absent." }),
  ),
})

const Count = Type.Integer({ minimum: 0 })
const finalCounts = {
  delivered: Count,
  sent: Count,
  bounced: Count,
  failed: Count,
  suppressed: Count,
  cancelled: Count,
}
const BounceState = Type.Enum(['bounced', 'failed'])

const Traces = Type.Object({
  messages: Type.Integer({ minimum: 0, description: 'Messages of which a person did it, each once.' }),
  events: Type.Integer({ minimum: 0, description: 'How often a person did it.' }),
  machine_messages: Type.Integer({ minimum: 0, description: 'The same of what looks like a machine.' }),
  machine_events: Count,
})

const metrics = {
  campaign_id: Id,
  status: CampaignStatusSchema,
  accepted: Count,
  states: Type.Object({ queued: Count, sending: Count, deferred: Count, ...finalCounts }),
  in_flight: Count,
  balanced: Type.Boolean({ description: 'accepted = sum of final states + in flight.' }),
  sent_count: Type.Integer({
    minimum: 0,
    description: 'Handed over: delivered, accepted by a relay, or bounced.',
  }),
  delivered_count: Count,
  opened_count: Type.Integer({ minimum: 0, description: 'Messages that a person has opened.' }),
  clicked_count: Type.Integer({
    minimum: 0,
    description: 'Messages of which a person has followed a link.',
  }),
  bounced_count: Count,
  complained_count: Count,
  unsubscribed_count: Count,
  opens: Traces,
  clicks: Traces,
  deferred_then_delivered: Count,
  providers: Type.Array(Type.Object({ provider: Type.String(), ...finalCounts })),
  bounce_classes: Type.Array(Type.Object({ class: Type.String(), state: BounceState, count: Count })),
  started_at: Nullable(Timestamp),
  completed_at: Nullable(Timestamp),
  first_delivery_at: Nullable(Timestamp),
  last_delivery_at: Nullable(Timestamp),
  seconds: Type.Number(),
  messages_per_second: Type.Number(),
}

export const CampaignMetricsSchema = Type.Object(metrics, { $id: 'CampaignMetrics' })

export const CampaignReportSchema = Type.Object(
  {
    ...metrics,
    timeline: Type.Array(
      Type.Object(
        { at: Timestamp, delivered: Count, deferred: Count, bounced: Count, failed: Count },
        { description: 'One entry a bucket.' },
      ),
    ),
    bucket_seconds: Type.Integer(),
    reasons: Type.Array(
      Type.Object({
        state: Type.Enum(['bounced', 'failed', 'deferred']),
        class: Type.String(),
        provider: Type.String(),
        count: Count,
        replies: Type.Array(Type.String(), { description: 'What the receiving servers said, up to three.' }),
      }),
    ),
  },
  { $id: 'CampaignReport' },
)

export const RecipientSchema = Type.Object(
  {
    message_id: Id,
    contact_id: Nullable(Id),
    recipient: Type.String(),
    state: Type.String(),
    provider: Type.String(),
    attempts: Type.Integer(),
    code: Nullable(Type.Integer()),
    class: Nullable(Type.String()),
    reply: Nullable(Type.String()),
    updated_at: Timestamp,
  },
  { $id: 'CampaignRecipient' },
)

export const RecipientQuery = Type.Object({
  ...PageQuery.properties,
  state: Type.Optional(
    Type.Enum(['queued', 'deferred', 'delivered', 'sent', 'bounced', 'failed', 'suppressed', 'cancelled']),
  ),
})
