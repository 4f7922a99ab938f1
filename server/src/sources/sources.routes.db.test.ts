import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { loadRelaySecret } from './relay-secret.ts'
import { DEFAULT_SOURCE_ID } from './source.ts'
import { NOBODY, sourcesApi } from './sources-test-api.ts'
import type { Method } from './sources-test-api.ts'

const api = await sourcesApi()
const { call, makeSource, makePool, request } = api

const SMARTHOST = { host: 'relay.example', port: 587, tls: 'required', username: 'pigeon' }

test('a new installation has one source: the machine as it is', async () => {
  const { status, body } = await call('GET', `/v1/sources/${DEFAULT_SOURCE_ID}`)
  assert.equal(status, 200)
  assert.deepEqual(
    [body['name'], body['kind'], body['local_address'], body['status']],
    ['default', 'ip', null, 'active'],
  )
})

test('sources are added, listed page by page, changed and deleted', async () => {
  const made = await makeSource('out-1', { local_address: '2001:DB8:0:0::7', ehlo_name: 'Out-1.Example.com' })
  assert.deepEqual([made['local_address'], made['ehlo_name']], ['2001:db8::7', 'out-1.example.com'])
  const page = await call('GET', '/v1/sources?limit=1')
  assert.equal(page.body.data?.[0]?.id, made.id)
  const next = await call('GET', `/v1/sources?cursor=${page.body.next_cursor}`)
  assert.ok(next.body.data?.some(({ id }) => id === DEFAULT_SOURCE_ID))
  const url = `/v1/sources/${made.id}`
  const changed = await call('PUT', url, { name: 'out-one', warm_up_curve: [10, 20] })
  assert.equal(changed.status, 200)
  assert.deepEqual(
    [changed.body['name'], changed.body['local_address'], changed.body['warm_up_curve']],
    ['out-one', null, [10, 20]],
  )
  assert.equal((await call('DELETE', url)).status, 204)
  assert.equal((await call('GET', url)).status, 404)
})

test('what is not there is told on every route', async () => {
  const routes: [Method, string, object?][] = [
    ['GET', ''],
    ['PUT', '', { name: 'x' }],
    ['DELETE', ''],
    ['POST', '/drain'],
    ['POST', '/activate'],
    ['POST', '/disable'],
    ['POST', '/check'],
    ['POST', '/warm-up', { action: 'start' }],
  ]
  for (const [method, path, body] of routes) {
    const reply = await call(method, `/v1/sources/${NOBODY}${path}`, body)
    assert.deepEqual([reply.status, reply.body.code], [404, 'sources.not_found'], `${method} ${path}`)
  }
})

test('every wrong field is named, and the kind of a source is never changed', async () => {
  const wrong = await call('POST', '/v1/sources', {
    name: 'bad',
    kind: 'ip',
    local_address: '127.0.0.1',
    ehlo_name: 'localhost',
    relay_kind: 'smtp',
  })
  assert.equal(wrong.status, 422)
  assert.deepEqual(
    wrong.body.errors?.map(({ field }) => field),
    ['local_address', 'ehlo_name', 'relay_kind'],
  )
  for (const body of [
    { name: 'two words', kind: 'ip' },
    { name: '-a', kind: 'ip' },
    { name: 'a', kind: 'modem' },
    { name: 'a', kind: 'ip', warm_up_curve: [] },
    { name: 'a', kind: 'ip', warm_up_curve: [0] },
    { name: 'a', kind: 'relay' },
  ])
    assert.equal((await call('POST', '/v1/sources', body)).status, 422, JSON.stringify(body))
  const kept = await call('PUT', `/v1/sources/${DEFAULT_SOURCE_ID}`, { name: 'default', kind: 'relay' })
  assert.deepEqual([kept.status, kept.body.errors?.[0]?.field], [422, 'kind'])
})

test('a name and an address are taken once', async () => {
  await makeSource('once', { local_address: '192.0.2.9' })
  const sameName = await call('POST', '/v1/sources', { name: 'once', kind: 'ip' })
  assert.deepEqual([sameName.status, sameName.body.code], [409, 'sources.name_taken'])
  const same = await call('POST', '/v1/sources', { name: 'other', kind: 'ip', local_address: '192.0.2.9' })
  assert.deepEqual([same.status, same.body.code], [409, 'sources.address_taken'])
  const renamed = await call('PUT', `/v1/sources/${DEFAULT_SOURCE_ID}`, { name: 'once' })
  assert.equal(renamed.status, 409)
})

