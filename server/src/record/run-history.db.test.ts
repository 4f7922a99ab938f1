import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { sql } from 'kysely'
import { ANALYTICS_EVENTS, type HistoryEvent } from '#events/email-events.ts'
import { systemClock } from '#platform/clock.ts'
import { Problem } from '#platform/problem.ts'
import { OffsetMoved, type Stream } from '#platform/stream/stream.ts'
import { testDatabase, type TestDatabase } from '@pigeon/server/test/database.ts'
import { historyEvent, silentLog, testStream } from '@pigeon/server/test/factories.ts'
import { blindReaders, testHistory } from '@pigeon/server/test/history.ts'
import { waitFor } from '@pigeon/server/test/wait-for.ts'
import { insertLoad, runHistory, startLoad, type HistoryDeps } from './run-history.ts'

const analytics = await testHistory()

async function platform(
  scope: Parameters<typeof testStream>[0],
): Promise<HistoryDeps & { database: TestDatabase }> {
  const database = await testDatabase(scope)
  const stream = await testStream(scope, database)
  const base = { database, db: database.engine, stream, clock: systemClock, log: silentLog }
  return { ...base, analytics, readers: blindReaders }
}

async function append(stream: Stream, events: readonly HistoryEvent[], partition = 0): Promise<void> {
  await stream.append(ANALYTICS_EVENTS, [{ partition, key: 'test', payload: { events } }])
}

/** Events in email_events, in both rollups, and attempts. */
async function counts(tenant: string): Promise<number[]> {
  const questions = [
    'select count() as n from email_events where tenant_id = {tenant:UUID}',
    'select sum(delivered_count + bounced_count) as n from campaign_metrics where tenant_id = {tenant:UUID}',
    "select sum(delivered_count + bounced_count) as n from deliverability_metrics where tenant_id = {tenant:UUID} and dimension = 'provider'",
    'select count() as n from attempts where tenant_id = {tenant:UUID}',
  ]
  const rows = await Promise.all(
    questions.map((question) => analytics.query<{ n: number }>(question, { tenant })),
  )
  return rows.map(([row]) => row?.n ?? 0)
}

async function loadEverything(deps: HistoryDeps): Promise<void> {
  const stop = new AbortController()
  const running = runHistory(deps, stop.signal)
  try {
    await waitFor('everything to be loaded', async () => (await waiting(deps)) === 0)
  } finally {
    stop.abort()
    await running
  }
}

/** Records that are not loaded yet, and ranges that were begun. */
async function waiting(deps: HistoryDeps): Promise<number> {
  const found = await sql<{ n: number }>`
    select (select count(*) from stream_records r join stream_offsets o on o.topic = r.topic and o.partition = r.partition
             where r.topic = ${ANALYTICS_EVENTS} and o.group_name = 'history' and r."offset" >= o.next_offset)
         + (select count(*) from history_loads) as n`.execute(deps.db)
  return found.rows[0]?.n ?? 0
}

test('every event becomes a row, and an attempt one with its transcript', async (t) => {
  const deps = await platform(t)
  const tenantId = randomUUID()
  const tried = historyEvent({
    tenantId,
    type: 'bounced',
    code: 550,
    class: 'unknown_user',
    reply: '550 5.1.1 „Nein“',
    attempt: 2,
  })
  const untried = historyEvent({
    tenantId,
    type: 'cancelled',
    session: null,
    contactId: null,
    attempt: 0,
    code: null,
    reply: null,
  })
  await append(deps.stream, [tried])
  await append(deps.stream, [untried], 1)
  await loadEverything(deps)
  const events = await analytics.query<Record<string, unknown>>(
    `select toString(message_id) as message_id, toString(contact_id) as contact_id, toString(event_type) as type, attempt, code, class, reply, timestamp
       from email_events where tenant_id = {tenant:UUID} order by code desc`,
    { tenant: tenantId },
  )
  assert.deepEqual(events, [
    {
      message_id: tried.messageId,
      contact_id: tried.contactId,
      type: 'bounced',
      attempt: 2,
      code: 550,
      class: 'unknown_user',
      reply: '550 5.1.1 „Nein“',
      timestamp: '2026-11-01T10:00:00.123Z',
    },
    {
      message_id: untried.messageId,
      contact_id: '00000000-0000-0000-0000-000000000000',
      type: 'cancelled',
      attempt: 0,
      code: 0,
      class: '',
      reply: '',
      timestamp: '2026-11-01T10:00:00.123Z',
    },
  ])
  const attempts = await analytics.query<Record<string, unknown>>(
    'select toString(message_id) as message_id, started_at, ended_at, mx_host, toString(mx_ip) as mx_ip, tls, outcome, transcript from attempts where tenant_id = {tenant:UUID}',
    { tenant: tenantId },
  )
  assert.deepEqual(attempts, [
    {
      message_id: tried.messageId,
      started_at: '2026-11-01T10:00:00.001Z',
      ended_at: '2026-11-01T10:00:00.123Z',
      mx_host: 'mx.google.example',
      mx_ip: '::ffff:192.0.2.25',
      tls: true,
      outcome: 'bounced',
      transcript: 'S: 250 OK\n',
    },
  ])
})

