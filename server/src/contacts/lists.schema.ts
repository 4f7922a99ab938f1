import { Type } from 'typebox'
import { Id, Nullable, Timestamp } from '#http/schemas.ts'

const Status = Type.Enum(['active', 'archived'])

export const ListBody = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 255, pattern: '\\S', examples: ['Newsletter'] }),
  description: Type.Optional(Nullable(Type.String({ maxLength: 2_000 }))),
  status: Type.Optional(Status),
  is_public: Type.Optional(
    Type.Boolean({ description: 'Recipients see it by name among their lists. A new list is not public.' }),
  ),
})

export const ListSchema = Type.Object(
  {
    id: Id,
    name: Type.String(),
    description: Nullable(Type.String()),
    status: Status,
    is_public: Type.Boolean(),
    subscribed: Type.Integer({ minimum: 0, description: 'Contacts that a campaign to this list is for.' }),
    unsubscribed: Type.Integer({ minimum: 0 }),
    created_at: Timestamp,
    updated_at: Timestamp,
  },
  { $id: 'List' },
)
