import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NOBODY, operationApi } from '@pigeon/server/test/operation-api.ts'

const GOOGLE = { mode: 'sandbox', provider: 'google' } as const

test('lanes are listed with what waits for their provider and what was ordered, page by page', async (t) => {
  const { call, saveLane } = await operationApi(t, 6)
  await saveLane('google', 'slowed', { reason: '421 Slower' })
  await saveLane('yahoo', 'open')
  await call('POST', '/v1/lanes/limit', { ...GOOGLE, messages_per_minute: 30 })
  const first = await call('GET', '/v1/lanes?limit=1')
  assert.equal(first.status, 200)
  const [lane] = first.body.data
  assert.deepEqual(
    [lane?.['provider'], lane?.['state'], lane?.['reason'], lane?.['per_minute'], lane?.['source']],
    ['google', 'slowed', '421 Slower', 120, 'default'],
  )
  assert.deepEqual(lane?.['waiting'], { count: 3, or_more: false })
  assert.deepEqual(ordersOf(lane), [[null, 30]])
  const next = await call('GET', `/v1/lanes?limit=1&cursor=${first.body.next_cursor}`)
  assert.deepEqual(
    next.body.data.map((each) => each['provider']),
    ['yahoo'],
  )
  assert.equal(next.body.next_cursor, null)
  const slowed = await call('GET', '/v1/lanes?state=slowed&mode=sandbox&provider=google&source=default')
  assert.equal(slowed.body.data.length, 1)
  assert.equal((await call('GET', '/v1/lanes?mode=live')).body.data.length, 0)
  assert.equal((await call('GET', '/v1/lanes?cursor=nonsense')).status, 422)
})

test('pause, limit and resume change one order, and an order that says nothing is gone', async (t) => {
  const { call } = await operationApi(t)
  const paused = await call('POST', '/v1/lanes/pause', { ...GOOGLE, reason: 'They block us.' })
  assert.equal(paused.status, 200)
  const limited = await call('POST', '/v1/lanes/limit', {
    ...GOOGLE,
    messages_per_minute: 60,
    for_minutes: 10,
  })
  const listed = await call('GET', '/v1/lanes/orders')
  assert.deepEqual(
    listed.body.data.map((order) => [order['paused'], order['messages_per_minute']]),
    [['They block us.', 60]],
  )
  assert.deepEqual(limited.body['order'], listed.body.data[0])
  await call('POST', '/v1/lanes/resume', GOOGLE)
  assert.equal((await call('POST', '/v1/lanes/resume', GOOGLE)).body.code, 'lanes.not_paused')
  const [left] = (await call('GET', '/v1/lanes/orders')).body.data
  assert.deepEqual([left?.['paused'], left?.['messages_per_minute']], [null, 60])
  assert.equal((await call('DELETE', `/v1/lanes/orders/${left?.id}`)).status, 204)
  assert.deepEqual((await call('GET', '/v1/lanes/orders')).body.data, [])
})

test('a limit whose time is over is none', async (t) => {
  const room = await operationApi(t)
  const { clock, member, tenant, request } = room
  await room.call('POST', '/v1/lanes/limit', { ...GOOGLE, messages_per_minute: 60, for_minutes: 1 })
  assert.equal((await room.call('GET', '/v1/lanes/orders')).body.data.length, 1)
  await clock.advance(60_000)
  const { token } = await member(tenant.tenantId, 'owner')
  assert.deepEqual((await request(token, 'GET', '/v1/lanes/orders')).body.data, [])
})

test('a single source is paused by its name, beside what is said of all', async (t) => {
  const { call } = await operationApi(t)
  await call('POST', '/v1/lanes/pause', GOOGLE)
  const one = await call('POST', '/v1/lanes/pause', { ...GOOGLE, source: 'default' })
  assert.equal(one.status, 200)
  await call('POST', '/v1/lanes/resume', GOOGLE)
  const { data } = (await call('GET', '/v1/lanes/orders')).body
  assert.deepEqual(
    data.map((order) => [order['source'], order['paused']]),
    [['default', 'Paused by an operator.']],
  )
})

test('a suspended lane is asked for, one that is not suspended is a refusal', async (t) => {
  const { call, saveLane, clock } = await operationApi(t)
  assert.equal((await call('POST', '/v1/lanes/probe', GOOGLE)).body.code, 'lanes.nothing_suspended')
  await saveLane('google', 'suspended')
  const asked = await call('POST', '/v1/lanes/probe', GOOGLE)
  assert.equal(asked.status, 200)
  const [order] = (await call('GET', '/v1/lanes/orders')).body.data
  assert.equal(order?.['probe_at'], clock.now().toISOString())
})

test('what waits for a provider that is resumed is due at once, and was never old', async (t) => {
  const { call, carryOut, database, clock } = await operationApi(t, 4)
  await call('POST', '/v1/lanes/pause', GOOGLE)
  const later = new Date(clock.now().getTime() + 60_000)
  await database.admin.updateTable('deliveries').set({ due_at: later, expires_at: later }).execute()
  await call('POST', '/v1/lanes/resume', GOOGLE)
  await carryOut()
  const rows = await database.admin
    .selectFrom('deliveries')
    .select(['domain', 'due_at', 'expires_at'])
    .execute()
  const due = rows.filter((row) => row.due_at <= clock.now())
  assert.deepEqual(
    due.map((row) => [row.domain, row.expires_at]),
    [
      ['google.example', null],
      ['google.example', null],
    ],
  )
  assert.equal(rows.length, 4)
})

test('an order about a provider, a source or an order that is not there is refused', async (t) => {
  const { call } = await operationApi(t)
  for (const action of ['pause', 'resume', 'probe']) {
    const reply = await call('POST', `/v1/lanes/${action}`, { ...GOOGLE, provider: 'googel' })
    assert.deepEqual([reply.status, reply.body.code], [404, 'lanes.no_such_provider'])
  }
  const limit = { ...GOOGLE, messages_per_minute: 1 }
  const source = await call('POST', '/v1/lanes/limit', { ...limit, source: 'out-9' })
  assert.deepEqual([source.status, source.body.code], [404, 'lanes.no_such_source'])
  const gone = await call('DELETE', `/v1/lanes/orders/${NOBODY}`)
  assert.deepEqual([gone.status, gone.body.code], [404, 'lanes.no_such_order'])
  for (const body of [{}, { ...limit, messages_per_minute: 0 }, { ...limit, mode: 'both' }])
    assert.equal((await call('POST', '/v1/lanes/limit', body)).status, 422)
})

test('an order is told to delivery on commit', async (t) => {
  const room = await operationApi(t)
  const heard = await room.notified(async () => {
    await room.call('POST', '/v1/lanes/pause', GOOGLE)
  })
  assert.deepEqual(heard, ['lanes'])
})

test('only owners see and order lanes', async (t) => {
  const { member, tenant, request } = await operationApi(t)
  const { token } = await member(tenant.tenantId, 'admin')
  assert.equal((await request(token, 'GET', '/v1/lanes')).status, 403)
  assert.equal((await request(token, 'POST', '/v1/lanes/pause', GOOGLE)).status, 403)
})

function ordersOf(lane: Readonly<Record<string, unknown>> | undefined): unknown[] {
  const orders = lane?.['orders']
  assert.ok(Array.isArray(orders))
  return orders.map((order: Readonly<Record<string, unknown>>) => [
    order['paused'],
    order['messages_per_minute'],
  ])
}
