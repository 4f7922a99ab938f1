import { Type } from 'typebox'
import { Id, Nullable, Timestamp } from '#http/schemas.ts'
import { EVENT_TYPES, EXPORT_FORMATS } from './export.ts'
import { EngagementQuery } from './analytics.schema.ts'

const Count = Type.Integer({ minimum: 0 })

export const ExportQuery = Type.Object({
  ...EngagementQuery.properties,
  format: Type.Optional(Type.Enum([...EXPORT_FORMATS], { default: 'csv' })),
  event_types: Type.Optional(
    Type.Array(Type.Enum([...EVENT_TYPES]), {
      maxItems: EVENT_TYPES.length,
      description: 'All when left out.',
    }),
  ),
})

export const ExportSchema = Type.Object(
  {
    id: Id,
    format: Type.Enum([...EXPORT_FORMATS]),
    from: Timestamp,
    to: Timestamp,
    campaign_id: Nullable(Id),
    event_types: Type.Array(Type.String()),
    state: Type.Enum(['queued', 'running', 'completed', 'failed']),
    progress: Type.Number({ minimum: 0, maximum: 1 }),
    rows_total: Nullable(Type.Integer({ minimum: 0, description: 'As they were when the work began.' })),
    rows_done: Count,
    size_bytes: Nullable(Count),
    download: Nullable(Type.String({ description: 'Path of the file, when it is there.' })),
    error: Nullable(Type.String({ description: 'Why it failed and what to do.' })),
    created_at: Timestamp,
    started_at: Nullable(Timestamp),
    completed_at: Nullable(Timestamp),
    expires_at: Nullable(Timestamp),
  },
  { $id: 'Export' },
)