test('a loader that dies between insert and commit leaves a batch that counts once, in the rollups too', async (t) => {
  const deps = await platform(t)
  const tenantId = randomUUID()
  await append(
    deps.stream,
    Array.from({ length: 50 }, () => historyEvent({ tenantId })),
  )
  await append(
    deps.stream,
    Array.from({ length: 50 }, () => historyEvent({ tenantId })),
  )
  const records = await deps.stream.read(ANALYTICS_EVENTS, 'history', { maxRecords: 1 })
  const load = await startLoad(deps, 0, 0n, records)
  assert.deepEqual(load, { partition: 0, from: 0n, to: 1n })
  assert.ok(load)
  await insertLoad(deps, load, records)
  assert.deepEqual(await counts(tenantId), [50, 50, 50, 50])
  await loadEverything(deps)
  assert.deepEqual(await counts(tenantId), [100, 100, 100, 100])
})

test('a loader that dies between its two inserts leaves neither table short nor double', async (t) => {
  const deps = await platform(t)
  const tenantId = randomUUID()
  await append(deps.stream, [historyEvent({ tenantId })])
  const records = await deps.stream.read(ANALYTICS_EVENTS, 'history', { maxRecords: 1 })
  const load = await startLoad(deps, 0, 0n, records)
  assert.ok(load)
  const failing = {
    ...analytics,
    insert: async (...args: Parameters<typeof analytics.insert>) =>
      args[0] === 'attempts' ? Promise.reject(new Error('killed')) : analytics.insert(...args),
  }
  await assert.rejects(insertLoad({ ...deps, analytics: failing }, load, records), /killed/)
  assert.deepEqual(await counts(tenantId), [1, 1, 1, 0])
  await loadEverything(deps)
  assert.deepEqual(await counts(tenantId), [1, 1, 1, 1])
})

test('a range is refused when its records were loaded since they were read', async (t) => {
  const deps = await platform(t)
  await append(deps.stream, [historyEvent()])
  const records = await deps.stream.read(ANALYTICS_EVENTS, 'history', { maxRecords: 1 })
  await loadEverything(deps)
  await assert.rejects(startLoad(deps, 0, 0n, records), OffsetMoved)
  assert.equal(await waiting(deps), 0)
})

test('two loaders at once load each event once', async (t) => {
  const deps = await platform(t)
  const tenantId = randomUUID()
  const stop = new AbortController()
  const loaders = [1, 2].map(() => runHistory(deps, stop.signal))
  for (let batch = 0; batch < 30; batch++)
    await append(
      deps.stream,
      Array.from({ length: 10 }, () => historyEvent({ tenantId })),
      batch % 3,
    )
  await waitFor('everything to be loaded', async () => (await waiting(deps)) === 0)
  stop.abort()
  await Promise.all(loaders)
  assert.deepEqual(await counts(tenantId), [300, 300, 300, 300])
})

test('while the history is away nothing is skipped', async (t) => {
  const deps = await platform(t)
  const tenantId = randomUUID()
  let failures = 3
  const away = new Problem('unavailable', 'analytics.unavailable', 'The history is not available just now.')
  const failing = {
    ...analytics,
    insert: async (...args: Parameters<typeof analytics.insert>) =>
      failures-- > 0 ? Promise.reject(away) : analytics.insert(...args),
  }
  await append(deps.stream, [historyEvent({ tenantId })])
  await append(deps.stream, [historyEvent({ tenantId })])
  await loadEverything({ ...deps, analytics: failing })
  assert.deepEqual(await counts(tenantId), [2, 2, 2, 2])
})

test('more than fits into one insert is loaded in several', async (t) => {
  const deps = await platform(t)
  const tenantId = randomUUID()
  for (let record = 0; record < 15; record++)
    await append(
      deps.stream,
      Array.from({ length: 1000 }, () => historyEvent({ tenantId })),
    )
  await loadEverything(deps)
  assert.deepEqual(await counts(tenantId), [15_000, 15_000, 15_000, 15_000])
})
