import { Type } from 'typebox'
import { Id, Nullable } from '#http/schemas.ts'
import { HOLDUPS } from '#windtunnel/rehearsal/rehearsal.ts'

const Count = Type.Integer({ minimum: 0 })
const ByClass = Type.Record(Type.String(), Count)
const Mode = Type.Enum(['sandbox', 'live'])
const People = Type.Object({ domains: Count, recipients: Count })

export const RehearseBody = Type.Object({
  as: Type.Optional(
    Type.Enum(['sandbox', 'live'], {
      description:
        'live: with the retry plan of live mode and the habits that providers have published. Default: the mode that it would be sent in.',
    }),
  ),
})

export const RehearsalSchema = Type.Object(
  {
    campaign_id: Id,
    as: Mode,
    summary: Type.String(),
    pool: Type.Object({ id: Id, name: Type.String(), reason: Type.String() }),
    recipients: Count,
    suppressed: Count,
    delivered: Count,
    bounced: Count,
    deferred: Type.Integer({ minimum: 0, description: 'Attempts that would be put off.' }),
    expired: Count,
    duration_seconds: Count,
    is_partial: Type.Boolean({ description: 'Some recipients are not in it: see `notes`.' }),
    unresolved: People,
    warm_up: Nullable(
      Type.Object({
        days: Nullable(Type.Integer({ description: 'Null: more than a year.' })),
        provider: Type.String(),
        recipients: Count,
        budget_today: Nullable(Count),
        sentence: Type.String(),
      }),
    ),
    providers: Type.Array(
      Type.Object({
        provider: Type.String(),
        profile: Type.String({ description: 'The simulated provider that stood for it.' }),
        recipients: Count,
        delivered: Count,
        bounced: ByClass,
        deferred: ByClass,
        expired: Count,
        duration_seconds: Count,
        half_seconds: Count,
        most_seconds: Count,
        limited_by: Nullable(Type.Enum([...HOLDUPS])),
        sentence: Type.String(),
      }),
    ),
    notes: Type.Array(Type.String()),
  },
  { $id: 'Rehearsal' },
)
