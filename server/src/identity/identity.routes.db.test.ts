import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { PASSWORD, testApi } from '@pigeon/server/test/test-api.ts'
import { createOwner } from './create-owner.ts'
import { deleteExpiredSessions } from './log-out.ts'

const OWNER = {
  email: 'Owner@Example.com',
  password: PASSWORD,
  tenant_name: 'Example Ltd',
  time_zone: 'Europe/Berlin',
}

test('the first run makes the owner, and nobody after', async () => {
  const api = await testApi()
  assert.deepEqual((await api.call('GET', '/v1/setup')).json(), { needed: true })
  const made = await api.call('POST', '/v1/setup', { body: OWNER })
  assert.equal(made.statusCode, 201)
  assert.equal(made.json().user.role, 'owner')
  assert.equal(made.json().tenant.time_zone, 'Europe/Berlin')
  assert.equal(made.json().tenant.mode, 'sandbox')
  assert.doesNotMatch(made.body, /argon2|password/)
  assert.deepEqual((await api.call('GET', '/v1/setup')).json(), { needed: false })
  const again = await api.call('POST', '/v1/setup', { body: { ...OWNER, email: 'other@example.com' } })
  assert.equal(again.statusCode, 409)
  assert.equal(again.json().code, 'setup.done')
  const login = await api.call('POST', '/v1/auth/login', {
    body: { email: 'owner@example.COM', password: PASSWORD },
  })
  assert.equal(login.statusCode, 200)
})

test('of five set-ups at the same time one makes an owner', async () => {
  const api = await testApi()
  const tries = await Promise.allSettled(
    [1, 2, 3, 4, 5].map(async (n) =>
      createOwner(api.deps, { email: `o${n}@example.com`, password: PASSWORD, tenantName: `T${n}` }),
    ),
  )
  assert.equal(tries.filter(({ status }) => status === 'fulfilled').length, 1)
  const { rows } = await sql<{ users: number; tenants: number }>`
    select (select count(*)::int from users) as users, (select count(*)::int from tenants) as tenants`.execute(
    api.database.admin,
  )
  assert.deepEqual(rows, [{ users: 1, tenants: 1 }])
})

test('a set-up with a short password, a bad address or a bad time zone is refused', async () => {
  const api = await testApi()
  for (const [change, field] of [
    [{ password: 'x'.repeat(9) }, 'password'],
    [{ password: 'x'.repeat(257) }, 'password'],
    [{ email: 'a@b@example.com' }, 'email'],
    [{ email: 'a\r\nb@example.com' }, 'email'],
    [{ time_zone: 'Mars/Olympus' }, 'time_zone'],
    [{ tenant_name: '  ' }, 'tenant_name'],
    [{ role: 'owner' }, 'role'],
  ] as const) {
    const reply = await api.call('POST', '/v1/setup', { body: { ...OWNER, ...change } })
    assert.equal(reply.statusCode, 422, field)
    assert.deepEqual(
      reply.json<{ errors: { field: string }[] }>().errors.map((error) => error.field),
      [field],
    )
  }
})

