import { Type } from 'typebox'
import { Id, Nullable, Timestamp } from '#http/schemas.ts'

export const TenantName = Type.String({
  minLength: 1,
  maxLength: 200,
  pattern: String.raw`\S`,
  examples: ['Example Ltd'],
})
export const TimeZone = Type.String({
  minLength: 1,
  maxLength: 64,
  description: 'A name of the IANA database.',
  examples: ['Europe/Berlin'],
})
export const Mode = Type.Enum(['sandbox', 'live'], {
  description: 'In sandbox no message leaves the machine.',
})

export const TenantSchema = Type.Object(
  {
    id: Id,
    name: Type.String(),
    status: Type.Enum(['active', 'suspended']),
    mode: Mode,
    time_zone: Type.String(),
    pool_id: Nullable(Id),
    created_at: Timestamp,
    updated_at: Timestamp,
  },
  { $id: 'Tenant' },
)

export const TenantBody = Type.Object({ name: TenantName, time_zone: TimeZone }, { $id: 'TenantInput' })

export const TenantPoolBody = Type.Object({
  pool_id: Nullable(Type.String({ format: 'uuid', description: "Null: the pool of the message's class." })),
})
