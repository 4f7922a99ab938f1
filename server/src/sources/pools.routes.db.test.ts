import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { DEFAULT_POOL_ID, POOL_LIMITS } from './pool.ts'
import { DEFAULT_SOURCE_ID } from './source.ts'
import { NOBODY, sourcesApi } from './sources-test-api.ts'
import type { Method } from './sources-test-api.ts'

const api = await sourcesApi()
const { call, makeSource, makePool, makeCampaign } = api

test('a new installation has one pool with its one source', async () => {
  const { status, body } = await call('GET', `/v1/pools/${DEFAULT_POOL_ID}`)
  assert.equal(status, 200)
  assert.deepEqual(body['sources'], [
    { source_id: DEFAULT_SOURCE_ID, name: 'default', status: 'active', weight: 1 },
  ])
})

test('pools are made, listed, renamed and deleted, and their sources replaced', async () => {
  const [a, b] = [await makeSource('a'), await makeSource('b')]
  const made = await makePool('news', {
    overflow_pool_id: DEFAULT_POOL_ID,
    sources: [{ source_id: a.id, weight: 3 }],
  })
  assert.equal(made['overflow_pool_id'], DEFAULT_POOL_ID)
  assert.equal((await call('GET', '/v1/pools?limit=1')).body.data?.[0]?.id, made.id)
  const url = `/v1/pools/${made.id}`
  const renamed = await call('PUT', url, { name: 'letters' })
  assert.deepEqual([renamed.body['name'], renamed.body['overflow_pool_id']], ['letters', null])
  const sources = [
    { source_id: b.id, weight: 1000 },
    { source_id: a.id, weight: 1 },
  ]
  const replaced = await call('PUT', `${url}/sources`, { sources })
  assert.deepEqual(replaced.body['sources'], [
    { source_id: a.id, name: 'a', status: 'active', weight: 1 },
    { source_id: b.id, name: 'b', status: 'active', weight: 1000 },
  ])
  assert.deepEqual((await call('PUT', `${url}/sources`, { sources: [] })).body['sources'], [])
  assert.equal((await call('DELETE', url)).status, 204)
  assert.equal((await call('GET', `/v1/sources/${a.id}`)).status, 200)
})

test('what is not there is told on every route', async () => {
  const routes: [Method, string, object?][] = [
    ['GET', ''],
    ['PUT', '', { name: 'x' }],
    ['DELETE', ''],
    ['PUT', '/sources', { sources: [] }],
  ]
  for (const [method, path, body] of routes) {
    const reply = await call(method, `/v1/pools/${NOBODY}${path}`, body)
    assert.deepEqual([reply.status, reply.body.code], [404, 'pools.not_found'], `${method} ${path}`)
  }
})

test('a source that is not there or stands twice is named by its place', async () => {
  const twice = { source_id: DEFAULT_SOURCE_ID, weight: 1 }
  const sources = [twice, { source_id: NOBODY, weight: 1 }, twice]
  for (const reply of [
    await call('POST', '/v1/pools', { name: 'wrong', sources }),
    await call('PUT', `/v1/pools/${DEFAULT_POOL_ID}/sources`, { sources }),
  ]) {
    assert.deepEqual([reply.status, reply.body.code], [422, 'pools.bad_sources'])
    assert.deepEqual(
      reply.body.errors?.map(({ field, code }) => `${field} ${code}`),
      ['sources[1].source_id sources.unknown', 'sources[2].source_id twice'],
    )
  }
  for (const weight of [0, 1001, 1.5]) {
    const reply = await call('POST', '/v1/pools', { name: 'x', sources: [{ ...twice, weight }] })
    assert.equal(reply.status, 422)
  }
})

test('a pool never overflows into itself, by whatever way', async () => {
  const a = await makePool('ring-a')
  const b = await makePool('ring-b', { overflow_pool_id: a.id })
  const c = await makePool('ring-c', { overflow_pool_id: b.id })
  const reply = await call('PUT', `/v1/pools/${a.id}`, { name: 'ring-a', overflow_pool_id: c.id })
  assert.deepEqual([reply.status, reply.body.code], [422, 'pools.overflow_circle'])
  assert.match(reply.body.detail ?? '', /ring-a → ring-c → ring-b → ring-a/)
  const unknown = await call('PUT', `/v1/pools/${a.id}`, { name: 'ring-a', overflow_pool_id: NOBODY })
  assert.deepEqual([unknown.status, unknown.body.errors?.[0]?.field], [422, 'overflow_pool_id'])
})

test('two changes at once do not close a circle together', async () => {
  const [a, b] = [await makePool('race-a'), await makePool('race-b')]
  const replies = await Promise.all([
    call('PUT', `/v1/pools/${a.id}`, { name: 'race-a', overflow_pool_id: b.id }),
    call('PUT', `/v1/pools/${b.id}`, { name: 'race-b', overflow_pool_id: a.id }),
  ])
  assert.deepEqual(replies.map(({ status }) => status).sort(), [200, 422])
})

test('a name is taken once', async () => {
  const { id } = await makePool('once')
  assert.equal((await call('POST', '/v1/pools', { name: 'once' })).body.code, 'pools.name_taken')
  assert.equal((await call('POST', '/v1/pools', { name: 'default' })).status, 409)
  await makePool('second')
  assert.equal((await call('PUT', `/v1/pools/${id}`, { name: 'second' })).status, 409)
})

test('the default pool keeps its name, has a source, and stays', async () => {
  const url = `/v1/pools/${DEFAULT_POOL_ID}`
  assert.equal((await call('PUT', url, { name: 'other' })).body.code, 'pools.is_default')
  assert.equal((await call('DELETE', url)).body.code, 'pools.is_default')
  const empty = await call('PUT', `${url}/sources`, { sources: [] })
  assert.deepEqual([empty.status, empty.body.code], [422, 'pools.default_empty'])
})

