import assert from 'node:assert/strict'
import { test } from 'node:test'
import { claimAndAppend } from '#dispatch/claim.ts'
import { sampleQueue } from '@pigeon/server/test/factories.ts'
import { operationApi, SHARD } from '@pigeon/server/test/operation-api.ts'
import { isSendingStopped } from './sending-switch.ts'

const LIFETIMES = { bulkMs: 259_200_000, transactionalMs: 86_400_000, sandboxMs: 30_000 }

test('while sending is stopped nothing is claimed, and after the resumption everything is', async (t) => {
  const { call, engine, tenant, campaignId, clock } = await operationApi(t, 4)
  const claim = () => claimAndAppend(engine, [sampleQueue(tenant.tenantId, campaignId)], LIFETIMES)
  assert.equal((await call('POST', '/v1/system/drain', { reason: 'The disk is changed.' })).status, 204)
  assert.equal(await claim(), 0)
  const stopped = (await call('GET', '/v1/system/processes')).body['sending']
  assert.deepEqual(stopped, {
    stopped_at: clock.now().toISOString(),
    reason: 'The disk is changed.',
    in_hand: { count: 0, or_more: false },
  })
  assert.equal((await call('POST', '/v1/system/resume')).status, 204)
  assert.equal(await claim(), 4)
})

test('a stop waits for a claim under way, so that none is made after it', async (t) => {
  const { call, engine, database, tenant, campaignId } = await operationApi(t, 2)
  const claiming = await database.engine.startTransaction().execute()
  assert.equal(await isSendingStopped(claiming), false)
  let isStopped = false
  const stop = call('POST', '/v1/system/drain', {}).then(() => (isStopped = true))
  // Another request is answered meanwhile: the stop has had its turn.
  await call('GET', '/v1/system/processes')
  assert.equal(isStopped, false)
  await claiming.commit().execute()
  await stop
  const queue = sampleQueue(tenant.tenantId, campaignId)
  assert.equal(await claimAndAppend(engine, [queue], LIFETIMES), 0)
})

test('processes are told with their shards and what they have in hand', async (t) => {
  const { call, engine, tenant, campaignId, saveLane } = await operationApi(t, 4)
  await saveLane('google', 'open')
  await claimAndAppend(engine, [sampleQueue(tenant.tenantId, campaignId)], LIFETIMES)
  const { status, body } = await call('GET', '/v1/system/processes')
  assert.equal(status, 200)
  assert.deepEqual(body['deliver'], [
    {
      owner: 'test',
      shards: [SHARD],
      is_alive: true,
      in_hand: { count: 4, or_more: false },
      active: 3,
      connections: 2,
    },
  ])
  assert.ok(Array.isArray(body['roles']))
})

test('only owners stop sending', async (t) => {
  const { member, tenant, request } = await operationApi(t)
  const { token } = await member(tenant.tenantId, 'admin')
  assert.equal((await request(token, 'POST', '/v1/system/drain', {})).status, 403)
  assert.equal((await request(token, 'POST', '/v1/system/resume')).status, 403)
  assert.equal((await request(token, 'GET', '/v1/system/processes')).status, 403)
})
