import assert from 'node:assert/strict'
import { test } from 'node:test'
import { operationApi } from '@pigeon/server/test/operation-api.ts'
import { forgetAlerts } from './forget-alerts.ts'

test('a suspension is an alert until mail flows again, and suspensions that follow are the same one', async (t) => {
  const { call, saveLane, clock } = await operationApi(t)
  await saveLane('google', 'open')
  assert.deepEqual((await call('GET', '/v1/alerts')).body.data, [])
  await saveLane('google', 'suspended', { reason: '550 Blocked' })
  await saveLane('yahoo', 'suspended')
  const raisedAt = clock.now().toISOString()
  await clock.advance(1_000)
  for (const state of ['probing', 'suspended', 'paused', 'suspended'])
    await saveLane('google', state, { reason: `550 Blocked, ${state}` })
  const open = (await call('GET', '/v1/alerts?open=true')).body.data
  assert.deepEqual(
    open.map((alert) => [
      alert['provider'],
      alert['times'],
      alert['text'],
      alert['raised_at'],
      alert['resolved_at'],
    ]),
    [
      ['yahoo', 1, '', raisedAt, null],
      ['google', 2, '550 Blocked, suspended', raisedAt, null],
    ],
  )
  await saveLane('google', 'probing')
  await saveLane('google', 'slowed')
  const over = (await call('GET', '/v1/alerts?open=false')).body.data
  assert.deepEqual(
    over.map((alert) => [alert['provider'], alert['resolved_at']]),
    [['google', clock.now().toISOString()]],
  )
  await saveLane('google', 'suspended')
  assert.equal((await call('GET', '/v1/alerts')).body.data.length, 3, 'the next one is another')
  const first = await call('GET', '/v1/alerts?limit=2')
  const next = await call('GET', `/v1/alerts?limit=2&cursor=${first.body.next_cursor}`)
  assert.equal(next.body.data.length, 1)
})

test('alerts that have long been over are forgotten, open ones are not', async (t) => {
  const { saveLane, clock, engine, database } = await operationApi(t)
  for (const state of ['suspended', 'open']) await saveLane('google', state)
  await saveLane('yahoo', 'suspended')
  await clock.advance(91 * 86_400_000)
  assert.equal(await forgetAlerts(engine), 1)
  const left = await database.admin.selectFrom('alerts').select('provider').execute()
  assert.deepEqual(left, [{ provider: 'yahoo' }])
})

test('only owners read alerts', async (t) => {
  const { member, tenant, request } = await operationApi(t)
  const { token } = await member(tenant.tenantId, 'editor')
  assert.equal((await request(token, 'GET', '/v1/alerts')).status, 403)
})
