import { Type } from 'typebox'
import { Id, Nullable, PageQuery, Timestamp } from '#http/schemas.ts'
import { CountSchema } from '#queue/count.ts'
import { ORDER_LIMITS } from './lane-order.ts'

const State = Type.Enum(['open', 'slowed', 'suspended', 'probing', 'paused'])
const Mode = Type.Enum(['sandbox', 'live'])
const Provider = Type.String({ minLength: 1, maxLength: 255, examples: ['google'] })
const Source = Type.String({ minLength: 1, maxLength: 63, examples: ['out-1'] })

export const LaneOrderSchema = Type.Object(
  {
    id: Id,
    mode: Mode,
    provider: Type.String(),
    source_id: Nullable(Id),
    source: Nullable(Type.String({ description: 'Null: every source.' })),
    paused: Nullable(Type.String({ description: 'Why nothing is sent. Null: it is not paused.' })),
    messages_per_minute: Nullable(Type.Integer({ description: 'From each source. Null: no limit.' })),
    until: Nullable(Timestamp),
    probe_at: Nullable(Timestamp),
    created_at: Timestamp,
  },
  { $id: 'LaneOrder' },
)

const Limit = Nullable(Type.Number())

export const LaneSchema = Type.Object(
  {
    mode: Mode,
    provider: Type.String(),
    source_id: Id,
    source: Type.String({ description: 'Name of the source.' }),
    state: State,
    since: Timestamp,
    until: Nullable(Type.Unsafe<Date>({ ...Timestamp, description: 'End of a suspension.' })),
    reason: Nullable(
      Type.String({ description: 'Why it is not open: in the words of the provider, or of a person.' }),
    ),
    warming: Type.Boolean(),
    budget_left: Nullable(Type.Integer({ description: "Left of a warming source's day. Null: no budget." })),
    per_minute: Type.Number({ description: 'Messages begun, over about the last ten seconds.' }),
    refused_share: Type.Number({ description: 'Of those, what was refused because of the source: 0 to 1.' }),
    active: Type.Integer({ description: 'Messages under way.' }),
    connections: Type.Integer({ description: 'Open connections.' }),
    max_connections: Nullable(Type.Integer({ description: 'It may open so many now. Null: no limit.' })),
    limits: Nullable(
      Type.Object(
        {
          messages_per_second: Limit,
          messages_per_minute: Limit,
          messages_per_hour: Limit,
          messages_per_day: Limit,
          connections_per_minute: Limit,
          messages_per_connection: Limit,
          pace_per_minute: Nullable(
            Type.Number({
              description: 'Messages a minute that it allows itself after refusals; null: it is not slowed.',
            }),
          ),
        },
        {
          description:
            'What the shaping files say of it, null being no limit. What people have ordered stands in `orders`.',
        },
      ),
    ),
    updated_at: Timestamp,
    waiting: CountSchema,
    orders: Type.Array(LaneOrderSchema, {
      description: 'What people have said about it that holds now: about this source, and about all of them.',
    }),
  },
  { $id: 'Lane' },
)

export const LaneQuery = Type.Object({
  ...PageQuery.properties,
  state: Type.Optional(State),
  mode: Type.Optional(Mode),
  provider: Type.Optional(Provider),
  source: Type.Optional(Source),
})

const target = {
  mode: Mode,
  provider: Provider,
  source: Type.Optional(
    Type.String({
      ...Source,
      description: 'Name of a source. Absent: every source, those too that come later.',
    }),
  ),
}

export const TargetBody = Type.Object(target, { $id: 'LaneTarget' })

export const PauseBody = Type.Object({
  ...target,
  reason: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: ORDER_LIMITS.reasonChars,
      default: 'Paused by an operator.',
      description: 'For those who ask why nothing is sent.',
    }),
  ),
})

export const LimitBody = Type.Object({
  ...target,
  messages_per_minute: Type.Integer({ minimum: 1, maximum: ORDER_LIMITS.messagesPerMinute }),
  for_minutes: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: ORDER_LIMITS.forMinutes,
      description: 'Absent: until somebody deletes the order.',
    }),
  ),
})

export const OrderedSchema = Type.Object({
  order: Nullable(LaneOrderSchema),
})
