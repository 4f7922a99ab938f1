import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { pretendInstallation } from '#pretended-installation.ts'

const A = '01900000-0000-7000-8000-00000000000a'
const B = '01900000-0000-7000-8000-00000000000b'
const POOL = '01900000-0000-7000-8000-0000000000aa'

const source = (id: string, name: string, ptr: object = {}) => ({
  id,
  name,
  kind: 'ip',
  local_address: '198.51.100.7',
  ehlo_name: null,
  relay_kind: null,
  cost_per_thousand: null,
  status: 'active',
  warm_up_started_at: '2026-02-01T00:00:00.000Z',
  ptr: { status: 'unchecked', name: null, checked_at: null, problem: null, ...ptr },
})
const pool = {
  id: POOL,
  name: 'news',
  overflow_pool_id: null,
  sources: [{ source_id: A, name: 'a', status: 'draining', weight: 3 }],
  classes: ['bulk'],
}

/** A server that knows two sources and a pool. */
function installation(t: TestContext) {
  const answers: Record<string, unknown> = {
    'GET /v1/sources': { data: [source(A, 'a'), source(B, 'b')], has_more: false, next_cursor: null },
    'GET /v1/pools': { data: [pool], has_more: false, next_cursor: null },
    [`GET /v1/pools/${POOL}`]: pool,
    [`POST /v1/sources/${A}/check`]: source(A, 'a', { status: 'wrong', problem: 'There is no PTR record.' }),
    [`POST /v1/sources/${B}/check`]: source(B, 'b', { status: 'ok', name: 'b.example.com' }),
  }
  return pretendInstallation(t, (at) => {
    if (at.startsWith('DELETE')) return undefined
    return answers[at] ?? (at.includes('/sources') ? source(A, 'a') : pool)
  })
}

test('an address is added with what is said of it', async (t) => {
  const { changes, pigeon } = await installation(t)
  const { code, stdout } = await pigeon('sources', 'add', 'a', '--address', '198.51.100.7', '--warm-up')
  assert.equal(code, 0)
  assert.match(stdout, /warm-up {4}since 2026-/)
  assert.deepEqual(changes, [
    {
      at: 'POST /v1/sources',
      body: {
        name: 'a',
        kind: 'ip',
        local_address: '198.51.100.7',
        ehlo_name: null,
        relay_kind: null,
        relay_config: null,
        relay_secret: null,
        cost_per_thousand: null,
        daily_cost_cap: null,
        monthly_cost_cap: null,
        warm_up: true,
      },
    },
  ])
})

test('the secret of a relay comes from a file, never from the command line', async (t) => {
  const { changes, pigeon } = await installation(t)
  const dir = await mkdtemp(join(tmpdir(), 'pigeon-cli-'))
  t.after(() => rm(dir, { recursive: true }))
  const file = join(dir, 'secret')
  await writeFile(file, 'open sesame\n')
  const relay = ['sources', 'add', 'r', '--relay', 'smarthost', '--secret-file', file]
  assert.equal((await pigeon(...relay, '--config', '{"host":"relay.example"}')).code, 0)
  const [made] = changes
  assert.ok(typeof made?.body === 'object' && made.body !== null && 'relay_secret' in made.body)
  assert.equal(made.body.relay_secret, 'open sesame')
  assert.equal((await pigeon(...relay, '--config', '[1]')).code, 2)
})

test('a check exits with 1 while something is wrong, and says what', async (t) => {
  const { pigeon } = await installation(t)
  const wrong = await pigeon('sources', 'check', 'a')
  assert.equal(wrong.code, 1)
  assert.match(wrong.stdout, /There is no PTR record\./)
  assert.equal((await pigeon('sources', 'check', 'b')).code, 0)
})

test('sources are drained, activated, disabled, warmed up and deleted by name', async (t) => {
  const { changes, pigeon } = await installation(t)
  for (const verb of ['drain', 'activate', 'disable', 'delete'])
    assert.equal((await pigeon('sources', verb, 'b', '--json')).code, 0)
  assert.equal((await pigeon('sources', 'warm-up', 'b', 'reset')).code, 0)
  assert.equal((await pigeon('sources', 'warm-up', 'b', 'faster')).code, 2)
  assert.equal((await pigeon('sources', 'drain', 'nobody')).code, 1)
  assert.deepEqual(
    changes.map(({ at }) => at),
    [
      `POST /v1/sources/${B}/drain`,
      `POST /v1/sources/${B}/activate`,
      `POST /v1/sources/${B}/disable`,
      `DELETE /v1/sources/${B}`,
      `POST /v1/sources/${B}/warm-up`,
    ],
  )
})

