import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { testDatabase } from '@pigeon/server/test/database.ts'
import { manualClock } from '@pigeon/server/test/manual-clock.ts'
import { createLog } from '#platform/log.ts'
import { DEFAULT_SOURCE_ID, type SourceCost } from '#sources/source.ts'
import type { LaneSource } from './lanes/lane.ts'
import { addSpend, findSpent } from './spend.store.ts'
import { openSpending, type Spending } from './spending.ts'

const NOBODY = '01900000-0000-7000-8000-000000000000'
const log = createLog({ level: 'error', role: 'test' })

/** A thousand messages cost 0.10 of the currency: a message 100 millionths. */
function costing(more: Partial<SourceCost> = {}): LaneSource {
  const cost = { perThousand: 100_000, dailyCap: null, monthlyCap: null, ...more }
  return { id: DEFAULT_SOURCE_ID, name: 'default', cost }
}

async function spendings(t: TestContext, count: number) {
  const database = await testDatabase(t)
  const clock = manualClock(new Date('2026-11-30T12:00:00Z'))
  const open = () => openSpending({ db: database.engine, clock, log })
  const processes: Spending[] = []
  for (let n = 0; n < count; n++) processes.push(await open())
  return { database, clock, open, processes }
}

/** What `run` does once in a while, and at the end. */
async function share(...processes: readonly Spending[]): Promise<void> {
  for (const each of processes) await each.run(AbortSignal.abort())
}

function send(spending: Spending, source: LaneSource, count: number): void {
  for (let n = 0; n < count; n++) spending.add(source)
}

test('a source is closed for the very message that would go past its cap, and the reason names the cap', async (t) => {
  const { processes } = await spendings(t, 1)
  const [spending] = processes
  assert.ok(spending)
  const source = costing({ dailyCap: 1_000 })
  send(spending, source, 9)
  assert.equal(spending.closed(source), undefined)
  send(spending, source, 1)
  assert.match(spending.closed(source)?.reason ?? '', /daily cost cap of 0\.001 is reached/)
  await share(spending)
  assert.notEqual(spending.closed(source), undefined, 'what is stored is not forgotten')
  assert.equal(spending.closed(costing({ dailyCap: 2_000 })), undefined, 'a raised cap counts at once')
  assert.equal(spending.closed(costing()), undefined, 'without a cap nothing is closed')
})

test('processes count together, and a new one goes on from what was spent', async (t) => {
  const { processes, open } = await spendings(t, 2)
  const [one, two] = processes
  assert.ok(one && two)
  const source = costing({ dailyCap: 1_000 })
  send(one, source, 5)
  send(two, source, 5)
  assert.equal(one.closed(source), undefined)
  await share(one, two, one)
  for (const each of [one, two, await open()]) assert.notEqual(each.closed(source), undefined)
})

test('a day ends at midnight UTC, and a month with its last day', async (t) => {
  const { processes, clock } = await spendings(t, 1)
  const [spending] = processes
  assert.ok(spending)
  const daily = costing({ dailyCap: 1_000 })
  const monthly = costing({ monthlyCap: 1_000 })
  send(spending, daily, 10)
  await share(spending)
  assert.notEqual(spending.closed(daily), undefined)
  assert.match(spending.closed(monthly)?.reason ?? '', /monthly cost cap/)
  await clock.advance(12 * 3_600_000)
  assert.equal(spending.closed(daily), undefined)
  assert.equal(spending.closed(monthly), undefined)
  await share(spending)
  assert.equal(spending.closed(monthly), undefined)
})

test('within a month the days add up', async (t) => {
  const { database } = await spendings(t, 0)
  const row = { source_id: DEFAULT_SOURCE_ID, messages: 1, spent_nano: 500 }
  await addSpend(database.engine, [
    { ...row, day: '2026-10-31' },
    { ...row, day: '2026-11-01' },
    { ...row, day: '2026-11-02' },
    { ...row, day: '2026-11-02', source_id: NOBODY },
  ])
  await addSpend(database.engine, [{ ...row, day: '2026-11-02' }])
  assert.deepEqual(await findSpent(database.engine, '2026-11-02'), [
    { source_id: DEFAULT_SOURCE_ID, today: 1_000, month: 1_500 },
  ])
})

test('what could not be stored is stored later', async (t) => {
  const { processes, database } = await spendings(t, 1)
  const [spending] = processes
  assert.ok(spending)
  const source = costing({ dailyCap: 1_000 })
  send(spending, source, 10)
  await database.admin.schema.alterTable('source_spend').renameTo('gone').execute()
  await share(spending)
  assert.notEqual(spending.closed(source), undefined)
  await database.admin.schema.alterTable('gone').renameTo('source_spend').execute()
  await share(spending)
  const [row] = await findSpent(database.engine, '2026-11-30')
  assert.equal(row?.today, 1_000_000)
})
