import { Type } from 'typebox'
import { Id, Nullable, PageQuery, Timestamp } from '#http/schemas.ts'
import { DELIMITERS, ENCODINGS } from './csv/csv-dialect.ts'

export const MappingSchema = Type.Record(
  Type.String(),
  Type.String({ pattern: '^(email|first_name|last_name|ignore|attributes\\..+)$' }),
)

export const ImportForm = Type.Object({
  mapping: Type.Optional(
    Type.String({
      description:
        'JSON: column name (or number from 1) to email, first_name, last_name, attributes.NAME or ignore. Columns that are not named are mapped by their names.',
      examples: ['{"Kunde": "email", "Ort": "attributes.city"}'],
    }),
  ),
  on_existing: Type.Optional(Type.Enum(['upsert', 'skip'], { default: 'upsert' })),
  delimiter: Type.Optional(
    Type.String({
      description: 'Found out when absent.',
      enum: [...DELIMITERS, 'comma', 'semicolon', 'tab', 'pipe'],
    }),
  ),
  encoding: Type.Optional(Type.Enum([...ENCODINGS], { description: 'Found out when absent.' })),
  file: Type.Unsafe<unknown>({
    type: 'string',
    format: 'binary',
    description: 'CSV. It must be the last field.',
  }),
})

const Count = Type.Integer({ minimum: 0 })

export const ImportSchema = Type.Object(
  {
    id: Id,
    list_id: Id,
    file_name: Type.String(),
    size_bytes: Count,
    state: Type.Enum(['queued', 'running', 'completed', 'failed']),
    on_existing: Type.Enum(['upsert', 'skip']),
    dialect: Nullable(
      Type.Object(
        {
          encoding: Type.Enum([...ENCODINGS]),
          delimiter: Type.String(),
          quote: Type.String(),
          newline: Type.String(),
          header: Type.Boolean(),
          columns: Type.Array(Type.String()),
        },
        { description: 'How the file is written, as it was found out.' },
      ),
    ),
    mapping: Nullable(Type.Array(Type.Object({ column: Type.String(), target: Type.String() }))),
    progress: Type.Number({ minimum: 0, maximum: 1 }),
    bytes_read: Count,
    rows_read: Type.Integer({
      minimum: 0,
      description: 'created + updated + skipped + duplicate + rejected.',
    }),
    rows_created: Count,
    rows_updated: Count,
    rows_skipped: Count,
    rows_duplicate: Type.Integer({ minimum: 0, description: 'The address stood in the file before.' }),
    rows_rejected: Type.Integer({ minimum: 0, description: 'See /v1/imports/{id}/rejects.' }),
    rows_suppressed: Type.Integer({ minimum: 0, description: 'Of the others: stored, but not written to.' }),
    seconds: Type.Number(),
    rows_per_second: Count,
    bytes_per_second: Count,
    error: Nullable(Type.String({ description: 'Why it failed and what to do.' })),
    created_at: Timestamp,
    started_at: Nullable(Timestamp),
    completed_at: Nullable(Timestamp),
  },
  { $id: 'Import' },
)

export const ImportQuery = Type.Object({ ...PageQuery.properties, list_id: Type.Optional(Id) })
