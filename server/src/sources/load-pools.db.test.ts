import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { systemClock } from '#platform/clock.ts'
import { createLog } from '#platform/log.ts'
import { listen } from '#platform/postgres/listen.ts'
import { testDatabase } from '@pigeon/server/test/database.ts'
import { sampleTenant } from '@pigeon/server/test/factories.ts'
import { waitFor } from '@pigeon/server/test/wait-for.ts'
import { loadPools } from './load-pools.ts'
import { DEFAULT_POOL_ID, poolFor } from './pool.ts'
import { DEFAULT_SOURCE_ID, SOURCES_CHANNEL } from './source.ts'
import { DEFAULT_WARM_UP_CURVE } from './warm-up-curve.ts'

const SOURCE_A = '01900000-0000-7000-8000-00000000000a'
const SOURCE_B = '01900000-0000-7000-8000-00000000000b'
const SOURCE_C = '01900000-0000-7000-8000-00000000000c'
const POOL = '01900000-0000-7000-8000-0000000000aa'
const STARTED = new Date('2026-02-01T00:00:00Z')

test('a new installation sends through the machine as it is', async (t) => {
  const database = await testDatabase(t)
  const pools = await loadPools({ db: database.engine })
  const { pool } = poolFor(pools, {
    tenantId: POOL,
    campaignId: null,
    messageClass: 'bulk',
    provider: 'google',
    fromDomain: 'x.example',
  })
  assert.deepEqual(pool, {
    id: DEFAULT_POOL_ID,
    name: 'default',
    overflowPoolId: null,
    members: [
      {
        weight: 1,
        source: {
          id: DEFAULT_SOURCE_ID,
          name: 'default',
          kind: 'ip',
          localAddress: null,
          ehloName: null,
          relay: null,
          cost: null,
          isDraining: false,
          warmUp: null,
        },
      },
    ],
  })
})

test('disabled sources are left out, draining ones are marked, and warm-up and relay come along', async (t) => {
  const database = await testDatabase(t)
  await sql`
    insert into sources (id, name, kind, local_address, ehlo_name, status, warm_up, warm_up_started_at, warm_up_curve, relay_kind, relay_config, created_at, updated_at)
    values (${SOURCE_A}, 'a', 'ip', '2001:DB8:0::1', 'a.example.com', 'draining', true, ${STARTED}, null, null, null, now(), now()),
           (${SOURCE_B}, 'b', 'ip', '192.0.2.2', null, 'disabled', false, null, null, null, null, now(), now()),
           (${SOURCE_C}, 'c', 'relay', null, null, 'active', true, ${STARTED}, '{5,6}', 'smtp', '{"host":"relay.example"}', now(), now())`.execute(
    database.admin,
  )
  await sql`
    insert into pools (id, name, overflow_pool_id, created_at, updated_at) values (${POOL}, 'p', ${DEFAULT_POOL_ID}, now(), now())`.execute(
    database.admin,
  )
  await sql`
    insert into pool_sources values (${POOL}, ${SOURCE_A}, 7), (${POOL}, ${SOURCE_B}, 1), (${POOL}, ${SOURCE_C}, 1000)`.execute(
    database.admin,
  )
  const pool = (await loadPools({ db: database.engine })).byId.get(POOL)
  assert.equal(pool?.overflowPoolId, DEFAULT_POOL_ID)
  assert.deepEqual(
    pool?.members.map(({ source, weight }) => [source.name, weight, source.isDraining]),
    [
      ['a', 7, true],
      ['c', 1000, false],
    ],
  )
  const [a, c] = pool?.members.map(({ source }) => source) ?? []
  assert.deepEqual([a?.localAddress, a?.ehloName], ['2001:db8::1', 'a.example.com'])
  assert.deepEqual(a?.warmUp, { startedAt: STARTED, curve: DEFAULT_WARM_UP_CURVE })
  assert.deepEqual(c?.warmUp?.curve, [5, 6])
  assert.deepEqual([c?.relay?.kind, c?.relay?.config], ['smtp', { host: 'relay.example' }])
})

