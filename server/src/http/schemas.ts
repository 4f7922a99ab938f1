import { Type } from 'typebox'
import type { TObject, TSchema } from 'typebox'
import type { STATUSES } from './problem-reply.ts'

/** An instant, RFC 3339 in UTC. Handlers return a `Date`. */
export const Timestamp = Type.Unsafe<Date>(
  Type.String({ format: 'date-time', examples: ['2026-11-22T09:30:00.000Z'] }),
)

export const Id = Type.String({ format: 'uuid', description: 'UUIDv7' })

/** `/v1/things/{id}` */
export const IdParams = Type.Object({ id: Id })

/** `null` or a value. */
export function Nullable<T extends TSchema>(schema: T) {
  return Type.Union([schema, Type.Null()])
}

export const MAX_PAGE_ROWS = 100
export const DEFAULT_PAGE_ROWS = 20

/** The query of every list. A list with filters: `Type.Object({ ...PageQuery.properties, status: ... })`. */
export const PageQuery = Type.Object({
  limit: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: MAX_PAGE_ROWS,
      default: DEFAULT_PAGE_ROWS,
      description: 'How many to return.',
    }),
  ),
  cursor: Type.Optional(
    Type.String({ minLength: 1, maxLength: 512, description: '`next_cursor` of the page before.' }),
  ),
})

/** One page of a list: `{"data": [...], "has_more": true, "next_cursor": "..."}`. */
export function Page<T extends TSchema>(item: T) {
  return Type.Object({
    data: Type.Array(item),
    has_more: Type.Boolean(),
    next_cursor: Nullable(Type.String({ description: 'Send it as `cursor` to get the next page.' })),
  })
}

export const ProblemSchema = Type.Object(
  {
    type: Type.String({ description: 'An address that names this kind of problem.' }),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String({ description: 'What is wrong and what to do about it.' }),
    code: Type.String({ description: 'Stable: meant for programs.', examples: ['domains.not_verified'] }),
    errors: Type.Optional(
      Type.Array(Type.Object({ field: Type.String(), code: Type.String(), message: Type.String() })),
    ),
    request_id: Type.String(),
  },
  { $id: 'Problem', description: 'RFC 9457' },
)

export type ProblemStatus = (typeof STATUSES)[keyof typeof STATUSES] | 400 | 415 | 500

export type ProblemResponses<S extends ProblemStatus> = { [K in S]: typeof ProblemSchema }

/**
 * The refusals of a route, for its `response`: `...problems(404, 409)`. What every route may answer (400, 401, 403,
 * 415, 422, 500) is written into the API document by itself.
 */
export function problems<S extends ProblemStatus>(...statuses: S[]): ProblemResponses<S> {
  // Object.fromEntries loses the literal keys; they are exactly `statuses`.
  return Object.fromEntries(statuses.map((status) => [status, ProblemSchema])) as ProblemResponses<S>
}

/** The answer of a route that has nothing to say (204). */
export const NoContent = Type.Null({ description: 'Done.' })

export type { TObject, TSchema }
