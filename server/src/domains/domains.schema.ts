import { Type } from 'typebox'
import { Check } from 'typebox/value'
import { Id, Nullable, Timestamp } from '#http/schemas.ts'
import type { RecordCheck } from './domain.ts'

const recordCheckFields = {
  status: Type.Enum(['unchecked', 'ok', 'missing', 'wrong', 'failed']),
  found: Type.Array(Type.String(), { description: 'What the last look-up found at this name.' }),
  message: Type.String({ description: 'What to do about it.' }),
}
const StoredCheck = Type.Object(recordCheckFields)

/** Whether what is stored of the last check is still written as we write it. */
export function isRecordCheck(value: unknown): value is RecordCheck {
  return Check(StoredCheck, value)
}

export const DomainSchema = Type.Object(
  {
    id: Id,
    name: Type.String({ description: 'A-labels, lower case.' }),
    status: Type.Enum(['pending', 'verified']),
    verified_in: Nullable(Type.Enum(['sandbox', 'live'], { description: 'Live sending needs `live`.' })),
    verified_at: Nullable(Timestamp),
    last_checked_at: Nullable(Timestamp),
    dns_records: Type.Array(
      Type.Object({
        type: Type.Literal('TXT'),
        name: Type.String(),
        value: Type.String({
          description: 'Split it in strings of at most 255 characters where your DNS host asks for it.',
        }),
        ...recordCheckFields,
      }),
    ),
    created_at: Timestamp,
  },
  { $id: 'Domain' },
)

export const DomainBody = Type.Object(
  { name: Type.String({ minLength: 1, maxLength: 253, examples: ['news.example.com'] }) },
  { $id: 'DomainInput' },
)
