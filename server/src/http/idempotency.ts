import { createHash } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { sql } from 'kysely'
import type { Clock } from '#platform/clock.ts'
import type { Keys } from '#platform/keys/keys.ts'
import { asTenant } from '#platform/postgres/database.ts'
import type { Database, Db, Transaction } from '#platform/postgres/database.ts'
import { Problem } from '#platform/problem.ts'
import { pathOf } from './handle-error.ts'
import { who } from './who.ts'

const KEPT_MS = 24 * 3600_000
const MAX_KEY_CHARS = 256
const RUNNING_RETRY_MS = 1000

export interface Answer<T> {
  readonly status: number
  readonly body: T
}

export interface IdempotencyDeps {
  readonly db: Database
  readonly clock: Clock
  /** Given when the answer holds a secret: it is stored encrypted. */
  readonly seal?: Keys
}

interface Stored {
  body_hash: Buffer
  status: number
  response: unknown
}

/**
 * Runs `work` in a transaction of the caller's tenant and sends its answer. With an `Idempotency-Key` the answer is
 * stored in the same transaction: the same key with the same body gets it again, whatever happened to the first
 * reply. The route says `config.idempotent`.
 *
 * Problems: `idempotency.mismatch` (the key was used with another body), `idempotency.in_progress` (409, ask again
 * in a second). What `work` throws is not stored: the caller may try again with the same key.
 *
 * `fingerprint` stands for the body where it is not JSON (an upload).
 */
export async function idempotent<T>(
  deps: IdempotencyDeps,
  request: FastifyRequest,
  reply: FastifyReply,
  work: (transaction: Transaction) => Promise<Answer<T>>,
  options: { fingerprint?: string } = {},
): Promise<T> {
  const { tenantId } = who(request)
  const key = keyOf(request)
  const answer = await asTenant(deps.db, tenantId, async (transaction) => {
    if (key === undefined) return work(transaction)
    const record = {
      tenantId,
      key,
      scope: `${request.method} ${pathOf(request)}`,
      hash: hashOf(options.fingerprint ?? request.body),
    }
    await lockKey(transaction, record)
    const stored = await findStored(transaction, record, new Date(deps.clock.now().getTime() - KEPT_MS))
    if (stored !== undefined) {
      reply.header('idempotent-replayed', 'true')
      return replay<T>(deps, stored, record)
    }
    const first = await work(transaction)
    await store(transaction, record, {
      ...first,
      response: await sealed(deps, record, first.body),
      at: deps.clock.now(),
    })
    return first
  })
  reply.code(answer.status)
  return answer.body
}

interface KeyRecord {
  readonly tenantId: string
  readonly scope: string
  readonly key: string
  readonly hash: Buffer
}

function keyOf(request: FastifyRequest): string | undefined {
  const key = request.headers['idempotency-key']
  if (key === undefined) return undefined
  if (typeof key !== 'string' || key.length === 0 || key.length > MAX_KEY_CHARS) {
    const message = `Idempotency-Key must have 1 to ${MAX_KEY_CHARS} characters.`
    throw new Problem('invalid', 'idempotency.bad_key', message, {
      errors: [{ field: 'Idempotency-Key', code: 'idempotency.bad_key', message }],
    })
  }
  return key
}

/** Of the canonical body: the order in which a client writes its fields does not matter. */
function hashOf(body: unknown): Buffer {
  return createHash('sha256')
    .update(JSON.stringify(canonical(body)) ?? '')
    .digest()
}

function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical)
  if (typeof value !== 'object' || value === null) return value
  return Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, item]) => [name, canonical(item)])
}

async function lockKey(transaction: Transaction, { tenantId, scope, key }: KeyRecord): Promise<void> {
  const name = JSON.stringify(['idempotency', tenantId, scope, key])
  const { rows } = await sql<{ locked: boolean }>`
    select pg_try_advisory_xact_lock(hashtextextended(${name}, 0)) as locked`.execute(transaction)
  if (rows[0]?.locked === true) return
  throw new Problem(
    'conflict',
    'idempotency.in_progress',
    'The first request with this Idempotency-Key is still running. Ask again in a second.',
    {
      retryAfterMs: RUNNING_RETRY_MS,
    },
  )
}

async function findStored(
  transaction: Transaction,
  record: KeyRecord,
  notBefore: Date,
): Promise<Stored | undefined> {
  const { rows } = await sql<Stored>`
    select body_hash, status, response from idempotency_keys
     where tenant_id = ${record.tenantId} and scope = ${record.scope} and key = ${record.key}
       and created_at > ${notBefore}`.execute(transaction)
  return rows[0]
}

async function store(
  transaction: Transaction,
  record: KeyRecord,
  answer: { status: number; response: unknown; at: Date },
): Promise<void> {
  await sql`
    insert into idempotency_keys (tenant_id, scope, key, body_hash, status, response, created_at)
    values (${record.tenantId}, ${record.scope}, ${record.key}, ${record.hash}, ${answer.status},
            ${JSON.stringify(answer.response ?? null)}::jsonb, ${answer.at})
    on conflict (tenant_id, scope, key) do update
       set body_hash = excluded.body_hash, status = excluded.status, response = excluded.response,
           created_at = excluded.created_at`.execute(transaction)
}

async function replay<T>(deps: IdempotencyDeps, stored: Stored, record: KeyRecord): Promise<Answer<T>> {
  if (!stored.body_hash.equals(record.hash)) {
    throw new Problem(
      'conflict',
      'idempotency.mismatch',
      'This Idempotency-Key was used with another body. Use a new key for a new request.',
    )
  }
  const body = deps.seal === undefined ? stored.response : await unsealed(deps.seal, record, stored.response)
  // It was stored by this function for this method and path, and the route's schema shapes it again on its way out.
  return { status: stored.status, body: body as T }
}

async function sealed(deps: IdempotencyDeps, record: KeyRecord, body: unknown): Promise<unknown> {
  if (deps.seal === undefined) return body
  const envelope = await deps.seal.encrypt(Buffer.from(JSON.stringify(body)), contextOf(record))
  return envelope.toString('base64')
}

async function unsealed(keys: Keys, record: KeyRecord, stored: unknown): Promise<unknown> {
  const plaintext = await keys.decrypt(Buffer.from(String(stored), 'base64'), contextOf(record))
  return JSON.parse(plaintext.toString('utf8'))
}

function contextOf(record: KeyRecord): string {
  return `idempotency:${record.tenantId}:${record.scope}:${record.key}`
}

/** Deletes what is too old to be replayed, of all tenants: run it with the engine's connection. Returns how many. */
export async function deleteExpiredIdempotencyKeys(db: Db, now: Date): Promise<number> {
  const result =
    await sql`delete from idempotency_keys where created_at < ${new Date(now.getTime() - KEPT_MS)}`.execute(
      db,
    )
  return Number(result.numAffectedRows ?? 0n)
}
