import type { Clock } from '#platform/clock.ts'
import { uuidv7 } from '#platform/ids.ts'
import type { Database, Transaction } from '#platform/postgres/database.ts'
import type { MessageClass } from '#platform/postgres/database.gen.ts'
import { Problem } from '#platform/problem.ts'
import type { FieldError } from '#platform/problem.ts'
import { assertPool } from './assert-pool.ts'
import { DEFAULT_POOL_ID, overflowCircle, POOL_LIMITS } from './pool.ts'
import {
  insertPool,
  replaceMembers,
  selectMissingSources,
  selectOverflowLinks,
  selectPool,
  setClassPool,
  updatePool,
} from './pools.store.ts'
import type { MemberInput, PoolView } from './pools.store.ts'
import { lockSources } from './sources.store.ts'

export interface PoolDeps {
  readonly db: Database
  readonly clock: Clock
}

export interface PoolInput {
  readonly name: string
  readonly overflow_pool_id?: string | null
}

export interface NewPool extends PoolInput {
  readonly sources?: readonly MemberInput[]
}

/** Problems `pools.name_taken`, `pools.unknown` (its overflow), `pools.bad_sources`, `pools.too_many`. */
export async function createPool(
  deps: { clock: Clock },
  transaction: Transaction,
  input: NewPool,
): Promise<PoolView> {
  const now = deps.clock.now()
  const id = uuidv7(now.getTime())
  const fields = { name: input.name, overflow_pool_id: input.overflow_pool_id ?? null }
  await lockSources(transaction)
  if ((await selectOverflowLinks(transaction)).length >= POOL_LIMITS.pools) throw tooMany()
  await assertPool(transaction, fields.overflow_pool_id, 'overflow_pool_id')
  await unlessTaken(insertPool(transaction, id, fields, now))
  await setMembers(transaction, id, input.sources ?? [], now)
  return readPool(transaction, id)
}

/**
 * Replaces name and overflow. Problems `pools.not_found`, `pools.name_taken`, `pools.unknown`, `pools.overflow_circle`,
 * `pools.is_default` (the default pool keeps its name).
 */
export async function editPool(deps: PoolDeps, id: string, input: PoolInput): Promise<PoolView> {
  const fields = { name: input.name, overflow_pool_id: input.overflow_pool_id ?? null }
  return deps.db.transaction().execute(async (transaction) => {
    await lockSources(transaction)
    const before = await readPool(transaction, id)
    if (id === DEFAULT_POOL_ID && fields.name !== before.name) throw isDefault('keeps its name')
    await assertPool(transaction, fields.overflow_pool_id, 'overflow_pool_id')
    assertNoCircle(await selectOverflowLinks(transaction), id, fields.overflow_pool_id)
    await unlessTaken(updatePool(transaction, id, fields, deps.clock.now()))
    return readPool(transaction, id)
  })
}

/** Replaces the sources of a pool. Problems `pools.not_found`, `pools.bad_sources`, `pools.default_empty`. */
export async function setPoolSources(
  deps: PoolDeps,
  id: string,
  members: readonly MemberInput[],
): Promise<PoolView> {
  return deps.db.transaction().execute(async (transaction) => {
    await lockSources(transaction)
    await readPool(transaction, id)
    if (id === DEFAULT_POOL_ID && members.length === 0) throw defaultEmpty()
    await setMembers(transaction, id, members, deps.clock.now())
    return readPool(transaction, id)
  })
}

/** Which pool a class of messages has; null: the default one. Problem `pools.unknown`. */
export async function setPoolOfClass(
  deps: { db: Database },
  messageClass: MessageClass,
  poolId: string | null,
): Promise<void> {
  await deps.db.transaction().execute(async (transaction) => {
    await assertPool(transaction, poolId)
    await setClassPool(transaction, messageClass, poolId)
  })
}

async function setMembers(
  transaction: Transaction,
  id: string,
  members: readonly MemberInput[],
  now: Date,
): Promise<void> {
  const ids = members.map((each) => each.source_id.toLowerCase())
  const missing = await selectMissingSources(transaction, ids)
  const errors = ids.flatMap((each, index): FieldError[] => {
    const field = `sources[${index}].source_id`
    if (missing.has(each)) {
      const message = 'There is no source with this id. GET /v1/sources lists them.'
      return [{ field, code: 'sources.unknown', message }]
    }
    if (ids.indexOf(each) === index) return []
    return [{ field, code: 'twice', message: 'This source is named already. Give it once.' }]
  })
  const [first] = errors
  if (first !== undefined) throw new Problem('invalid', 'pools.bad_sources', first.message, { errors })
  await replaceMembers(transaction, id, members, now)
}

/** The pool as it is. Problem `pools.not_found`. */
export async function readPool(db: Database | Transaction, id: string): Promise<PoolView> {
  const pool = await selectPool(db, id)
  if (pool !== undefined) return pool
  throw new Problem(
    'not_found',
    'pools.not_found',
    'There is no pool with this id. GET /v1/pools lists them.',
  )
}

function assertNoCircle(
  links: Parameters<typeof overflowCircle>[0],
  id: string,
  target: string | null,
): void {
  const circle = target === null ? undefined : overflowCircle(links, id, target)
  if (circle === undefined) return
  const message = `Mail would go round in a circle: ${circle.join(' → ')}. Choose another pool, or none.`
  throw new Problem('invalid', 'pools.overflow_circle', message, {
    errors: [{ field: 'overflow_pool_id', code: 'pools.overflow_circle', message }],
  })
}

async function unlessTaken(writing: Promise<void>): Promise<void> {
  try {
    await writing
  } catch (error) {
    const isTaken = error instanceof Error && 'constraint' in error && error.constraint === 'pools_name_key'
    if (!isTaken) throw error
    const message = 'There is a pool of this name already. Choose another.'
    throw new Problem('conflict', 'pools.name_taken', message, {
      cause: error,
      errors: [{ field: 'name', code: 'pools.name_taken', message }],
    })
  }
}

export function isDefault(what: string): Problem {
  return new Problem(
    'conflict',
    'pools.is_default',
    `The default pool ${what}: mail that no other pool was named for leaves from it.`,
  )
}

function defaultEmpty(): Problem {
  const message = 'The default pool needs a source: mail that no other pool was named for leaves from it.'
  return new Problem('invalid', 'pools.default_empty', message, {
    errors: [{ field: 'sources', code: 'pools.default_empty', message }],
  })
}

function tooMany(): Problem {
  return new Problem(
    'limited',
    'pools.too_many',
    `An installation has at most ${POOL_LIMITS.pools} pools. Delete one that is not used.`,
  )
}
