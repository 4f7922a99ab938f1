import { Type } from 'typebox'
import { Id, Nullable, PageQuery, Timestamp } from '#http/schemas.ts'
import { MAX_SUPPRESSIONS_PER_CALL } from './add-suppressions.ts'
import { SUPPRESSION_REASONS } from './suppression.ts'

const Reason = Type.Enum([...SUPPRESSION_REASONS])
const Mode = Type.Enum(['sandbox', 'live'])
const MAX_EMAIL_CHARS = 1_000
const MAX_NOTE_CHARS = 1_000

export const SuppressionSchema = Type.Object(
  {
    id: Id,
    email: Type.String({ description: 'In lower case: all spellings of the address are suppressed.' }),
    list_id: Nullable(Type.String({ format: 'uuid', description: 'Only this list; null: everything.' })),
    reason: Reason,
    mode: Nullable(
      Type.Enum(['sandbox', 'live'], {
        description:
          'Only mail of this mode: what was learned in the sandbox stops no live mail. Null: all mail.',
      }),
    ),
    message_id: Nullable(
      Type.String({
        format: 'uuid',
        description: 'The message whose bounce, complaint or link it came from.',
      }),
    ),
    note: Nullable(Type.String()),
    created_at: Timestamp,
    expires_at: Nullable(Timestamp),
    held_at: Nullable(
      Type.Unsafe<Date>({
        ...Timestamp,
        description:
          'Held back since then, and stops nothing: the provider suddenly knew many recipients no more, and may have been at fault.',
      }),
    ),
  },
  { $id: 'Suppression' },
)

export const SuppressionsBody = Type.Object({
  suppressions: Type.Array(
    Type.Object({
      email: Type.String({ maxLength: MAX_EMAIL_CHARS, examples: ['ann@example.com'] }),
      list_id: Type.Optional(Nullable(Id)),
      reason: Type.Optional(Reason),
      mode: Type.Optional(Nullable(Mode)),
      note: Type.Optional(Nullable(Type.String({ maxLength: MAX_NOTE_CHARS }))),
      expires_at: Type.Optional(Nullable(Type.String({ format: 'date-time' }))),
    }),
    { minItems: 1, maxItems: MAX_SUPPRESSIONS_PER_CALL },
  ),
})

export const SuppressionsAdded = Type.Object({ data: Type.Array(SuppressionSchema) })

const filters = {
  email: Type.Optional(
    Type.String({ maxLength: MAX_EMAIL_CHARS, description: 'This address, in any spelling.' }),
  ),
  prefix: Type.Optional(
    Type.String({ minLength: 1, maxLength: MAX_EMAIL_CHARS, description: 'What the address begins with.' }),
  ),
  domain: Type.Optional(Type.String({ minLength: 1, maxLength: MAX_EMAIL_CHARS, examples: ['example.com'] })),
  reason: Type.Optional(Reason),
  list_id: Type.Optional(Id),
  since: Type.Optional(Type.String({ format: 'date-time', description: 'Made then or later.' })),
}

export const SuppressionQuery = Type.Object({
  ...PageQuery.properties,
  ...filters,
  held: Type.Optional(
    Type.Boolean({ description: 'true: only those that are held back. false: only the others.' }),
  ),
})

export const SuppressionExportQuery = Type.Object(filters)

export const SuppressionForm = Type.Object({
  reason: Type.Optional(
    Type.Enum([...SUPPRESSION_REASONS], {
      default: 'manual',
      description: 'For rows without a reason of their own.',
    }),
  ),
  list_id: Type.Optional(
    Type.String({ format: 'uuid', description: 'For rows without a list of their own.' }),
  ),
  file: Type.Unsafe<unknown>({
    type: 'string',
    format: 'binary',
    description:
      'CSV with a column of addresses, and where it has them reason, list_id, mode, note, expires_at. It must be the last field.',
  }),
})

const Count = Type.Integer({ minimum: 0 })

export const SuppressionsImported = Type.Object(
  {
    rows_read: Count,
    rows_stored: Type.Integer({ minimum: 0, description: 'New, or there before.' }),
    rows_rejected: Count,
    rejects: Type.Array(
      Type.Object({ line: Count, code: Type.String(), reason: Type.String(), row: Type.String() }),
      { description: 'The first 1,000.' },
    ),
  },
  { $id: 'SuppressionsImported' },
)