test('a class of messages has a pool of its own, or none', async () => {
  const { id } = await makePool('fast')
  const url = '/v1/pools/classes/transactional'
  const set = await call('PUT', url, { pool_id: id })
  assert.deepEqual([set.status, set.body], [200, { message_class: 'transactional', pool_id: id }])
  assert.deepEqual((await call('GET', `/v1/pools/${id}`)).body['classes'], ['transactional'])
  assert.equal((await call('PUT', url, { pool_id: null })).status, 200)
  assert.deepEqual((await call('GET', `/v1/pools/${id}`)).body['classes'], [])
  assert.equal((await call('PUT', url, { pool_id: NOBODY })).body.code, 'pools.unknown')
  assert.equal((await call('PUT', '/v1/pools/classes/other', { pool_id: id })).status, 422)
})

test('a tenant has a pool of its own, or none', async () => {
  const { id } = await makePool('acme')
  assert.equal((await call('PUT', '/v1/tenant/pool', { pool_id: id })).body['pool_id'], id)
  assert.equal((await call('GET', '/v1/tenant')).body['pool_id'], id)
  assert.equal((await call('PUT', '/v1/tenant/pool', { pool_id: NOBODY })).body.code, 'pools.unknown')
  assert.equal((await call('PUT', '/v1/tenant/pool', { pool_id: null })).body['pool_id'], null)
})

test('a campaign is bulk and has no pool unless it says otherwise', async () => {
  const plain = await makeCampaign()
  assert.deepEqual([plain['pool_id'], plain['message_class']], [null, 'bulk'])
  const { id } = await makePool('launch')
  const made = await makeCampaign({ pool_id: id, message_class: 'transactional' })
  const url = `/v1/campaigns/${made.id}`
  const read = await call('GET', url)
  assert.deepEqual([read.body['pool_id'], read.body['message_class']], [id, 'transactional'])
  const body = { name: 'Spring', from_email: 'a@example.com' }
  const unknown = await call('PUT', url, { ...body, pool_id: NOBODY })
  assert.deepEqual([unknown.status, unknown.body.errors?.[0]?.field], [422, 'pool_id'])
  const changed = await call('PUT', url, body)
  assert.deepEqual([changed.body['pool_id'], changed.body['message_class']], [null, 'bulk'])
  assert.equal((await call('POST', '/v1/campaigns', { ...body, pool_id: NOBODY })).status, 422)
  assert.equal((await call('POST', '/v1/campaigns', { ...body, message_class: 'urgent' })).status, 422)
})

test('a pool in use is not deleted, and the refusal says by whom, other tenants counted', async () => {
  const { id } = await makePool('used')
  await makePool('small', { overflow_pool_id: id })
  await call('PUT', '/v1/pools/classes/bulk', { pool_id: id })
  const campaign = await makeCampaign({ pool_id: id })
  const stranger = await api.signUp()
  await call('PUT', '/v1/tenant/pool', { pool_id: id }, stranger.token)
  const refused = await call('DELETE', `/v1/pools/${id}`)
  assert.deepEqual([refused.status, refused.body.code], [409, 'pools.in_use'])
  assert.match(
    refused.body.detail ?? '',
    /bulk mail; the pool small, which overflows into it; 1 tenant; 1 campaign/,
  )

  await call('PUT', '/v1/pools/classes/bulk', { pool_id: null })
  const small = (await call('GET', '/v1/pools')).body.data?.find(({ name }) => name === 'small')
  await call('PUT', `/v1/pools/${small?.id}`, { name: 'small' })
  await call('PUT', '/v1/tenant/pool', { pool_id: null }, stranger.token)
  assert.match((await call('DELETE', `/v1/pools/${id}`)).body.detail ?? '', /used by: 1 campaign\./)
  await sql`update campaigns set status = 'sent', completed_at = now() where id = ${campaign.id}`.execute(
    api.database.admin,
  )
  assert.equal((await call('DELETE', `/v1/pools/${id}`)).status, 204)
  assert.equal((await call('GET', `/v1/campaigns/${campaign.id}`)).body['pool_id'], null)
})

test('who writes campaigns reads pools, and only an owner changes them', async () => {
  const editor = await api.signUp('editor')
  const viewer = await api.signUp('viewer')
  assert.equal((await call('GET', '/v1/pools', undefined, editor.token)).status, 200)
  assert.equal((await call('GET', '/v1/pools', undefined, viewer.token)).status, 403)
  const routes: [Method, string, object?][] = [
    ['POST', '/v1/pools', { name: 'x' }],
    ['PUT', `/v1/pools/${DEFAULT_POOL_ID}`, { name: 'default' }],
    ['DELETE', `/v1/pools/${DEFAULT_POOL_ID}`],
    ['PUT', `/v1/pools/${DEFAULT_POOL_ID}/sources`, { sources: [] }],
    ['PUT', '/v1/pools/classes/bulk', { pool_id: null }],
    ['PUT', '/v1/tenant/pool', { pool_id: null }],
  ]
  for (const [method, url, body] of routes)
    assert.equal((await call(method, url, body, editor.token)).status, 403, `${method} ${url}`)
})

test('an installation has so many pools and no more', async (t) => {
  await sql`
    insert into pools (name, created_at, updated_at)
    select 'many-' || n, now(), now() from generate_series(1, ${POOL_LIMITS.pools}::int) n`.execute(
    api.database.admin,
  )
  t.after(() => sql`delete from pools where name like 'many-%'`.execute(api.database.admin))
  const reply = await call('POST', '/v1/pools', { name: 'one-more' })
  assert.deepEqual([reply.status, reply.body.code], [429, 'pools.too_many'])
})
