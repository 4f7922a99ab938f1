import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { sql } from 'kysely'
import { Client } from 'pg'
import { createApp } from '#http/app.ts'
import { systemClock } from '#platform/clock.ts'
import { uuidv7 } from '#platform/ids.ts'
import { createLog } from '#platform/log.ts'
import { asTenant } from '#platform/postgres/database.ts'
import { testDatabase } from '@pigeon/server/test/database.ts'
import { waitFor } from '@pigeon/server/test/wait-for.ts'
import { addSuppressions } from './add-suppressions.ts'
import { findSuppressed, isSuppressed } from './find-suppressed.ts'
import type { NewSuppression } from './suppression.ts'
import { registerSuppressions } from './suppressions.routes.ts'

const NOW = new Date('2026-06-01T12:00:00Z')
const LATER = new Date('2026-07-01T12:00:00Z')
const LIST = uuidv7()

async function place(t: TestContext) {
  const database = await testDatabase(t)
  const tenantId = uuidv7()
  await sql`insert into tenants (tenant_id, name, created_at, updated_at) values (${tenantId}, 't', now(), now())`.execute(
    database.admin,
  )
  const add = (...entries: NewSuppression[]) =>
    asTenant(database.api, tenantId, (tx) => addSuppressions(tx, tenantId, entries, NOW))
  const ask = (addressKey: string, listId: string | null, at = NOW, tenant = tenantId) =>
    isSuppressed(database.engine, { tenantId: tenant, addressKey, listId }, at)
  return { database, tenantId, add, ask }
}

test('a suppression without a list holds everywhere, one with a list holds there, and only for its tenant', async (t) => {
  const { add, ask } = await place(t)
  await add(
    { addressKey: 'all@x.com', listId: null, reason: 'complaint' },
    { addressKey: 'one@x.com', listId: LIST, reason: 'unsubscribed' },
  )
  assert.equal(await ask('all@x.com', LIST), 'complaint')
  assert.equal(await ask('all@x.com', null), 'complaint')
  assert.equal(await ask('one@x.com', LIST), 'unsubscribed')
  assert.equal(await ask('one@x.com', uuidv7()), undefined)
  assert.equal(await ask('one@x.com', null), undefined)
  assert.equal(await ask('all@x.com', LIST, NOW, uuidv7()), undefined)
})

test('a suppression that has an end does not count from that moment on', async (t) => {
  const { add, ask } = await place(t)
  await add({ addressKey: 'a@x.com', listId: null, reason: 'hard_bounce', expiresAt: LATER })
  assert.equal(await ask('a@x.com', null, new Date(LATER.getTime() - 1)), 'hard_bounce')
  assert.equal(await ask('a@x.com', null, LATER), undefined)
})

test('of two suppressions of one address the stronger reason and the later end stay', async (t) => {
  const { add, ask } = await place(t)
  await add({ addressKey: 'a@x.com', listId: null, reason: 'unsubscribed' })
  await add({ addressKey: 'a@x.com', listId: null, reason: 'manual', expiresAt: LATER })
  assert.equal(await ask('a@x.com', null, new Date('2030-01-01')), 'unsubscribed')
  await add({ addressKey: 'a@x.com', listId: LIST, reason: 'complaint' })
  assert.equal(await ask('a@x.com', LIST), 'complaint')
})

test('many recipients are looked up at once, each answered at its place', async (t) => {
  const { add, tenantId, database } = await place(t)
  const other = uuidv7()
  await add(
    { addressKey: 'b@x.com', listId: null, reason: 'manual' },
    { addressKey: 'c@x.com', listId: LIST, reason: 'manual' },
  )
  const found = await findSuppressed(
    database.engine,
    {
      tenantIds: [tenantId, tenantId, other, tenantId, tenantId],
      addressKeys: ['a@x.com', 'b@x.com', 'b@x.com', 'c@x.com', 'b@x.com'],
      listIds: [LIST, LIST, LIST, LIST, null],
    },
    NOW,
  )
  assert.deepEqual([...found.keys()], [1, 3, 4])
  assert.deepEqual(
    await findSuppressed(database.engine, { tenantIds: [], addressKeys: [], listIds: [] }, NOW),
    new Map(),
  )
})

