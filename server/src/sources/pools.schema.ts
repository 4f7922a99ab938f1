import { Type } from 'typebox'
import { Id, Nullable, Timestamp } from '#http/schemas.ts'
import { POOL_LIMITS } from './pool.ts'
import { Name, SourceStatusSchema } from './sources.schema.ts'

export const MessageClassSchema = Type.Enum(['bulk', 'transactional'])

/** Where a body names a pool, or none. */
export const PoolId = Nullable(Id)

const Weight = Type.Integer({
  minimum: 1,
  maximum: POOL_LIMITS.weight,
  description: "Its share of the pool's mail, among the weights of the others.",
})

const Members = Type.Array(Type.Object({ source_id: Id, weight: Weight }), {
  maxItems: POOL_LIMITS.sourcesInPool,
})

const fields = {
  name: Name,
  overflow_pool_id: Type.Optional(
    Nullable(
      Type.String({
        format: 'uuid',
        description:
          'The pool of what its own sources may not take now: a warm-up is over for today, an address blocked.',
      }),
    ),
  ),
}

export const NewPoolBody = Type.Object({ ...fields, sources: Type.Optional(Members) }, { $id: 'NewPool' })

export const PoolBody = Type.Object(fields, { $id: 'PoolInput' })

export const PoolSourcesBody = Type.Object({ sources: Members }, { $id: 'PoolSources' })

export const ClassParams = Type.Object({ message_class: MessageClassSchema })

export const ClassPoolBody = Type.Object({ pool_id: PoolId })

export const ClassPoolSchema = Type.Object(
  { message_class: MessageClassSchema, pool_id: PoolId },
  { $id: 'ClassPool' },
)

export const PoolSchema = Type.Object(
  {
    id: Id,
    name: Type.String(),
    overflow_pool_id: Nullable(Id),
    sources: Type.Array(
      Type.Object({
        source_id: Id,
        name: Type.String(),
        status: SourceStatusSchema,
        weight: Type.Integer(),
      }),
    ),
    classes: Type.Array(MessageClassSchema, {
      description: 'Messages of these classes leave from it, where neither campaign nor tenant names a pool.',
    }),
    created_at: Timestamp,
    updated_at: Timestamp,
  },
  { $id: 'Pool' },
)
