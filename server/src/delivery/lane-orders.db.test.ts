import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { testDatabase, type TestScope } from '@pigeon/server/test/database.ts'
import { silentLog } from '@pigeon/server/test/factories.ts'
import { manualClock } from '@pigeon/server/test/manual-clock.ts'
import { createLaneMemory } from './lane-memory.ts'
import { BLOCKS_TO_SUSPEND, LIVE_TIMES } from './lanes/lane-health.ts'
import { createLane, type Lane } from './lanes/lane.ts'

const ONE = '01900000-0000-7000-8000-000000000001'
const TWO = '01900000-0000-7000-8000-000000000002'
const LIMITS = {
  maxConnections: 5,
  rates: [],
  maxMessagesPerConnection: 100,
  connectionRates: [],
  idleMs: 1_000,
  tls: undefined,
}

interface Said {
  readonly source?: string
  readonly paused?: string
  readonly perMinute?: number
  readonly until?: Date
  readonly probeAt?: Date
}

/** Two lanes to google that obey what `order` writes. */
async function rig(scope: TestScope) {
  const database = await testDatabase(scope)
  const clock = manualClock()
  const lane = (id: string): Lane =>
    createLane({
      mode: 'live',
      provider: 'google',
      source: { id, name: id },
      limits: () => LIMITS,
      times: LIVE_TIMES,
      saved: undefined,
      day: () => '2026-01-01',
      closed: () => undefined,
    })
  const [one, two] = [lane(ONE), lane(TWO)]
  const memory = createLaneMemory({
    db: database.engine,
    clock,
    log: silentLog,
    all: () => [one, two],
    connections: () => 0,
    changed: () => undefined,
  })
  const order = async (...orders: Said[]): Promise<void> => {
    await sql`delete from lane_orders`.execute(database.admin)
    for (const said of orders)
      await sql`
        insert into lane_orders (mode, provider, source_id, paused, messages_per_minute, until, probe_at, created_at)
        values ('live', 'google', ${said.source ?? null}, ${said.paused ?? null}, ${said.perMinute ?? null}, ${said.until ?? null},
                ${said.probeAt ?? null}, ${clock.now()})`.execute(database.admin)
    await memory.readOrders()
  }
  const states = () => [one, two].map((each) => each.health.state(clock.monotonicMs()))
  /** Messages that a lane may begin within a minute. */
  const perMinute = async (each: Lane): Promise<number> => {
    let begun = 0
    for (let second = 0; second < 60; second++) {
      while (begun < 1_000 && each.readiness(clock.monotonicMs()).isReady) {
        each.begin(clock.monotonicMs())
        each.end(clock.monotonicMs(), { kind: 'accepted' })
        begun++
      }
      await clock.advance(1_000)
    }
    return begun
  }
  const suspend = (each: Lane): void => {
    for (let n = 0; n < BLOCKS_TO_SUSPEND; n++) {
      each.begin(clock.monotonicMs())
      each.end(clock.monotonicMs(), { kind: 'suspend', reply: '550 Blocked' })
    }
  }
  return { clock, one, two, memory, order, states, perMinute, suspend }
}

test('what is said of all sources holds for those too of which something else is said', async (t) => {
  const { order, states, one, two } = await rig(t)
  await order({ paused: 'All.' }, { source: ONE, perMinute: 60 })
  assert.deepEqual(states(), ['paused', 'paused'])
  await order({ source: ONE, paused: 'This one.' }, { paused: 'All.' })
  assert.deepEqual([one.health.reason(), two.health.reason()], ['This one.', 'All.'])
  await order({ source: TWO, paused: 'That one.' })
  assert.deepEqual(states(), ['open', 'paused'])
  await order()
  assert.deepEqual(states(), ['open', 'open'])
})

test('a limit of a source goes over the one of all of them, and ends with its time', async (t) => {
  const { order, perMinute, one, two, clock, memory } = await rig(t)
  const until = new Date(clock.now().getTime() + 120_000)
  await order({ perMinute: 60 }, { source: ONE, perMinute: 30, until })
  // A second turn is not a whole one at both ends.
  assert.ok(Math.abs((await perMinute(one)) - 30) <= 1)
  assert.ok(Math.abs((await perMinute(two)) - 60) <= 1)
  await memory.readOrders()
  assert.ok(Math.abs((await perMinute(one)) - 60) <= 1, 'then the one of all holds')
  await order()
  assert.ok((await perMinute(one)) > 60)
})

test('a limit that is ordered anew for longer holds for longer', async (t) => {
  const { order, perMinute, one, clock } = await rig(t)
  const at = (minutes: number): Date => new Date(clock.now().getTime() + minutes * 60_000)
  await order({ perMinute: 30, until: at(1) })
  await order({ perMinute: 30, until: at(10) })
  await perMinute(one)
  assert.ok(Math.abs((await perMinute(one)) - 30) <= 1)
})

test('a word to ask ends the suspension that it is about, and no later one', async (t) => {
  const { order, states, suspend, one, clock, memory } = await rig(t)
  suspend(one)
  assert.deepEqual(states(), ['suspended', 'open'])
  await order({ probeAt: clock.now() })
  assert.deepEqual(states(), ['probing', 'open'])
  one.end(clock.monotonicMs(), { kind: 'suspend', reply: '550 Still blocked' })
  await memory.readOrders()
  assert.deepEqual(states(), ['suspended', 'open'])
  await clock.advance(LIVE_TIMES.suspendMs / 2)
  await order({ probeAt: new Date(clock.now().getTime() - 120_000) })
  assert.deepEqual(states(), ['suspended', 'open'])
})
