import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { asTenant } from '#platform/postgres/database.ts'
import { countRows } from '@pigeon/server/test/database.ts'
import { sampleTenant } from '@pigeon/server/test/factories.ts'
import { operationApi } from '@pigeon/server/test/operation-api.ts'

const GOOGLE = { mode: 'sandbox', provider: 'google' } as const

test('every change is in the log with who, when, what and from where', async (t) => {
  const { call, owner, clock, campaignId } = await operationApi(t)
  const changes: ['POST', string, object][] = [
    ['POST', '/v1/lanes/pause', { ...GOOGLE, reason: 'Blocked.' }],
    ['POST', '/v1/lanes/limit', { ...GOOGLE, messages_per_minute: 5, for_minutes: 1 }],
    ['POST', '/v1/lanes/resume', GOOGLE],
    ['POST', '/v1/queue/flush', GOOGLE],
    ['POST', '/v1/queue/purge', { campaign_id: campaignId, confirm: 'Campaign' }],
    ['POST', '/v1/system/drain', {}],
  ]
  for (const [method, url, body] of changes) assert.ok((await call(method, url, body)).status < 300, url)
  assert.equal((await call('POST', '/v1/system/resume')).status, 204)
  const [order] = (await call('GET', '/v1/lanes/orders')).body.data
  await call('DELETE', `/v1/lanes/orders/${order?.id}`)
  const { status, body } = await call('GET', '/v1/audit-log')
  assert.equal(status, 200)
  assert.deepEqual(
    body.data.map((entry) => [entry['action'], entry['subject']]),
    [
      ['lanes.delete_order', 'sandbox/google from every source'],
      ['system.resume', 'all sending'],
      ['system.drain', 'all sending'],
      ['queue.purge', `campaign ${campaignId}`],
      ['queue.flush', 'sandbox/google'],
      ['lanes.resume', 'sandbox/google from every source'],
      ['lanes.limit', 'sandbox/google from every source'],
      ['lanes.pause', 'sandbox/google from every source'],
    ],
  )
  const pause = body.data.at(-1)
  const until = new Date(clock.now().getTime() + 60_000).toISOString()
  const paused = { paused: 'Blocked.', messages_per_minute: null, until: null, probe_at: null }
  assert.deepEqual(
    [
      pause?.['at'],
      pause?.['user_id'],
      pause?.['api_key_id'],
      pause?.['address'],
      pause?.['before'],
      pause?.['after'],
    ],
    [clock.now().toISOString(), owner.userId, null, '127.0.0.1', null, paused],
  )
  const limit = body.data.at(-2)
  assert.deepEqual(
    [limit?.['before'], limit?.['after']],
    [paused, { ...paused, messages_per_minute: 5, until }],
  )
  const only = await call('GET', '/v1/audit-log?action=lanes.pause')
  assert.deepEqual(only.body.data, [pause])
  const page = await call('GET', '/v1/audit-log?limit=7')
  assert.deepEqual((await call('GET', `/v1/audit-log?cursor=${page.body.next_cursor}`)).body.data, [pause])
})

test('what is refused is not in the log', async (t) => {
  const { call, database } = await operationApi(t)
  await call('POST', '/v1/lanes/resume', GOOGLE)
  await call('POST', '/v1/queue/purge', { ...GOOGLE, confirm: 'no' })
  assert.equal(await countRows(database.admin, 'audit_entries'), 0)
})

test('an entry is neither changed nor deleted, by the API or by the engine', async (t) => {
  const { call, database, tenant } = await operationApi(t)
  await call('POST', '/v1/lanes/pause', GOOGLE)
  for (const db of [database.api, database.engine])
    for (const statement of [sql`update audit_entries set action = 'x'`, sql`delete from audit_entries`])
      await assert.rejects(
        asTenant(db, tenant.tenantId, (transaction) => statement.execute(transaction)),
        { code: '42501' },
      )
})

test('the log is of the own tenant, and for owners', async (t) => {
  const { call, member, tenant, request, database } = await operationApi(t)
  await call('POST', '/v1/lanes/pause', GOOGLE)
  const other = await member((await sampleTenant(database)).tenantId, 'owner')
  assert.deepEqual((await request(other.token, 'GET', '/v1/audit-log')).body.data, [])
  const { token } = await member(tenant.tenantId, 'admin')
  assert.equal((await request(token, 'GET', '/v1/audit-log')).status, 403)
})
