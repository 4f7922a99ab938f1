import { Type } from 'typebox'
import { Id, Nullable, Timestamp } from '#http/schemas.ts'
import { NAME_PATTERN, SOURCE_LIMITS } from './source.ts'
import type { RelayConfig } from './source.ts'
import { CURVE_LIMITS } from './warm-up-curve.ts'

const Kind = Type.Enum(['ip', 'relay'])
export const SourceStatusSchema = Type.Enum(['active', 'draining', 'disabled'])

export const Name = Type.String({
  minLength: 1,
  maxLength: SOURCE_LIMITS.nameChars,
  pattern: NAME_PATTERN,
  description: 'Letters, digits and hyphens.',
  examples: ['out-1'],
})

const Config = Type.Unsafe<RelayConfig>({
  type: 'object',
  additionalProperties: true,
  description: 'Settings of the relay that are no secret.',
})

const Curve = Type.Array(Type.Integer({ minimum: 1, maximum: CURVE_LIMITS.messagesADay }), {
  minItems: 1,
  maxItems: CURVE_LIMITS.days,
  description: 'Messages a day to one provider, the first day first. Null: the shipped curve.',
  examples: [[50, 100, 250, 500]],
})

const Money = (minimum: number, description: string) =>
  Type.Optional(
    Nullable(
      Type.Integer({
        minimum,
        maximum: SOURCE_LIMITS.money,
        description: `${description}, in millionths of your currency.`,
      }),
    ),
  )

const fields = {
  name: Name,
  local_address: Type.Optional(
    Nullable(
      Type.String({
        maxLength: 45,
        description: 'Address of this machine that mail leaves from. Null: the machine chooses.',
        examples: ['198.51.100.7'],
      }),
    ),
  ),
  ehlo_name: Type.Optional(
    Nullable(
      Type.String({
        maxLength: 255,
        description: "Name given in EHLO. Null: the installation's.",
        examples: ['out-1.example.com'],
      }),
    ),
  ),
  relay_kind: Type.Optional(
    Nullable(Type.String({ pattern: '^[a-z0-9_-]{1,32}$', examples: ['smarthost'] })),
  ),
  relay_config: Type.Optional(Nullable(Config)),
  relay_secret: Type.Optional(
    Nullable(
      Type.String({
        minLength: 1,
        maxLength: SOURCE_LIMITS.relaySecretChars,
        description: 'Password or key of the relay: kept encrypted, never shown. Absent: as it is.',
      }),
    ),
  ),
  warm_up_curve: Type.Optional(Nullable(Curve)),
  cost_per_thousand: Money(1, 'What a thousand messages cost'),
  daily_cost_cap: Money(0, 'What it may cost on one UTC day; mail then overflows or waits'),
  monthly_cost_cap: Money(0, 'What it may cost in one UTC month'),
}

export const NewSourceBody = Type.Object(
  {
    kind: Kind,
    ...fields,
    warm_up: Type.Optional(Type.Boolean({ description: 'Begin a warm-up at once.' })),
  },
  { $id: 'NewSource' },
)

export const SourceBody = Type.Object(fields, { $id: 'SourceInput' })

export const WarmUpBody = Type.Object({
  action: Type.Enum(['start', 'stop', 'reset'], {
    description:
      'start: at the first day, unless one is under way. reset: at the first day in any case. stop: no limit any more.',
  }),
})

export const SourceSchema = Type.Object(
  {
    id: Id,
    name: Type.String(),
    kind: Kind,
    local_address: Nullable(Type.String()),
    ehlo_name: Nullable(Type.String()),
    relay_kind: Nullable(Type.String()),
    relay_config: Nullable(Config),
    has_relay_secret: Type.Boolean(),
    status: SourceStatusSchema,
    warm_up: Type.Boolean(),
    warm_up_started_at: Nullable(Timestamp),
    warm_up_curve: Nullable(Type.Array(Type.Integer())),
    cost_per_thousand: Nullable(Type.Integer()),
    daily_cost_cap: Nullable(Type.Integer()),
    monthly_cost_cap: Nullable(Type.Integer()),
    spent_today: Type.Integer({ description: 'On this UTC day, in millionths of your currency.' }),
    spent_this_month: Type.Integer({ description: 'In this UTC month.' }),
    ptr: Type.Object({
      status: Type.Enum(['unchecked', 'ok', 'wrong']),
      name: Nullable(Type.String({ description: 'What the address leads to.' })),
      checked_at: Nullable(Timestamp),
      problem: Nullable(Type.String({ description: 'What is wrong and what to do about it.' })),
    }),
    created_at: Timestamp,
    updated_at: Timestamp,
  },
  { $id: 'Source' },
)