test('the secret of a relay is kept until another is given, lies encrypted, and is never shown', async () => {
  const smarthost = { relay_kind: 'smarthost', relay_config: SMARTHOST }
  const relay = { kind: 'relay', ...smarthost }
  const made = await makeSource('relay', { ...relay, relay_secret: 'open sesame' })
  assert.doesNotMatch(JSON.stringify(made), /sesame/)
  assert.equal(made['has_relay_secret'], true)
  const secret = () => loadRelaySecret({ db: api.database.engine, keys: api.deps.keys }, made.id ?? '')
  assert.equal(await secret(), 'open sesame')
  const { rows } = await sql<{ text: string }>`
    select encode(relay_secret, 'escape') as text from sources where id = ${made.id}`.execute(
    api.database.admin,
  )
  assert.doesNotMatch(rows[0]?.text ?? 'sesame', /sesame/)
  const input = { name: 'relay', ...smarthost }
  await call('PUT', `/v1/sources/${made.id}`, input)
  assert.equal(await secret(), 'open sesame')
  await call('PUT', `/v1/sources/${made.id}`, { ...input, relay_secret: 'other' })
  assert.equal(await secret(), 'other')
  const { username: _, ...noLogin } = SMARTHOST
  const removed = await call('PUT', `/v1/sources/${made.id}`, {
    ...input,
    relay_config: noLogin,
    relay_secret: null,
  })
  assert.equal(removed.body['has_relay_secret'], false)
  assert.equal(await secret(), undefined)
})

test('the secret of one relay does not open as that of another', async () => {
  const relay = { kind: 'relay', relay_kind: 'smarthost', relay_config: SMARTHOST, relay_secret: 'x' }
  const [one, two] = [await makeSource('relay-1', relay), await makeSource('relay-2', relay)]
  await sql`
    update sources set relay_secret = (select relay_secret from sources where id = ${one.id}) where id = ${two.id}`.execute(
    api.database.admin,
  )
  await assert.rejects(loadRelaySecret({ db: api.database.engine, keys: api.deps.keys }, two.id ?? ''), {
    name: 'Problem',
  })
})

test('a source is drained, disabled and activated, twice as well as once', async () => {
  const { id } = await makeSource('lever')
  for (const [action, status] of [
    ['drain', 'draining'],
    ['drain', 'draining'],
    ['disable', 'disabled'],
    ['activate', 'active'],
  ]) {
    const reply = await call('POST', `/v1/sources/${id}/${action}`)
    assert.deepEqual([reply.status, reply.body['status']], [200, status])
  }
})

test('a warm-up starts at its first day, goes on when it is started again, is begun again and stopped', async () => {
  const room = await sourcesApi()
  const { id } = await room.makeSource('cold', { warm_up_curve: [10, 20] })
  const url = `/v1/sources/${id}`
  // A session does not last as long as a warm-up.
  const token = async () => (await room.signUp()).token
  const warmUp = async (action: string) => {
    const { status, body } = await room.call('POST', `${url}/warm-up`, { action }, await token())
    assert.equal(status, 200)
    return [body['warm_up'], body['warm_up_started_at']]
  }
  const [first, second] = ['2026-01-01T00:00:00.000Z', '2026-01-02T00:00:00.000Z']
  assert.deepEqual(await warmUp('start'), [true, first])
  await room.clock.advance(24 * 3600_000)
  assert.deepEqual(await warmUp('start'), [true, first])
  assert.deepEqual(await warmUp('reset'), [true, second])
  assert.deepEqual(await warmUp('stop'), [false, null])
  assert.deepEqual(await warmUp('start'), [true, second])
  assert.equal((await room.call('POST', `${url}/warm-up`, { action: 'pause' }, await token())).status, 422)
})

test('a check tells what it found and what to do, and a change of the source forgets it', async () => {
  const source = { local_address: '198.51.100.7', ehlo_name: 'out.example.com' }
  const made = await makeSource('checked', source)
  const check = async () => {
    const { status, body } = await call('POST', `/v1/sources/${made.id}/check`)
    assert.equal(status, 200)
    return body['ptr']
  }
  assert.deepEqual(await check(), {
    status: 'wrong',
    name: null,
    checked_at: api.clock.now().toISOString(),
    problem: '198.51.100.7 has no PTR record. Ask whoever gave you the address to set it to out.example.com.',
  })
  api.dns.names.set('198.51.100.7', ['out.example.com'])
  api.dns.addresses.set('out.example.com', ['198.51.100.7'])
  const good = {
    status: 'ok',
    name: 'out.example.com',
    checked_at: api.clock.now().toISOString(),
    problem: null,
  }
  assert.deepEqual(await check(), good)
  const same = await call('PUT', `/v1/sources/${made.id}`, { name: 'renamed', ...source })
  assert.deepEqual(same.body['ptr'], good)
  const other = { name: 'renamed', local_address: '198.51.100.7' }
  const changed = await call('PUT', `/v1/sources/${made.id}`, other)
  assert.deepEqual(changed.body['ptr'], { status: 'unchecked', name: null, checked_at: null, problem: null })
})

