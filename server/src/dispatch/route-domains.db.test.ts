import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { fanOutChunk } from '#campaigns/fan-out.ts'
import { SHARD_COUNT } from '#events/email-events.ts'
import { testDatabase, type TestDatabase, type TestScope } from '@pigeon/server/test/database.ts'
import { sampleCampaign, sampleTenant, testStream } from '@pigeon/server/test/factories.ts'
import { manualClock, type ManualClock } from '@pigeon/server/test/manual-clock.ts'
import { refreshRoutes, routeNewDomains, type RouteDeps } from './route-domains.ts'

const HOUR_MS = 3_600_000

interface Prepared {
  readonly database: TestDatabase
  readonly clock: ManualClock
  readonly deps: RouteDeps
  /** Domains that were asked for, in their order. */
  readonly asked: string[]
}

/** A campaign to one contact at each of the domains; `answer` says who receives a domain's mail. */
async function prepare(
  scope: TestScope,
  domains: readonly string[],
  answer: (domain: string) => string = (domain) => domain,
): Promise<Prepared> {
  const database = await testDatabase(scope)
  const stream = await testStream(scope, database)
  const tenant = await sampleTenant(database, { contacts: domains.length, domains })
  const clock = manualClock(new Date('2026-02-01T00:00:00Z'))
  await fanOutChunk({ db: database.engine, stream, clock }, await sampleCampaign(database, tenant), 10_000)
  const asked: string[] = []
  const findProvider: RouteDeps['findProvider'] = async (_mode, domain) => {
    asked.push(domain)
    return { provider: answer(domain), ttlMs: HOUR_MS }
  }
  return { database, clock, asked, deps: { db: database.engine, clock, findProvider } }
}

async function shardsOf({ database }: Prepared): Promise<Map<string, number | null>> {
  const rows = await database.admin.selectFrom('deliveries').select(['domain', 'shard']).execute()
  return new Map(rows.map((row) => [row.domain, row.shard]))
}

async function providers({ database }: Prepared): Promise<Map<string, number>> {
  const rows = await database.admin.selectFrom('destinations').select(['provider', 'shard']).execute()
  return new Map(rows.map((row) => [row.provider, row.shard]))
}

test('waiting deliveries get the shard of the provider that receives their domain', async (t) => {
  const prepared = await prepare(t, ['a.example', 'b.example', 'c.example', 'a.example'], (domain) =>
    domain === 'c.example' ? 'small' : 'large',
  )
  assert.equal(await routeNewDomains(prepared.deps), 4)
  assert.deepEqual(prepared.asked.toSorted(), ['a.example', 'b.example', 'c.example'])
  const [shards, known] = [await shardsOf(prepared), await providers(prepared)]
  assert.deepEqual([...shards].toSorted(), [
    ['a.example', known.get('large')],
    ['b.example', known.get('large')],
    ['c.example', known.get('small')],
  ])
  assert.notEqual(known.get('large'), known.get('small'))
  assert.equal(await routeNewDomains(prepared.deps), 0)
})

test('providers spread evenly over the shards, and stay where they are', async (t) => {
  const domains = Array.from({ length: SHARD_COUNT * 3 }, (_, at) => `d${at}.example`)
  const prepared = await prepare(t, domains)
  await routeNewDomains(prepared.deps)
  const first = await providers(prepared)
  const loads = Map.groupBy(first.values(), (shard) => shard)
  assert.equal(loads.size, SHARD_COUNT)
  assert.ok([...loads.values()].every((each) => each.length === 3))
  await sql`update deliveries set shard = null`.execute(prepared.database.admin)
  await routeNewDomains(prepared.deps)
  assert.deepEqual(await providers(prepared), first)
})

test('several dispatchers at once give a provider one shard', async (t) => {
  const prepared = await prepare(
    t,
    Array.from({ length: 40 }, (_, at) => `d${at}.example`),
  )
  await Promise.all([1, 2, 3].map(() => routeNewDomains(prepared.deps)))
  const [shards, known] = [await shardsOf(prepared), await providers(prepared)]
  assert.equal(known.size, 40)
  for (const [domain, shard] of shards) assert.equal(shard, known.get(domain))
})

test('more new domains than are resolved at once are all routed in the end', async (t) => {
  const prepared = await prepare(
    t,
    Array.from({ length: 450 }, (_, at) => `d${at}.example`),
  )
  let routed = 0
  for (let step = await routeNewDomains(prepared.deps); step > 0; step = await routeNewDomains(prepared.deps))
    routed += step
  assert.equal(routed, 450)
  assert.equal(prepared.asked.length, 450)
  assert.ok(![...(await shardsOf(prepared)).values()].includes(null))
})

test('a route that has expired is resolved again; what waits keeps its shard', async (t) => {
  let provider = 'before'
  const prepared = await prepare(t, ['moving.example'], () => provider)
  await routeNewDomains(prepared.deps)
  const before = await shardsOf(prepared)
  provider = 'after'
  assert.equal(await refreshRoutes(prepared.deps), 0)
  await prepared.clock.advance(HOUR_MS)
  assert.equal(await refreshRoutes(prepared.deps), 1)
  assert.equal(await refreshRoutes(prepared.deps), 0)
  const route = await prepared.database.admin
    .selectFrom('routes')
    .select(['provider', 'shard', 'expires_at'])
    .executeTakeFirstOrThrow()
  assert.deepEqual([route.provider, route.expires_at.toISOString()], ['after', '2026-02-01T02:00:00.000Z'])
  assert.equal(route.shard, (await providers(prepared)).get('after'))
  assert.deepEqual(await shardsOf(prepared), before)
})
