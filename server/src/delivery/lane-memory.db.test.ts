import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { sql } from 'kysely'
import { testDatabase, type TestDatabase } from '@pigeon/server/test/database.ts'
import { manualClock, type ManualClock } from '@pigeon/server/test/manual-clock.ts'
import { sampleRoute } from '@pigeon/server/test/factories.ts'
import { createLog } from '#platform/log.ts'
import { countComplaints } from '#sources/complaints.ts'
import { createLaneMemory } from './lane-memory.ts'
import { LIVE_TIMES } from './lanes/lane-health.ts'
import { createLane, type Lane, type SavedLane } from './lanes/lane.ts'
import { dayOf } from './lanes/warm-up.ts'

const SHARD = 3
const sourceId = randomUUID()

function laneOf(clock: ManualClock, saved?: SavedLane): Lane {
  return createLane({
    mode: 'sandbox',
    provider: 'google',
    source: { id: sourceId, name: 'mail-1', warmUp: { since: 'now', curve: [50, 100, 200] } },
    limits: () => ({
      maxConnections: 5,
      maxMessagesPerConnection: 100,
      rates: [],
      connectionRates: [],
      idleMs: 1_000,
      tls: undefined,
    }),
    times: LIVE_TIMES,
    saved,
    day: () => dayOf(clock.now()),
    closed: () => undefined,
  })
}

function memoryOf(database: TestDatabase, clock: ManualClock, lanes: Lane[]) {
  return createLaneMemory({
    db: database.engine,
    clock,
    log: createLog({ level: 'silent', role: 'test' }),
    all: () => lanes,
    connections: () => 2,
    changed: () => undefined,
  })
}

/** Runs until everything was saved, as before a clean stop. */
async function saveOnce(memory: ReturnType<typeof memoryOf>): Promise<void> {
  const stop = new AbortController()
  const run = memory.run(stop.signal)
  stop.abort()
  await run
}

async function rows({ admin }: TestDatabase) {
  return admin.selectFrom('lanes').selectAll().execute()
}

function send(lane: Lane, count: number, nowMs: number): void {
  for (let n = 0; n < count; n++) {
    lane.begin(nowMs)
    lane.end(nowMs, { kind: 'accepted' })
  }
}

test('what a lane has learned is seen by people, and goes on in the next process', async (t) => {
  const database = await testDatabase(t)
  await sampleRoute(database, 'google.example', 'google', SHARD)
  const clock = manualClock(new Date('2026-02-01T12:00:00Z'))
  const lane = laneOf(clock)
  send(lane, 20, clock.monotonicMs())
  for (let n = 0; n < 3; n++) {
    lane.begin(clock.monotonicMs())
    lane.end(clock.monotonicMs(), { kind: 'suspend', reply: '550 5.7.1 blocked' })
  }
  await saveOnce(memoryOf(database, clock, [lane]))
  const [row] = await rows(database)
  assert.deepEqual(
    [row?.state, row?.reason, row?.until?.toISOString(), row?.warming, row?.budget_left, row?.connections],
    ['suspended', '550 5.7.1 blocked', '2026-02-01T12:15:00.000Z', true, 27, 2],
  )

  const later = manualClock(new Date('2026-02-01T12:05:00Z'))
  const memory = memoryOf(database, later, [])
  await memory.load([SHARD])
  const saved = memory.saved(`sandbox/google/${sourceId}`)
  const next = laneOf(later, saved)
  assert.equal(next.health.state(later.monotonicMs()), 'suspended')
  assert.equal(next.health.suspendedUntil(), 10 * 60_000)
  assert.equal(next.budget(), 27)
  await memory.load([SHARD + 1])
})

test('a process that is killed has told more of a budget than it used, never less', async (t) => {
  const database = await testDatabase(t)
  await sampleRoute(database, 'google.example', 'google', SHARD)
  const clock = manualClock(new Date('2026-02-01T12:00:00Z'))
  const lane = laneOf(clock)
  send(lane, 20, clock.monotonicMs())
  const stop = new AbortController()
  const run = memoryOf(database, clock, [lane]).run(stop.signal)
  await clock.advance(0)
  const deadline = Date.now() + 10_000
  while ((await rows(database)).length === 0 && Date.now() < deadline)
    await sql`select 1`.execute(database.admin)

  const memory = memoryOf(database, clock, [])
  await memory.load([SHARD])
  assert.ok(laneOf(clock, memory.saved(lane.key)).budget() < lane.budget())
  stop.abort()
  await run
  await memory.load([SHARD])
  assert.equal(laneOf(clock, memory.saved(lane.key)).budget(), lane.budget())
})

test('orders and complaints reach their lanes', async (t) => {
  const database = await testDatabase(t)
  const clock = manualClock(new Date('2026-02-01T12:00:00Z'))
  const lane = laneOf(clock)
  const order = (set: string) =>
    sql`insert into lane_orders (mode, provider, source_id, paused, created_at) values ('sandbox', 'google', null, ${set}, now())
        on conflict (mode, provider, source_id) do update set paused = excluded.paused`.execute(
      database.admin,
    )
  await order('maintenance')
  await countComplaints({ db: database.engine, clock }, [
    { mode: 'sandbox', provider: 'google', source: 'mail-1' },
  ])
  const memory = memoryOf(database, clock, [lane])
  await saveOnce(memory)
  await memory.readOrders()
  assert.deepEqual([lane.health.state(0), lane.health.reason()], ['paused', 'maintenance'])
  await sql`delete from lane_orders`.execute(database.admin)
  await memory.readOrders()
  assert.equal(lane.health.state(0), 'open')
  const stop = new AbortController()
  const run = memory.run(stop.signal)
  const deadline = Date.now() + 10_000
  while (lane.save().warmUp?.complained !== 1 && Date.now() < deadline)
    await sql`select 1`.execute(database.admin)
  assert.equal(lane.save().warmUp?.complained, 1)
  stop.abort()
  await run
})
