import { Type } from 'typebox'
import type { Static, TSchema } from 'typebox'
import { AfterwardsSchema } from './afterwards/afterwards.schema.ts'
import { HabitsSchema } from './habits.schema.ts'
import { MAX_TIME_SCALE } from './virtual-time.ts'

const Nullable = <Schema extends TSchema>(schema: Schema) => Type.Union([schema, Type.Null()])
const Count = Type.Integer({ minimum: 0 })

export const ReceivedCountsSchema = Type.Object({
  received: Count,
  distinct: Count,
  duplicates: Count,
})
export type ReceivedCounts = Static<typeof ReceivedCountsSchema>

/** `GET /stats`: deliveries (a message counts once for each recipient). */
export const StatsSchema = Type.Object({
  received: Count,
  distinct: Count,
  duplicates: Count,
  by_provider: Type.Record(Type.String(), ReceivedCountsSchema),
})
export type Stats = Static<typeof StatsSchema>

/** `GET /providers`: what each is like at the moment, and how often it did what since the start. */
export const ProvidersSchema = Type.Object({
  data: Type.Array(
    Type.Object({
      name: Type.String(),
      address: Type.String(),
      port: Type.Integer(),
      connections: Count,
      outcomes: Type.Record(Type.String(), Count),
      habits: HabitsSchema,
    }),
  ),
})
export type Providers = Static<typeof ProvidersSchema>

export const MessageSummarySchema = Type.Object({
  sequence: Count,
  received_at: Type.String(),
  provider: Type.String(),
  mail_from: Type.String(),
  rcpt_to: Type.Array(Type.String()),
  message_id: Nullable(Type.String()),
  subject: Nullable(Type.String()),
  tenant: Nullable(Type.String()),
  campaign: Nullable(Type.String()),
  size_bytes: Count,
  tls: Type.Boolean(),
  has_raw: Type.Boolean(),
})
export type MessageSummary = Static<typeof MessageSummarySchema>

/** `GET /messages`: newest first; `next_before` is the `before` of the next page, null on the last one. */
export const MessagePageSchema = Type.Object({
  data: Type.Array(MessageSummarySchema),
  next_before: Nullable(Count),
})
export type MessagePage = Static<typeof MessagePageSchema>

const MailboxSchema = Type.Object({ name: Type.String(), address: Type.String() })

export const DkimVerdictSchema = Type.Object({
  domain: Type.String(),
  selector: Type.String(),
  algorithm: Type.String(),
  result: Type.String({ description: 'pass, fail, neutral, policy, temperror, permerror or none.' }),
  comment: Nullable(Type.String()),
})
export type DkimVerdict = Static<typeof DkimVerdictSchema>

/** `GET /messages/{sequence}`: the message taken apart by an independent parser and verifier. */
export const ParsedMessageSchema = Type.Object({
  ...MessageSummarySchema.properties,
  headers: Type.Array(Type.Object({ name: Type.String(), value: Type.String() })),
  from: Nullable(MailboxSchema),
  to: Type.Array(MailboxSchema),
  html: Nullable(Type.String()),
  text: Nullable(Type.String()),
  attachments: Type.Array(
    Type.Object({
      filename: Nullable(Type.String()),
      content_type: Type.String(),
      disposition: Nullable(Type.String()),
      content_id: Nullable(Type.String()),
      size_bytes: Count,
    }),
  ),
  dkim: Type.Array(DkimVerdictSchema),
})
export type ParsedMessage = Static<typeof ParsedMessageSchema>

export const DuplicateSchema = Type.Object({
  message_id: Type.String(),
  recipient: Type.String(),
  count: Count,
  last_sequence: Count,
})
export type Duplicate = Static<typeof DuplicateSchema>
export const DuplicatesSchema = Type.Object({ data: Type.Array(DuplicateSchema) })

export const ZONE_TYPES = ['A', 'AAAA', 'CNAME', 'MX', 'TXT'] as const
export type ZoneType = (typeof ZONE_TYPES)[number]

