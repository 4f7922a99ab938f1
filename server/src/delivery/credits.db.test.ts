import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { testDatabase, type TestDatabase, type TestScope } from '@pigeon/server/test/database.ts'
import { sampleRoute, sampleShard } from '@pigeon/server/test/factories.ts'
import { manualClock } from '@pigeon/server/test/manual-clock.ts'
import { createLog } from '#platform/log.ts'
import { waitFor } from '@pigeon/server/test/wait-for.ts'
import { createCredits } from './credits.ts'
import type { HeldJob } from './lanes/lanes.ts'

const SHARD = 3
const WITHIN_MS = 10_000

async function prepare(t: TestScope) {
  const database = await testDatabase(t)
  await sampleShard(database, SHARD, { epoch: 2 })
  await sampleRoute(database, 'google.example', 'google', SHARD)
  await sql`update destinations set epoch = 1, allowed_total = 70, claimed_total = 70`.execute(database.admin)
  const clock = manualClock()
  const state = { credit: 100, canTake: true }
  const credits = createCredits({
    db: database.engine,
    clock,
    log: createLog({ level: 'silent', role: 'test' }),
    creditFor: () => state.credit,
    canTake: () => state.canTake,
  })
  const stop = new AbortController()
  const run = credits.run(stop.signal)
  t.after(async () => {
    stop.abort()
    await run
  })
  return { database, clock, state, credits }
}

async function account({ admin }: TestDatabase): Promise<unknown[]> {
  const row = await admin.selectFrom('destinations').selectAll().executeTakeFirstOrThrow()
  return [row.epoch, row.allowed_total, row.claimed_total, row.stopped]
}

async function until(rig: Awaited<ReturnType<typeof prepare>>, wanted: unknown[]): Promise<void> {
  await waitFor(
    JSON.stringify(wanted),
    async () => {
      await rig.clock.advance(200)
      return JSON.stringify(await account(rig.database)) === JSON.stringify(wanted) || undefined
    },
    WITHIN_MS,
  )
}

async function finish(
  { database, credits }: Awaited<ReturnType<typeof prepare>>,
  count: number,
): Promise<void> {
  const { id } = await database.admin.selectFrom('destinations').select('id').executeTakeFirstOrThrow()
  const job = { destination: id, mode: 'sandbox', provider: 'google' }
  // Only what names the destination counts.
  for (let n = 0; n < count; n++) credits.finished({ job, shard: SHARD, epoch: 2 } as unknown as HeldJob)
}

test('an owner that takes a shard begins the counts of its destinations anew', async (t) => {
  const rig = await prepare(t)
  rig.credits.taken([{ id: SHARD, epoch: 2 }])
  await until(rig, [2, 100, 0, false])
})

test('what is finished makes room, and a suspended destination is stopped at once', async (t) => {
  const rig = await prepare(t)
  rig.credits.taken([{ id: SHARD, epoch: 2 }])
  await until(rig, [2, 100, 0, false])
  await finish(rig, 50)
  await until(rig, [2, 150, 0, false])
  rig.state.credit = 0
  await until(rig, [2, 50, 0, true])
  rig.state.credit = 100
  await until(rig, [2, 150, 0, false])
})

test('a process that cannot take more gives no credit, which does not stop what is urgent', async (t) => {
  const rig = await prepare(t)
  rig.credits.taken([{ id: SHARD, epoch: 2 }])
  await until(rig, [2, 100, 0, false])
  rig.state.canTake = false
  await until(rig, [2, 0, 0, false])
})

test('an owner of an older epoch changes nothing', async (t) => {
  const rig = await prepare(t)
  await sql`update destinations set epoch = 3, allowed_total = 7`.execute(rig.database.admin)
  rig.credits.taken([{ id: SHARD, epoch: 2 }])
  await rig.clock.advance(2_000)
  await finish(rig, 10)
  await rig.clock.advance(2_000)
  assert.deepEqual(await account(rig.database), [3, 7, 70, false])
})