test('who named which pool is loaded for all tenants, campaigns that are over left out', async (t) => {
  const database = await testDatabase(t)
  const [one, two] = [
    await sampleTenant(database, { contacts: 1 }),
    await sampleTenant(database, { contacts: 1 }),
  ]
  await sql`insert into pools (id, name, created_at, updated_at) values (${POOL}, 'p', now(), now())`.execute(
    database.admin,
  )
  await sql`update tenants set pool_id = ${POOL} where tenant_id = ${one.tenantId}`.execute(database.admin)
  await sql`insert into pool_classes values ('transactional', ${POOL})`.execute(database.admin)
  const made = await sql<{ id: string }>`
    insert into campaigns (tenant_id, name, from_email, pool_id, completed_at, created_at, updated_at)
    values (${two.tenantId}, 'now', 'a@x.example', ${POOL}, null, now(), now()), (${two.tenantId}, 'over', 'a@x.example', ${POOL}, now(), now(), now())
    returning id`.execute(database.admin)
  const pools = await loadPools({ db: database.engine })
  assert.deepEqual([...pools.ofTenants], [[one.tenantId, POOL]])
  assert.deepEqual([...pools.ofCampaigns], [[made.rows[0]?.id, POOL]])
  assert.deepEqual([...pools.ofClasses], [['transactional', POOL]])
})

test('every change that delivery must know of is told on the channel, and no other', async (t) => {
  const database = await testDatabase(t)
  const { tenantId } = await sampleTenant(database, { contacts: 1 })
  const stop = new AbortController()
  const heard: string[] = []
  let connected = false
  const listening = listen(database.connections.engine, {
    channels: [SOURCES_CHANNEL, 'end'],
    onNotify: (channel) => heard.push(channel),
    onReconnect: () => (connected = true),
    log: createLog({ level: 'silent', role: 'test' }),
    clock: systemClock,
    signal: stop.signal,
  })
  t.after(async () => {
    stop.abort()
    await listening
  })
  await waitFor('the listener', () => connected)
  let ends = 0
  /** Whether this was told: what comes before a later word on the same connection has been heard with it. */
  const isTold = async (statement: ReturnType<typeof sql>): Promise<boolean> => {
    heard.length = 0
    await statement.execute(database.admin)
    await sql`select pg_notify('end', ${String(ends++)})`.execute(database.admin)
    await waitFor('the word that comes after', () => heard.includes('end'))
    return heard.includes(SOURCES_CHANNEL)
  }
  const told = [
    sql`update sources set ehlo_name = 'a.example.com'`,
    sql`insert into pools (id, name, created_at, updated_at) values (${POOL}, 'p', now(), now())`,
    sql`insert into pool_sources values (${POOL}, ${DEFAULT_SOURCE_ID}, 2)`,
    sql`insert into pool_classes values ('bulk', ${POOL})`,
    sql`update tenants set pool_id = ${POOL} where tenant_id = ${tenantId}`,
    sql`insert into campaigns (tenant_id, name, from_email, pool_id, created_at, updated_at) values (${tenantId}, 'a', 'a@x.example', ${POOL}, now(), now())`,
    sql`update campaigns set pool_id = null`,
    sql`delete from pool_sources where pool_id = ${POOL}`,
  ]
  for (const [n, statement] of told.entries()) assert.ok(await isTold(statement), `change ${n}`)
  const silent = [
    sql`update tenants set name = 'x', pool_id = pool_id`,
    sql`update campaigns set name = 'b', pool_id = pool_id`,
    sql`insert into campaigns (tenant_id, name, from_email, created_at, updated_at) values (${tenantId}, 'c', 'a@x.example', now(), now())`,
  ]
  for (const [n, statement] of silent.entries()) assert.ok(!(await isTold(statement)), `other change ${n}`)
})
