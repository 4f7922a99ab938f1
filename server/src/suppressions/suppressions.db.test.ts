import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { sql } from 'kysely'
import { Client } from 'pg'
import { uuidv7 } from '#platform/ids.ts'
import { asTenant } from '#platform/postgres/database.ts'
import { testDatabase } from '@pigeon/server/test/database.ts'
import { waitFor } from '@pigeon/server/test/wait-for.ts'
import { addSuppressions } from './add-suppressions.ts'
import { findSuppressed, isSuppressed } from './find-suppressed.ts'
import type { NewSuppression } from './suppression.ts'

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
    isSuppressed(database.engine, { tenantId: tenant, addressKey, listId, mode: 'sandbox' }, at)
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
      modes: Array.from({ length: 5 }, () => 'live' as const),
    },
    NOW,
  )
  assert.deepEqual([...found.keys()], [1, 3, 4])
  assert.deepEqual(
    await findSuppressed(database.engine, { tenantIds: [], addressKeys: [], listIds: [], modes: [] }, NOW),
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
  const told = { mode: null, expires_at: null, is_lifted: false }
  assert.deepEqual(heard, [
    { ...told, tenant_id: tenantId, address_key: 'a@x.com', list_id: LIST },
    { ...told, tenant_id: tenantId, address_key: 'b@x.com', list_id: null },
  ])
})

test('what was learned in the sandbox stops sandbox mail alone', async (t) => {
  const { add, database, tenantId } = await place(t)
  await add({ addressKey: 'a@x.com', listId: null, reason: 'hard_bounce', mode: 'sandbox' })
  const of = (mode: 'sandbox' | 'live') =>
    isSuppressed(database.engine, { tenantId, addressKey: 'a@x.com', listId: null, mode }, NOW)
  assert.deepEqual([await of('sandbox'), await of('live')], ['hard_bounce', undefined])
  await add({ addressKey: 'a@x.com', listId: null, reason: 'complaint' })
  assert.deepEqual([await of('sandbox'), await of('live')], ['complaint', 'complaint'])
})

test('a held suppression stops nothing, changes none that is in force, and gives way to a new one', async (t) => {
  const { add, ask } = await place(t)
  const held = { addressKey: 'a@x.com', listId: null, reason: 'hard_bounce', heldAt: NOW } as const
  const [made] = await add(held)
  assert.deepEqual([made?.held_at, await ask('a@x.com', null)], [NOW, undefined])
  const [applied] = await add({ ...held, heldAt: null })
  assert.deepEqual(
    [applied?.id, applied?.held_at, await ask('a@x.com', null)],
    [made?.id, null, 'hard_bounce'],
  )
  assert.deepEqual(await add(held), [])
  assert.equal(await ask('a@x.com', null), 'hard_bounce')
})

test('one that is over gives way to a new one, with its reason, source and time', async (t) => {
  const { database, tenantId, add, ask } = await place(t)
  await add({ addressKey: 'a@x.com', listId: null, reason: 'complaint', expiresAt: LATER })
  const [message, after] = [uuidv7(), new Date('2026-08-01')]
  const again = { addressKey: 'a@x.com', listId: null, reason: 'soft_bounce', messageId: message } as const
  const [made] = await asTenant(database.api, tenantId, (tx) => addSuppressions(tx, tenantId, [again], after))
  assert.deepEqual(
    [made?.reason, made?.message_id, made?.created_at, made?.expires_at],
    ['soft_bounce', message, after, null],
  )
  assert.equal(await ask('a@x.com', null, after), 'soft_bounce')
})
