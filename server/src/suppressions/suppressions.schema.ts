import { Type } from 'typebox'
import { Id, Nullable, PageQuery, Timestamp } from '#http/schemas.ts'
import { MAX_SUPPRESSIONS_PER_CALL } from './add-suppressions.ts'
import { SUPPRESSION_REASONS } from './suppression.ts'

const Reason = Type.Enum([...SUPPRESSION_REASONS])
const MAX_EMAIL_CHARS = 1_000
const MAX_NOTE_CHARS = 1_000

export const SuppressionSchema = Type.Object(
  {
    id: Id,
    email: Type.String({ description: 'In lower case: all spellings of the address are suppressed.' }),
    list_id: Nullable(Type.String({ format: 'uuid', description: 'Only this list; null: everything.' })),
    reason: Reason,
    message_id: Nullable(Id),
    note: Nullable(Type.String()),
    created_at: Timestamp,
    expires_at: Nullable(Timestamp),
  },
  { $id: 'Suppression' },
)

export const SuppressionsBody = Type.Object({
  suppressions: Type.Array(
    Type.Object({
      email: Type.String({ maxLength: MAX_EMAIL_CHARS, examples: ['ann@example.com'] }),
      list_id: Type.Optional(Nullable(Id)),
      reason: Type.Optional(Reason),
      note: Type.Optional(Nullable(Type.String({ maxLength: MAX_NOTE_CHARS }))),
      expires_at: Type.Optional(Nullable(Type.String({ format: 'date-time' }))),
    }),
    { minItems: 1, maxItems: MAX_SUPPRESSIONS_PER_CALL },
  ),
})

export const SuppressionsAdded = Type.Object({ data: Type.Array(SuppressionSchema) })

export const SuppressionQuery = Type.Object({
  ...PageQuery.properties,
  email: Type.Optional(
    Type.String({ maxLength: MAX_EMAIL_CHARS, description: 'This address, in any spelling.' }),
  ),
  list_id: Type.Optional(Id),
})
