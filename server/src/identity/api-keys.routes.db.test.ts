import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { testApi } from '@pigeon/server/test/test-api.ts'

interface Made {
  id: string
  key: string
  scopes: string[]
}

async function make(
  api: Awaited<ReturnType<typeof testApi>>,
  token: string,
  body: object = {},
): Promise<Made> {
  const reply = await api.call('POST', '/v1/api-keys', { token, body: { name: 'script', ...body } })
  assert.equal(reply.statusCode, 201, reply.body)
  return reply.json()
}

test('a key works, is shown once, and only its HMAC is stored', async () => {
  const api = await testApi()
  const { token, userId } = await api.signUp()
  const { key, id } = await make(api, token)
  assert.match(key, /^pg_test_[0-9A-Za-z]{42}$/)
  const me = await api.call('GET', '/v1/me', { token: key })
  assert.equal(me.statusCode, 200)
  assert.equal(me.json().user.id, userId)
  assert.equal(me.json().api_key_id, id)
  const list = await api.call('GET', '/v1/api-keys', { token })
  assert.equal(list.statusCode, 200)
  assert.equal(list.json().data[0].prefix, key.slice(0, 12))
  assert.ok(!list.body.includes(key))
  const { rows } = await sql<{ row: string }>`select api_keys::text as row from api_keys`.execute(
    api.database.admin,
  )
  assert.ok(!JSON.stringify(rows).includes(key.slice(14)))
})

test('a revoked key is refused at once; revoking again changes nothing', async () => {
  const api = await testApi()
  const { token } = await api.signUp()
  const { key, id } = await make(api, token)
  assert.equal((await api.call('GET', '/v1/me', { token: key })).statusCode, 200)
  assert.equal((await api.call('DELETE', `/v1/api-keys/${id}`, { token })).statusCode, 204)
  const reply = await api.call('GET', '/v1/me', { token: key })
  assert.equal(reply.statusCode, 401)
  assert.equal(reply.json().code, 'auth.key_revoked')
  const revokedAt = (await api.call('GET', '/v1/api-keys', { token })).json().data[0].revoked_at
  await api.clock.advance(60_000)
  assert.equal((await api.call('DELETE', `/v1/api-keys/${id}`, { token })).statusCode, 204)
  assert.equal((await api.call('GET', '/v1/api-keys', { token })).json().data[0].revoked_at, revokedAt)
})

test('a key that was revoked elsewhere is refused within five seconds', async () => {
  const api = await testApi()
  const { token } = await api.signUp()
  const { key } = await make(api, token)
  assert.equal((await api.call('GET', '/v1/me', { token: key })).statusCode, 200)
  await sql`update api_keys set revoked_at = now()`.execute(api.database.admin)
  await api.clock.advance(5001)
  assert.equal((await api.call('GET', '/v1/me', { token: key })).statusCode, 401)
})

test('a key ends when it expires, to the second', async () => {
  const api = await testApi()
  const { token } = await api.signUp()
  const { key } = await make(api, token, {
    expires_at: new Date(api.clock.now().getTime() + 2000).toISOString(),
  })
  assert.equal((await api.call('GET', '/v1/me', { token: key })).statusCode, 200)
  await api.clock.advance(2000)
  assert.equal((await api.call('GET', '/v1/me', { token: key })).json().code, 'auth.key_expired')
  const late = await api.call('POST', '/v1/api-keys', {
    token,
    body: { name: 'x', expires_at: '2020-01-01T00:00:00Z' },
  })
  assert.equal(late.statusCode, 422)
})

test('a misspelt key is refused without asking the database, an unknown one too', async () => {
  const api = await testApi()
  const { token } = await api.signUp()
  const { key } = await make(api, token)
  const misspelt = key.slice(0, 10) + (key[10] === 'a' ? 'b' : 'a') + key.slice(11)
  const reply = await api.call('GET', '/v1/me', { token: misspelt })
  assert.equal(reply.statusCode, 401)
  assert.match(reply.json().detail, /misspelt/)
  await sql`delete from api_keys`.execute(api.database.admin)
  const unknown = await api.call('GET', '/v1/me', { token: key })
  assert.match(unknown.json().detail, /no such API key/)
})