test('a password is stored as Argon2id with the parameters of OWASP', async () => {
  const api = await testApi()
  await api.signUp()
  const { rows } = await sql<{ password_hash: string }>`select password_hash from users`.execute(
    api.database.admin,
  )
  assert.match(rows[0]?.password_hash ?? '', /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
})

test('a token says who it is, until its session ends', async () => {
  const api = await testApi()
  const { email, tenantId, userId } = await api.signUp('editor')
  const login = (await api.call('POST', '/v1/auth/login', { body: { email, password: PASSWORD } })).json()
  const token: string = login.access_token
  const me = await api.call('GET', '/v1/me', { token })
  assert.equal(me.statusCode, 200)
  assert.equal(me.json().user.id, userId)
  assert.equal(me.json().tenant.id, tenantId)
  assert.ok(me.json().scopes.includes('campaigns:write'))
  assert.ok(!me.json().scopes.includes('domains:write'))
  assert.equal((await api.call('POST', '/v1/auth/logout', { token })).statusCode, 204)
  const after = await api.call('GET', '/v1/me', { token })
  assert.equal(after.statusCode, 401)
  assert.equal(after.json().code, 'auth.session_over')
})

test('a token is over after a day at most', async () => {
  const api = await testApi()
  const { token } = await api.signUp()
  await api.clock.advance(24 * 3600_000 - 1000)
  assert.equal((await api.call('GET', '/v1/me', { token })).statusCode, 200)
  await api.clock.advance(1001)
  const reply = await api.call('GET', '/v1/me', { token })
  assert.equal(reply.statusCode, 401)
  assert.equal(reply.json().code, 'auth.bad_token')
})

test('a changed, unsigned or foreign token is refused', async () => {
  const api = await testApi()
  const other = await testApi()
  const { token } = await api.signUp()
  const [header = '', payload = '', signature = ''] = token.split('.')
  const none = Buffer.from(JSON.stringify({ alg: 'none', typ: 'JWT' })).toString('base64url')
  const claims = {
    ...JSON.parse(Buffer.from(payload, 'base64url').toString()),
    sub: '019a0000-0000-7000-8000-000000000001',
  }
  const forged = Buffer.from(JSON.stringify(claims)).toString('base64url')
  for (const bad of [
    `${none}.${payload}.`,
    `${header}.${forged}.${signature}`,
    `${header}.${payload}`,
    'x',
    (await other.signUp()).token,
  ]) {
    const reply = await api.call('GET', '/v1/me', { token: bad })
    assert.equal(reply.statusCode, 401)
    assert.equal(reply.json().code, 'auth.bad_token')
  }
  const basic = await api.call('GET', '/v1/me', { headers: { authorization: 'Basic eDp5' } })
  assert.equal(basic.json().code, 'auth.scheme')
  assert.equal((await api.call('GET', '/v1/me')).json().code, 'auth.missing')
})

test('an unknown address and a wrong password get the same answer', async () => {
  const api = await testApi()
  const { email } = await api.signUp()
  const replies = await Promise.all(
    [
      { email, password: 'wrong password' },
      { email: 'nobody@example.com', password: PASSWORD },
      { email: 'no address', password: PASSWORD },
    ].map(async (body) => api.call('POST', '/v1/auth/login', { body })),
  )
  for (const reply of replies) {
    assert.equal(reply.statusCode, 401)
    assert.equal(reply.json().code, 'auth.bad_login')
    assert.equal(reply.json().detail, replies[0]?.json().detail)
  }
})

test('who fails too often waits, also with the right password, and others do not', async () => {
  const api = await testApi()
  const { email } = await api.signUp()
  const attempt = async (password: string) =>
    api.call('POST', '/v1/auth/login', { body: { email, password } })
  for (let i = 0; i < 10; i++) assert.equal((await attempt('wrong password')).statusCode, 401)
  const blocked = await attempt(PASSWORD)
  assert.equal(blocked.statusCode, 429)
  assert.equal(blocked.headers['retry-after'], '900')
  const fromElsewhere = await api.app.inject({
    method: 'POST',
    url: '/v1/auth/login',
    remoteAddress: '192.0.2.7',
    payload: { email, password: PASSWORD },
  })
  assert.equal(fromElsewhere.statusCode, 200)
  await api.clock.advance(15 * 60_000 + 1)
  assert.equal((await attempt(PASSWORD)).statusCode, 200)
})

test('a disabled account is shut out of its sessions within seconds', async () => {
  const api = await testApi()
  const { token, userId, email } = await api.signUp()
  assert.equal((await api.call('GET', '/v1/me', { token })).statusCode, 200)
  await sql`update users set status = 'disabled' where id = ${userId}`.execute(api.database.admin)
  await api.clock.advance(5001)
  assert.equal((await api.call('GET', '/v1/me', { token })).json().code, 'auth.user_disabled')
  const login = await api.call('POST', '/v1/auth/login', { body: { email, password: PASSWORD } })
  assert.equal(login.json().code, 'auth.user_disabled')
})

test('a suspended tenant is refused', async () => {
  const api = await testApi()
  const { token, tenantId } = await api.signUp()
  await sql`update tenants set status = 'suspended' where tenant_id = ${tenantId}`.execute(api.database.admin)
  const reply = await api.call('GET', '/v1/me', { token })
  assert.equal(reply.statusCode, 403)
  assert.equal(reply.json().code, 'auth.tenant_suspended')
})

test('an API key cannot log out, and nobody without a token', async () => {
  const api = await testApi()
  const { token } = await api.signUp()
  const { key } = (await api.call('POST', '/v1/api-keys', { token, body: { name: 'x' } })).json()
  const reply = await api.call('POST', '/v1/auth/logout', { token: key })
  assert.equal(reply.statusCode, 409)
  assert.equal(reply.json().code, 'auth.no_session')
  assert.equal((await api.call('POST', '/v1/auth/logout')).statusCode, 401)
})

test('a sign-in with a field too many or too few is refused, and no answer may be kept by a cache', async () => {
  const api = await testApi()
  const extra = await api.call('POST', '/v1/auth/login', {
    body: { email: 'a@example.com', password: 'x', otp: '1' },
  })
  assert.equal(extra.statusCode, 422)
  assert.equal(extra.json().errors[0].field, 'otp')
  assert.equal(extra.headers['cache-control'], 'no-store')
  assert.equal(
    (await api.call('POST', '/v1/auth/login', { body: { email: 'a@example.com' } })).statusCode,
    422,
  )
})

test('sessions that are over are deleted', async () => {
  const api = await testApi()
  await api.signUp()
  const deps = { db: api.database.engine, clock: api.clock }
  assert.equal(await deleteExpiredSessions(deps), 0)
  await api.clock.advance(24 * 3600_000 + 1)
  assert.equal(await deleteExpiredSessions(deps), 1)
})
