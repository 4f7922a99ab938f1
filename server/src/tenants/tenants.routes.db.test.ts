import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testApi } from '@pigeon/server/test/test-api.ts'
import { tenantTimeZone } from './tenant-time-zone.ts'

test('an owner changes the name and the time zone', async () => {
  const api = await testApi()
  const { token, tenantId } = await api.signUp()
  await api.clock.advance(1000)
  const changed = await api.call('PUT', '/v1/tenant', {
    token,
    body: { name: ' New name ', time_zone: 'Asia/Kolkata' },
  })
  assert.equal(changed.statusCode, 200)
  const read = (await api.call('GET', '/v1/tenant', { token })).json()
  assert.equal(read.name, 'New name')
  assert.equal(read.time_zone, 'Asia/Kolkata')
  assert.equal(read.updated_at, api.clock.now().toISOString())
  assert.equal(await tenantTimeZone(api.deps, tenantId), 'Asia/Kolkata')
})

test('what is no time zone, no name or no field is refused', async () => {
  const api = await testApi()
  const { token } = await api.signUp()
  for (const [body, field] of [
    [{ name: 'x', time_zone: '+01:00' }, 'time_zone'],
    [{ name: 'x', time_zone: 'Nowhere/City' }, 'time_zone'],
    [{ name: ' ', time_zone: 'UTC' }, 'name'],
    [{ name: 'x', time_zone: 'UTC', mode: 'live' }, 'mode'],
    [{ name: 'x' }, 'time_zone'],
  ] as const) {
    const reply = await api.call('PUT', '/v1/tenant', { token, body })
    assert.equal(reply.statusCode, 422)
    assert.equal(reply.json().errors[0].field, field)
  }
})

test('others read it and may not change it', async () => {
  const api = await testApi()
  const { token } = await api.signUp('admin')
  assert.equal((await api.call('GET', '/v1/tenant', { token })).statusCode, 200)
  assert.equal(
    (await api.call('PUT', '/v1/tenant', { token, body: { name: 'x', time_zone: 'UTC' } })).statusCode,
    403,
  )
  assert.equal((await api.call('GET', '/v1/tenant')).statusCode, 401)
})