test('a key never carries more than its maker has', async () => {
  const api = await testApi()
  const { token } = await api.signUp('admin')
  const reply = await api.call('POST', '/v1/api-keys', {
    token,
    body: { name: 'x', scopes: ['tenant:write', 'send'] },
  })
  assert.equal(reply.statusCode, 403)
  assert.match(reply.json().detail, /tenant:write/)
  const { key } = await make(api, token, { scopes: ['api-keys:write', 'send'] })
  const second = await api.call('POST', '/v1/api-keys', {
    token: key,
    body: { name: 'x', scopes: ['domains:write'] },
  })
  assert.equal(second.json().code, 'api_keys.scope_exceeds')
  const live = await api.call('POST', '/v1/api-keys', { token: key, body: { name: 'x', mode: 'live' } })
  assert.equal(live.json().code, 'api_keys.mode_exceeds')
  assert.deepEqual((await make(api, key)).scopes.sort(), ['api-keys:write', 'send'])
  const refused = await api.call('GET', '/v1/domains', { token: key })
  assert.equal(refused.statusCode, 403)
  assert.equal(refused.json().code, 'auth.scope_missing')
})

test('a key loses what its maker loses', async () => {
  const api = await testApi()
  const { token, userId } = await api.signUp('owner')
  const { key } = await make(api, token, { scopes: ['tenant:write', 'tenant:read'] })
  await sql`update users set role = 'viewer' where id = ${userId}`.execute(api.database.admin)
  assert.deepEqual((await api.call('GET', '/v1/me', { token: key })).json().scopes, ['tenant:read'])
})

test('the mode of a caller is the more careful of the tenant and the key', async () => {
  const api = await testApi()
  const modeOf = async (token: string) => (await api.call('GET', '/v1/me', { token })).json().mode
  const live = await api.signUp('owner', 'live')
  const sandbox = await api.signUp('owner', 'sandbox')
  assert.equal(await modeOf(live.token), 'live')
  assert.equal(await modeOf((await make(api, live.token, { mode: 'live' })).key), 'live')
  assert.equal(await modeOf((await make(api, live.token, { mode: 'sandbox' })).key), 'sandbox')
  assert.equal(await modeOf((await make(api, sandbox.token, { mode: 'live' })).key), 'sandbox')
})

test('the time of the last use is written once a minute at most', async () => {
  const api = await testApi()
  const { token } = await api.signUp()
  const { key } = await make(api, token)
  const usedAt = async () => {
    await api.call('GET', '/v1/me', { token: key })
    return (await api.call('GET', '/v1/api-keys', { token })).json().data[0].last_used_at
  }
  const first = await usedAt()
  assert.equal(first, api.clock.now().toISOString())
  await api.clock.advance(30_000)
  assert.equal(await usedAt(), first)
  await api.clock.advance(31_000)
  assert.equal(await usedAt(), api.clock.now().toISOString())
})

test('a key of another tenant does not exist', async () => {
  const api = await testApi()
  const [mine, theirs] = [await api.signUp(), await api.signUp()]
  const { id } = await make(api, theirs.token)
  assert.equal((await api.call('DELETE', `/v1/api-keys/${id}`, { token: mine.token })).statusCode, 404)
  assert.deepEqual((await api.call('GET', '/v1/api-keys', { token: mine.token })).json().data, [])
})

test('keys are listed page by page', async () => {
  const api = await testApi()
  const { token } = await api.signUp()
  for (let i = 0; i < 5; i++) await make(api, token, { name: `k${i}` })
  const names: string[] = []
  let cursor = ''
  do {
    const page = (await api.call('GET', `/v1/api-keys?limit=2${cursor}`, { token })).json()
    names.push(...page.data.map((key: { name: string }) => key.name))
    cursor = page.has_more ? `&cursor=${page.next_cursor}` : ''
  } while (cursor !== '')
  assert.deepEqual(names, ['k4', 'k3', 'k2', 'k1', 'k0'])
  const bad = await api.call('GET', '/v1/api-keys?cursor=rubbish', { token })
  assert.equal(bad.statusCode, 422)
  assert.equal(bad.json().code, 'paging.bad_cursor')
})

test('a repeated request gets the same key, and the key is not readable in what was stored for that', async () => {
  const api = await testApi()
  const { token } = await api.signUp()
  const again = { token, headers: { 'idempotency-key': 'k1' }, body: { name: 'script' } }
  const first = await api.call('POST', '/v1/api-keys', again)
  const second = await api.call('POST', '/v1/api-keys', again)
  assert.equal(second.statusCode, 201)
  assert.equal(second.headers['idempotent-replayed'], 'true')
  assert.equal(second.body, first.body)
  const { rows } = await sql<{ response: unknown }>`select response from idempotency_keys`.execute(
    api.database.admin,
  )
  assert.ok(!JSON.stringify(rows).includes(first.json().key))
  assert.equal((await api.call('GET', '/v1/api-keys', { token })).json().data.length, 1)
})