test('a source without an address has nothing to check', async () => {
  const reply = await call('POST', `/v1/sources/${DEFAULT_SOURCE_ID}/check`)
  assert.deepEqual([reply.status, reply.body.code], [409, 'sources.no_address'])
})

test('what was found about a source that changed meanwhile is not stored', async () => {
  const room = await sourcesApi()
  const { id } = await room.makeSource('moving', { local_address: '198.51.100.7' })
  room.dns.lookups.namesOf = async () => {
    await room.call('PUT', `/v1/sources/${id}`, { name: 'moving', local_address: '198.51.100.8' })
    return ['mail.example.com']
  }
  const reply = await room.call('POST', `/v1/sources/${id}/check`)
  assert.deepEqual([reply.status, reply.body.code], [409, 'sources.changed'])
  assert.equal((await room.call('GET', `/v1/sources/${id}`)).body['local_address'], '198.51.100.8')
})

test('a source that is in a pool is not deleted, and the refusal names the pools', async () => {
  const source = await makeSource('used')
  const sources = [{ source_id: source.id, weight: 1 }]
  await makePool('first', { sources })
  await makePool('second', { sources })
  const refused = await call('DELETE', `/v1/sources/${source.id}`)
  assert.deepEqual([refused.status, refused.body.code], [409, 'sources.in_use'])
  assert.match(refused.body.detail ?? '', /first, second/)
})

test('the same source is not made twice by one request that is sent twice', async () => {
  const { token } = await api.signUp()
  const send = () =>
    request('POST', '/v1/sources', {
      token,
      body: { name: 'idempotent', kind: 'ip' },
      headers: { 'idempotency-key': 'k1' },
    })
  const [first, second] = [await send(), await send()]
  assert.deepEqual([first.statusCode, second.statusCode], [201, 201])
  assert.equal(first.json().id, second.json().id)
})

test('only an owner sees and changes sources', async () => {
  for (const role of ['admin', 'editor', 'viewer'] as const) {
    const { token } = await api.signUp(role)
    assert.equal((await call('GET', '/v1/sources', undefined, token)).status, 403)
    assert.equal((await call('POST', '/v1/sources', { name: 'x', kind: 'ip' }, token)).status, 403)
  }
  assert.equal((await request('GET', '/v1/sources')).statusCode, 401)
})

test('an installation has so many sources and no more', async (t) => {
  await sql`
    insert into sources (name, kind, created_at, updated_at)
    select 'many-' || n, 'ip', now(), now() from generate_series(1, 1000) n`.execute(api.database.admin)
  t.after(() => sql`delete from sources where name like 'many-%'`.execute(api.database.admin))
  const reply = await call('POST', '/v1/sources', { name: 'one-more', kind: 'ip' })
  assert.deepEqual([reply.status, reply.body.code], [429, 'sources.too_many'])
})

test('a relay that cannot be one is refused, and what is wrong is named', async () => {
  const refused = async (relay_kind: string, relay_config: object, relay_secret: string | null = null) => {
    const body = { name: 'wrong', kind: 'relay', relay_kind, relay_config, relay_secret }
    const reply = await call('POST', '/v1/sources', body)
    assert.equal(reply.status, 422, JSON.stringify(body))
    return reply.body.errors?.[0]?.field
  }
  assert.equal(await refused('pigeon-post', {}), 'relay_kind')
  assert.equal(await refused('smarthost', { ...SMARTHOST, port: 'submission' }), 'relay_config.port')
  assert.equal(await refused('smarthost', { ...SMARTHOST, password: 'x' }), 'relay_config.password')
  assert.equal(await refused('smarthost', { ...SMARTHOST, tls: 'none' }, 'x'), 'relay_config')
  assert.equal(await refused('sendgrid', { region: 'eu' }), 'relay_secret')
  assert.equal(await refused('gmail', { account: 'a@x.example' }, 'x'), 'relay_secret')
  assert.equal(
    await refused('sendgrid', { region: 'eu', endpoint: 'https://127.0.0.1' }, 'x'),
    'relay_config',
  )
})

test('what a source costs and has spent is told in millionths', async () => {
  const costs = { cost_per_thousand: 100_000, daily_cost_cap: 5_000_000, monthly_cost_cap: null }
  const made = await makeSource('dear', costs)
  await sql`
    insert into source_spend (source_id, day, messages, spent_nano)
    values (${made.id}, (now() at time zone 'utc')::date, 10, 1_000_000)`.execute(api.database.admin)
  const { body } = await call('GET', `/v1/sources/${made.id}`)
  const { cost_per_thousand, daily_cost_cap, monthly_cost_cap, spent_today, spent_this_month } = body
  assert.deepEqual({ cost_per_thousand, daily_cost_cap, monthly_cost_cap }, costs)
  assert.deepEqual([spent_today, spent_this_month], [1_000, 1_000])
})
