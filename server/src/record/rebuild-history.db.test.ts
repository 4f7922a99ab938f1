import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { ANALYTICS_EVENTS, type HistoryEvent } from '#events/email-events.ts'
import { systemClock } from '#platform/clock.ts'
import { testDatabase } from '@pigeon/server/test/database.ts'
import { historyEvent, silentLog, testStream } from '@pigeon/server/test/factories.ts'
import { blindReaders, testHistory } from '@pigeon/server/test/history.ts'
import { waitFor } from '@pigeon/server/test/wait-for.ts'
import { rebuildHistory } from './rebuild-history.ts'
import { daysOf } from './rebuild.store.ts'
import { insertLoad, runHistory, startLoad, type HistoryDeps } from './run-history.ts'

const analytics = await testHistory()
const OPTIONS = { eventDays: 90, attemptDays: 30 }
const DAY_MS = 86_400_000
const NOON = Math.floor(Date.now() / DAY_MS) * DAY_MS - DAY_MS / 2

async function platform(scope: Parameters<typeof testStream>[0]): Promise<HistoryDeps> {
  for (const table of [
    'email_events',
    'attempts',
    'campaign_metrics',
    'deliverability_metrics',
    'audience_metrics',
  ])
    await analytics.command(`truncate table ${table}`)
  const database = await testDatabase(scope)
  const stream = await testStream(scope, database)
  return { db: database.engine, stream, analytics, clock: systemClock, log: silentLog, readers: blindReaders }
}

/** Events of two days, of which some are openings. */
function someEvents(tenantId: string, count: number): HistoryEvent[] {
  return Array.from({ length: count }, (_, n) => {
    const startedAt = new Date(NOON - (n % 2) * DAY_MS).toISOString()
    const at = new Date(NOON - (n % 2) * DAY_MS + 500).toISOString()
    const event = historyEvent({ tenantId, at })
    const session = event.session === null ? null : { ...event.session, startedAt }
    if (n % 5 > 0) return { ...event, session }
    const data = { url: null, link: null, machine_signs: [] }
    return { ...event, type: 'opened', session: null, detail: { ip: null, userAgent: 'x', data } }
  })
}

async function load(deps: HistoryDeps, batches: readonly HistoryEvent[][]): Promise<void> {
  await deps.stream.append(
    ANALYTICS_EVENTS,
    batches.map((events) => ({ partition: 0, key: 'test', payload: { events } })),
  )
  const stop = new AbortController()
  const running = runHistory(deps, stop.signal)
  const end = BigInt(batches.length)
  await waitFor('everything to be loaded', async () => {
    const offsets = await deps.stream.offsets(ANALYTICS_EVENTS, 'history')
    return (offsets.get(0) ?? 0n) >= end
  })
  stop.abort()
  await running
}

/** Events, attempts, and what each rollup has counted. */
async function counts(tenant: string): Promise<(number | undefined)[]> {
  const questions = [
    'select count() as n from email_events where tenant_id = {tenant:UUID}',
    'select count() as n from attempts where tenant_id = {tenant:UUID}',
    'select sum(delivered_count + opened_count) as n from campaign_metrics where tenant_id = {tenant:UUID}',
    'select sum(delivered_count) as n from deliverability_metrics where tenant_id = {tenant:UUID}',
    'select sum(opened_count) as n from audience_metrics where tenant_id = {tenant:UUID}',
    'select uniqCombined64Merge(14)(opened_messages) as n from campaign_metrics where tenant_id = {tenant:UUID}',
  ]
  const rows = await Promise.all(questions.map((sql) => analytics.query<{ n: number }>(sql, { tenant })))
  return rows.map(([row]) => row?.n)
}

const FULL = [20, 16, 20, 48, 16, 4]