/** One record. MX data is `10 mx.example.org`. */
export const ZoneRecordSchema = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 254 }),
    type: Type.Union([
      Type.Literal('A'),
      Type.Literal('AAAA'),
      Type.Literal('CNAME'),
      Type.Literal('MX'),
      Type.Literal('TXT'),
    ]),
    data: Nullable(Type.String({ maxLength: 8192 })),
  },
  { additionalProperties: false },
)
export type ZoneRecord = Static<typeof ZoneRecordSchema>

/**
 * `PUT /zone`: the records given replace all of the same name and type, others stay; `data: null` removes them.
 */
export const ZoneSchema = Type.Object(
  { records: Type.Array(ZoneRecordSchema, { maxItems: 10_000 }) },
  { additionalProperties: false },
)

/** `GET /time`: the windtunnel's own time, by which rates, greylisting, penalties and reputation go. */
export const TimeSchema = Type.Object({
  now: Type.String(),
  /** Virtual seconds a real one. */
  scale: Type.Number(),
  /** Since it began. */
  passed_ms: Type.Number(),
})
export type Time = Static<typeof TimeSchema>

/** Time is moved on by this much at most in one call. */
const MAX_ADVANCE_MS = 366 * 24 * 3_600_000

/** `PUT /time`. A day passes in a minute with scale 1440. */
export const TimeChangeSchema = Type.Object(
  {
    scale: Type.Optional(Type.Number({ minimum: 1, maximum: MAX_TIME_SCALE })),
    advance_ms: Type.Optional(Type.Integer({ minimum: 0, maximum: MAX_ADVANCE_MS })),
  },
  { additionalProperties: false },
)
export type TimeChange = Static<typeof TimeChangeSchema>

/** `PUT /afterwards`: whether anything comes back of mail that is accepted from now on. */
export const AfterwardsSwitchSchema = Type.Object({ on: Type.Boolean() }, { additionalProperties: false })

/** `GET /afterwards`: what was planned of each kind, how it ended, and what each provider does. */
export const AfterwardsStateSchema = Type.Object({
  on: Type.Boolean(),
  pending: Count,
  counts: Type.Record(
    Type.String(),
    Type.Object({
      planned: Count,
      done: Count,
      refused: Count,
      nothing: Count,
      failed: Count,
      dropped: Count,
    }),
  ),
  providers: Type.Record(Type.String(), AfterwardsSchema),
})
export type AfterwardsState = Static<typeof AfterwardsStateSchema>

/** `GET /sources`: every address a provider remembers, in its eyes. Times are virtual. */
export const SourcesSchema = Type.Object({
  data: Type.Array(
    Type.Object({
      provider: Type.String(),
      ip: Type.String(),
      reputation: Type.Number({ minimum: 0, maximum: 100 }),
      messages_today: Count,
      allowance_today: Count,
      blocked: Type.Boolean(),
      blocked_for_ms: Count,
      deferred_for_ms: Count,
    }),
  ),
})
export type Source = Static<typeof SourcesSchema>['data'][number]

const Ip = Type.String({ pattern: '^[0-9A-Fa-f.:]{2,45}$' })
const Provider = Type.String({ minLength: 1, maxLength: 40 })

/** `POST /sources/block`: this provider refuses everything from this address for so long, in virtual time. */
export const BlockSchema = Type.Object(
  { ip: Ip, provider: Provider, for_ms: Type.Integer({ minimum: 1, maximum: MAX_ADVANCE_MS }) },
  { additionalProperties: false },
)
export type Block = Static<typeof BlockSchema>

/** `POST /sources/unblock`. */
export const UnblockSchema = Type.Object({ ip: Ip, provider: Provider }, { additionalProperties: false })
export type Unblock = Static<typeof UnblockSchema>

/** `GET /recipients/{address}`: what is true of a simulated recipient for good. */
export const RecipientFactsSchema = Type.Object({
  address: Type.String(),
  provider: Type.String(),
  fate: Type.String({
    description: '`exists`, or what is said at RCPT: unknown_user, mailbox_full, inactive …',
  }),
  would_complain: Type.Boolean(),
})
export type RecipientFacts = Static<typeof RecipientFactsSchema>

export const ProblemBodySchema = Type.Object({
  kind: Type.String(),
  code: Type.String(),
  message: Type.String(),
})
