import { Type } from 'typebox'
import { Id, Nullable, Timestamp } from '#http/schemas.ts'
import { CountSchema } from './count.ts'

const Mode = Type.Enum(['sandbox', 'live'])

export const ProviderQueueSchema = Type.Object(
  {
    mode: Mode,
    provider: Type.String({ examples: ['google'] }),
    stopped: Type.Boolean({ description: 'No lane to it may send: nothing is handed to delivery.' }),
    waiting: CountSchema,
    later: Type.Integer({ description: 'Of those counted: not due yet, they wait for their next try.' }),
    due_under_a_minute: Type.Integer(),
    due_under_an_hour: Type.Integer(),
    due_longer: Type.Integer(),
    oldest_due_at: Nullable(Timestamp),
  },
  { $id: 'ProviderQueue' },
)

export const CampaignQueueSchema = Type.Object(
  {
    id: Id,
    name: Type.String(),
    status: Type.Enum(['sending', 'paused', 'cancelled']),
    mode: Mode,
    started_at: Timestamp,
    accepted: Type.Integer(),
    in_flight: Type.Integer({ description: 'Of those accepted: not final, in hand or waiting.' }),
    waiting: CountSchema,
    later: Type.Integer({ description: 'Of those counted as waiting: not due yet.' }),
    oldest_due_at: Nullable(Timestamp),
  },
  { $id: 'CampaignQueue' },
)

const target = {
  mode: Type.Optional(Mode),
  provider: Type.Optional(
    Type.String({ minLength: 1, maxLength: 255, description: 'With its mode.', examples: ['google'] }),
  ),
  campaign_id: Type.Optional(Id),
}

export const FlushBody = Type.Object(target)

export const RetryBody = Type.Object({ ...target, campaign_id: Id })

export const PurgeBody = Type.Object({
  ...target,
  confirm: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 512,
      description:
        'What the answer without it says: the name of the campaign, or else of the provider. Absent: only count.',
    }),
  ),
})

export const QueueOrderSchema = Type.Object(
  {
    id: Id,
    action: Type.Enum(['flush', 'purge', 'retry']),
    mode: Nullable(Mode),
    provider: Nullable(Type.String()),
    campaign_id: Nullable(Id),
    done: Type.Integer({ description: 'Messages so far.' }),
    created_at: Timestamp,
    completed_at: Nullable(Timestamp),
  },
  { $id: 'QueueOrder' },
)

export const PurgeSchema = Type.Object({
  waiting: CountSchema,
  confirm: Type.String({ description: 'What `confirm` must be.' }),
  order: Nullable(QueueOrderSchema),
})