test('a rebuild of what is right changes nothing', async (t) => {
  const deps = await platform(t)
  const tenantId = randomUUID()
  await load(deps, [someEvents(tenantId, 10), someEvents(tenantId, 10)])
  assert.deepEqual(await counts(tenantId), FULL)
  assert.deepEqual(await rebuildHistory(deps, OPTIONS), { events: 0, attempts: 0, months: daysApart() * 3 })
  assert.deepEqual(await counts(tenantId), FULL)
})

test('what a backup lacks comes back from the stream, and nothing of the rest counts twice', async (t) => {
  const deps = await platform(t)
  const tenantId = randomUUID()
  await load(deps, [someEvents(tenantId, 10), someEvents(tenantId, 10)])
  const [row] = await analytics.query<{ id: string }>(
    'select toString(message_id) as id from email_events where tenant_id = {tenantId:UUID} and event_type = {type:String} order by timestamp limit 1',
    { tenantId, type: 'delivered' },
  )
  for (const table of ['email_events', 'attempts'])
    await analytics.command(`delete from ${table} where message_id = {id:UUID}`, { id: row?.id ?? '' })
  const { events, attempts } = await rebuildHistory(deps, OPTIONS)
  assert.deepEqual([events, attempts], [1, 1])
  assert.deepEqual(await counts(tenantId), FULL)
})

test('rollups that are wrong or empty are made again from the events', async (t) => {
  const deps = await platform(t)
  const tenantId = randomUUID()
  await load(deps, [someEvents(tenantId, 20)])
  await analytics.command('truncate table campaign_metrics')
  await analytics.command(
    'insert into audience_metrics select * from audience_metrics settings insert_deduplicate = 0',
  )
  assert.notDeepEqual(await counts(tenantId), FULL)
  await rebuildHistory(deps, OPTIONS)
  assert.deepEqual(await counts(tenantId), FULL)
})

test('sums of times whose events are gone stay as they are', async (t) => {
  const deps = await platform(t)
  const tenantId = randomUUID()
  await load(deps, [someEvents(tenantId, 20)])
  const early = new Date(NOON - DAY_MS / 2).toISOString()
  await analytics.command(
    'delete from email_events where timestamp < parseDateTimeBestEffort({early:String})',
    { early },
  )
  await rebuildHistory({ ...deps, stream: { ...deps.stream, offsets: async () => new Map() } }, OPTIONS)
  const [events, , ...rollups] = await counts(tenantId)
  assert.equal(events, 10)
  assert.deepEqual(rollups, FULL.slice(2))
})

test('a batch that was inserted and not committed before the rebuild counts once after it', async (t) => {
  const deps = await platform(t)
  const tenantId = randomUUID()
  const events = someEvents(tenantId, 20)
  await deps.stream.append(ANALYTICS_EVENTS, [{ partition: 0, key: 'test', payload: { events } }])
  const records = await deps.stream.read(ANALYTICS_EVENTS, 'history', { maxRecords: 1 })
  const begun = await startLoad(deps, 0, 0n, records)
  assert.ok(begun)
  await insertLoad(deps, begun, records)
  await rebuildHistory(deps, OPTIONS)
  await load(deps, [])
  assert.deepEqual(await counts(tenantId), FULL)
})

test('the days of a month are cut where the events begin and end', () => {
  const second = (text: string): number => Date.parse(text) / 1000
  const reach = { from: second('2026-02-27T10:15:00Z'), to: second('2026-03-02T00:00:01Z') }
  assert.deepEqual(
    daysOf(202602, reach).map(({ from, to }) => [from, to]),
    [
      [reach.from, second('2026-02-28T00:00:00Z')],
      [second('2026-02-28T00:00:00Z'), second('2026-03-01T00:00:00Z')],
    ],
  )
  assert.equal(daysOf(202603, reach).length, 2)
  assert.deepEqual(daysOf(202604, reach), [])
})

/** Two days may lie in two months. */
function daysApart(): number {
  const month = (ms: number): string => new Date(ms).toISOString().slice(0, 7)
  return month(NOON) === month(NOON - DAY_MS) ? 1 : 2
}
