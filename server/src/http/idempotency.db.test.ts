import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { Type } from 'typebox'
import { testApi } from '@pigeon/server/test/test-api.ts'
import { deleteExpiredIdempotencyKeys, idempotent } from './idempotency.ts'
import { createApp } from './app.ts'

const Body = Type.Object({ name: Type.String(), size: Type.Optional(Type.Integer()) })

/** A route that inserts a list in the transaction it is given, and can be held up or made to fail. */
async function setUp() {
  const api = await testApi()
  const someone = await api.signUp()
  const gate: { wait: Promise<void>; entered: PromiseWithResolvers<void>; fail: boolean } = {
    wait: Promise.resolve(),
    entered: Promise.withResolvers<void>(),
    fail: false,
  }
  const app = await createApp({
    log: { debug() {}, info() {}, warn() {}, error() {}, child: (): never => assert.fail() },
    clock: api.clock,
    authenticate: async () => ({ ...someone, role: 'owner', scopes: 'all', mode: 'sandbox' }),
  })
  app.route({
    method: 'POST',
    url: '/v1/things',
    schema: { body: Body, response: { 201: Body } },
    config: { scope: 'lists:write', idempotent: true },
    handler: (request, reply) =>
      idempotent(api.deps, request, reply, async (transaction) => {
        await sql`insert into lists (tenant_id, name, created_at, updated_at)
                  values (${someone.tenantId}, ${request.body.name}, now(), now())`.execute(transaction)
        gate.entered.resolve()
        await gate.wait
        if (gate.fail) throw new Error('broken')
        return { status: 201, body: request.body }
      }),
  })
  const post = async (key: string | undefined, payload: string) =>
    app.inject({
      method: 'POST',
      url: '/v1/things',
      headers: {
        'content-type': 'application/json',
        ...(key === undefined ? {} : { 'idempotency-key': key }),
      },
      payload,
    })
  const lists = async (): Promise<number> => {
    const { rows } = await sql<{ n: number }>`select count(*)::int as n from lists`.execute(
      api.database.admin,
    )
    return rows[0]?.n ?? -1
  }
  return { api, gate, post, lists }
}

test('the same key gets the first answer and creates nothing twice, whatever the order of the fields', async () => {
  const { post, lists } = await setUp()
  const first = await post('k', '{"name":"a","size":1}')
  const second = await post('k', '{"size":1,"name":"a"}')
  assert.equal(first.headers['idempotent-replayed'], undefined)
  assert.equal(second.statusCode, 201)
  assert.equal(second.headers['idempotent-replayed'], 'true')
  assert.deepEqual(second.json(), first.json())
  assert.equal(await lists(), 1)
})

test('without a key every request creates', async () => {
  const { post, lists } = await setUp()
  await post(undefined, '{"name":"a"}')
  await post(undefined, '{"name":"a"}')
  assert.equal(await lists(), 2)
})

test('the same key with another body is refused', async () => {
  const { post, lists } = await setUp()
  await post('k', '{"name":"a"}')
  const reply = await post('k', '{"name":"b"}')
  assert.equal(reply.statusCode, 409)
  assert.equal(reply.json().code, 'idempotency.mismatch')
  assert.equal(await lists(), 1)
})

test('while the first still runs, the second is told to ask again in a second', async () => {
  const { post, lists, gate } = await setUp()
  const held = Promise.withResolvers<void>()
  gate.wait = held.promise
  const first = post('k', '{"name":"a"}')
  await gate.entered.promise
  const second = await post('k', '{"name":"a"}')
  assert.equal(second.statusCode, 409)
  assert.equal(second.json().code, 'idempotency.in_progress')
  assert.equal(second.headers['retry-after'], '1')
  held.resolve()
  assert.equal((await first).statusCode, 201)
  assert.equal((await post('k', '{"name":"a"}')).headers['idempotent-replayed'], 'true')
  assert.equal(await lists(), 1)
})

test('a failure is not stored: the same key may try again, and what the failed one did is undone', async () => {
  const { post, lists, gate } = await setUp()
  gate.fail = true
  assert.equal((await post('k', '{"name":"a"}')).statusCode, 500)
  assert.equal(await lists(), 0)
  gate.fail = false
  assert.equal((await post('k', '{"name":"a"}')).statusCode, 201)
  assert.equal(await lists(), 1)
})

test('after a day a key is free again, and old records are deleted', async () => {
  const { api, post, lists } = await setUp()
  await post('k', '{"name":"a"}')
  await api.clock.advance(24 * 3600_000 + 1)
  const reply = await post('k', '{"name":"b"}')
  assert.equal(reply.statusCode, 201)
  assert.equal(await lists(), 2)
  await api.clock.advance(24 * 3600_000 + 1)
  assert.equal(await deleteExpiredIdempotencyKeys(api.database.engine, api.clock.now()), 1)
})

test('a key that is too long or empty is refused', async () => {
  const { post } = await setUp()
  assert.equal((await post('k'.repeat(257), '{"name":"a"}')).statusCode, 422)
  assert.equal((await post('', '{"name":"a"}')).statusCode, 422)
})
