import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testDatabase } from '@pigeon/server/test/database.ts'
import { manualClock } from '@pigeon/server/test/manual-clock.ts'
import { complaintsToday, countComplaints } from './complaints.ts'

test('complaints are counted by lane and day', async (t) => {
  const database = await testDatabase(t)
  const clock = manualClock(new Date('2026-02-01T23:00:00Z'))
  const deps = { db: database.engine, clock }
  const lane = { mode: 'live', provider: 'yahoo', source: 'mail-1' } as const
  await Promise.all([countComplaints(deps, [lane]), countComplaints(deps, [lane])])
  await countComplaints(deps, [{ ...lane, source: 'mail-2' }])
  await countComplaints(deps, [])
  const today = await complaintsToday(deps)
  assert.deepEqual(
    today.toSorted((a, b) => a.source.localeCompare(b.source)),
    [
      { ...lane, count: 2 },
      { ...lane, source: 'mail-2', count: 1 },
    ],
  )
  await clock.advance(3_600_000)
  assert.deepEqual(await complaintsToday(deps), [])
})