test('looking up a batch uses the index when there are many suppressions', async (t) => {
  const { database, tenantId } = await place(t)
  await sql`insert into suppressions (tenant_id, address_key, reason, created_at) select ${tenantId}, 'p' || n || '@x.com', 'manual', ${NOW} from generate_series(1, 20000) n`.execute(
    database.admin,
  )
  await sql`analyze suppressions`.execute(database.admin)
  const plan = await sql<{ 'QUERY PLAN': string }>`
    explain select r.n, x.reason from unnest(${[tenantId]}::uuid[], ${['p7@x.com']}::text[], ${[LIST]}::uuid[]) with ordinality as r (tenant_id, address_key, list_id, n)
      join suppressions x on x.tenant_id = r.tenant_id and x.address_key = r.address_key and (x.list_id is null or x.list_id = r.list_id)`.execute(
    database.engine,
  )
  const text = plan.rows.map((row) => row['QUERY PLAN']).join('\n')
  assert.match(text, /Index Scan using suppressions_address/)
  assert.doesNotMatch(text, /Seq Scan/)
})

test('what is added is announced when it is committed, and not before', async (t) => {
  const { database, add, tenantId } = await place(t)
  const client = new Client(database.connections.engine)
  await client.connect()
  const heard: unknown[] = []
  client.on('notification', ({ payload }) => heard.push(JSON.parse(payload ?? '')))
  await client.query('listen suppressions')
  await add(
    { addressKey: 'a@x.com', listId: LIST, reason: 'manual' },
    { addressKey: 'b@x.com', listId: null, reason: 'manual' },
  )
  await waitFor('both announcements', () => heard.length === 2)
  await client.end()
  assert.deepEqual(heard, [
    { tenant_id: tenantId, address_key: 'a@x.com', list_id: LIST },
    { tenant_id: tenantId, address_key: 'b@x.com', list_id: null },
  ])
})

test('suppressions are added, found by address, paged and removed over HTTP', async (t) => {
  const { database, tenantId } = await place(t)
  const app = await createApp({
    log: createLog({ level: 'silent', role: 'test' }),
    clock: systemClock,
    authenticate: async () => ({ tenantId, userId: uuidv7(), role: 'owner', scopes: 'all', mode: 'sandbox' }),
  })
  registerSuppressions(app, { db: database.api, clock: systemClock })
  const post = (suppressions: object[]) =>
    app.inject({ method: 'POST', url: '/v1/suppressions', payload: { suppressions } })
  const get = async (query: string) =>
    (await app.inject({ url: `/v1/suppressions${query}` })).json<{
      data: { id: string; email: string; reason: string }[]
      has_more: boolean
    }>()

  const refused = await post([{ email: 'ok@x.com' }, { email: 'broken' }])
  assert.equal(refused.statusCode, 422)
  assert.deepEqual(
    refused.json<{ errors: { field: string }[] }>().errors.map(({ field }) => field),
    ['suppressions[1].email'],
  )
  assert.equal((await get('')).data.length, 0)

  const made = await post([
    { email: 'Ann@X.com', note: 'asked by phone' },
    { email: 'ann@x.com' },
    { email: 'bob@x.com', list_id: LIST, reason: 'complaint' },
  ])
  assert.equal(made.statusCode, 201)
  assert.equal(made.json<{ data: unknown[] }>().data.length, 2)
  assert.deepEqual(
    (await get('?email=ANN%40x.com')).data.map(({ email, reason }) => [email, reason]),
    [['ann@x.com', 'manual']],
  )
  assert.deepEqual(
    (await get(`?list_id=${LIST}`)).data.map(({ email }) => email),
    ['bob@x.com'],
  )
  assert.equal((await get('?limit=1')).has_more, true)
  assert.equal(
    (await post(Array.from({ length: 1_001 }, (_, i) => ({ email: `p${i}@x.com` })))).statusCode,
    422,
  )

  const [first] = (await get('?email=ann@x.com')).data
  const url = `/v1/suppressions/${first?.id}`
  assert.equal((await app.inject({ method: 'DELETE', url })).statusCode, 204)
  assert.equal((await app.inject({ method: 'DELETE', url })).statusCode, 404)
  await app.close()
})