test('a pool is made of names and weights', async (t) => {
  const { changes, pigeon } = await installation(t)
  const { code } = await pigeon('pools', 'add', 'x', '--sources', `a:10, ${B}`, '--overflow', 'news')
  assert.equal(code, 0)
  const sources = [
    { source_id: A, weight: 10 },
    { source_id: B, weight: 1 },
  ]
  assert.deepEqual(changes, [{ at: 'POST /v1/pools', body: { name: 'x', sources, overflow_pool_id: POOL } }])
  const heavy = await pigeon('pools', 'add', 'x', '--sources', 'a:1001')
  assert.equal(heavy.code, 2)
  assert.match(heavy.stderr, /The weight of a is a whole number from 1 to 1000/)
})

test('of a pool that is set only what is given changes', async (t) => {
  const { changes, pigeon } = await installation(t)
  assert.equal((await pigeon('pools', 'set', 'news')).code, 2)
  assert.equal((await pigeon('pools', 'set', 'news', '--class', 'urgent')).code, 2)
  await pigeon('pools', 'set', 'news', '--name', 'letters')
  await pigeon('pools', 'set', 'news', '--overflow', 'none', '--sources', '')
  await pigeon('pools', 'set', 'news', '--class', 'transactional', '--tenant')
  assert.deepEqual(changes, [
    { at: `PUT /v1/pools/${POOL}`, body: { name: 'letters', overflow_pool_id: null } },
    { at: `PUT /v1/pools/${POOL}`, body: { name: 'news', overflow_pool_id: null } },
    { at: `PUT /v1/pools/${POOL}/sources`, body: { sources: [] } },
    { at: 'PUT /v1/pools/classes/transactional', body: { pool_id: POOL } },
    { at: 'PUT /v1/tenant/pool', body: { pool_id: POOL } },
  ])
})

test('lists show what a person needs, and JSON with --json', async (t) => {
  const { pigeon } = await installation(t)
  assert.match((await pigeon('pools', 'list')).stdout, /news +a:3 \(draining\) +- +bulk/)
  assert.match((await pigeon('sources', 'list')).stdout, /a +ip +198\.51\.100\.7 +- +active +unchecked/)
  const listed: unknown = JSON.parse((await pigeon('pools', 'list', '--json')).stdout)
  assert.deepEqual(listed, [pool])
})

test('of a source that is set only what is given changes, and none takes away', async (t) => {
  const dear = {
    ...source(A, 'a'),
    relay_config: null,
    warm_up_curve: [50],
    cost_per_thousand: 100_000,
    daily_cost_cap: 5_000_000,
    monthly_cost_cap: 9_000_000,
    spent_today: 0,
    spent_this_month: 0,
  }
  const { changes, pigeon } = await pretendInstallation(t, (at) =>
    at === 'GET /v1/sources' ? { data: [dear], has_more: false, next_cursor: null } : dear,
  )
  assert.equal((await pigeon('sources', 'set', 'a')).code, 2)
  assert.equal((await pigeon('sources', 'set', 'a', '--cost', 'cheap')).code, 2)
  assert.equal((await pigeon('sources', 'set', 'a', '--cost', '0.2', '--daily-cap', 'none')).code, 0)
  assert.deepEqual(changes, [
    {
      at: `PUT /v1/sources/${A}`,
      body: {
        name: 'a',
        local_address: '198.51.100.7',
        ehlo_name: null,
        relay_kind: null,
        relay_config: null,
        warm_up_curve: [50],
        cost_per_thousand: 200_000,
        daily_cost_cap: null,
        monthly_cost_cap: 9_000_000,
      },
    },
  ])
})

test('rules are put in another order, and replaced where they stand', async (t) => {
  const rule = (id: string, position: number) => ({
    id,
    position,
    tenant_ids: null,
    campaign_ids: null,
    message_classes: null,
    providers: ['google'],
    from_domains: null,
    pool_id: POOL,
    pool: 'news',
  })
  const rules = { data: [rule(A, 1), rule(B, 2)] }
  const { changes, pigeon } = await pretendInstallation(t, (at) => {
    if (at.endsWith('/v1/pools')) return { data: [pool], has_more: false, next_cursor: null }
    return at.includes(B) ? rule(B, 2) : rules
  })
  assert.equal((await pigeon('routes', 'order', B)).code, 0)
  const replaced = await pigeon('routes', 'set', B, 'news', '--provider', 'google', '--class', 'bulk')
  assert.match(replaced.stdout, /Rule 2: provider google leaves from news/)
  assert.deepEqual(changes, [
    { at: 'PUT /v1/routing-rules/order', body: { ids: [B, A] } },
    {
      at: `PUT /v1/routing-rules/${B}`,
      body: {
        pool_id: POOL,
        tenant_ids: null,
        campaign_ids: null,
        message_classes: ['bulk'],
        providers: ['google'],
        from_domains: null,
      },
    },
  ])
})
