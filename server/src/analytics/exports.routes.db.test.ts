import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { sql } from 'kysely'
import type { Analytics } from '#platform/analytics/open-analytics.ts'
import { systemClock, type Clock } from '#platform/clock.ts'
import { uuidv7 } from '#platform/ids.ts'
import { openFileObjects } from '#platform/objects/file-objects.ts'
import { silentLog } from '@pigeon/server/test/factories.ts'
import { testHistory } from '@pigeon/server/test/history.ts'
import { waitFor } from '@pigeon/server/test/wait-for.ts'
import { analyticsApi, sampleRow } from './analytics-test-api.ts'
import { runExports } from './exports.jobs.ts'

const analytics = await testHistory()
const dataDir = await mkdtemp(join(tmpdir(), 'pigeon-exports-'))
after(() => rm(dataDir, { recursive: true }))
const objects = await openFileObjects({ dataDir })
const { mine, theirs, get, call, database } = await analyticsApi({ analytics, objects })
const campaign = uuidv7()
const DAY = 'from=2026-11-02T00:00:00Z&to=2026-11-03T00:00:00Z'

await analytics.insert('email_events', [
  ...Array.from({ length: 7 }, (_, n) =>
    sampleRow(mine.tenantId, `2026-11-02T10:0${n}:00Z`, { reply: `250 "quoted", line ${n}` }),
  ),
  sampleRow(mine.tenantId, '2026-11-02T12:00:00Z', {
    campaign_id: campaign,
    event_type: 'clicked',
    ip_address: '::ffff:192.0.2.9',
    event_data: { url: 'https://example.com/?a=1', machine_signs: [] },
  }),
  sampleRow(mine.tenantId, '2026-11-03T00:00:00Z'),
  ...Array.from({ length: 3 }, () => sampleRow(theirs.tenantId, '2026-11-02T10:00:00Z')),
])

/** Works until `isDone`, with another clock or history if that is what a test is about. */
async function work(
  isDone: () => Promise<boolean>,
  other: { clock?: Clock; analytics?: Analytics } = {},
): Promise<void> {
  const stop = new AbortController()
  const base = {
    db: database.api,
    analytics,
    objects,
    clock: systemClock,
    log: silentLog,
    workerName: 'test',
  }
  const running = runExports({ ...base, ...other, signal: stop.signal })
  try {
    await waitFor('the exports to be made', isDone)
  } finally {
    stop.abort()
    await running
  }
}

async function finished(query: string, token = mine.token) {
  await get(`/v1/analytics/export?${query}`, token)
  await work(async () => (await get(`/v1/analytics/export?${query}`, token)).status === 200)
  const { body } = await get(`/v1/analytics/export?${query}`, token)
  return { body, file: await get(body.download, token) }
}

test('a question becomes a file: the answer is 202 until it is there, and asked again it is the same', async () => {
  const first = await get(`/v1/analytics/export?${DAY}`)
  assert.deepEqual([first.status, first.body.state, first.body.download], [202, 'queued', null])
  assert.equal((await get(`/v1/analytics/export?${DAY}`)).body.id, first.body.id)
  assert.equal((await get(`/v1/exports/${first.body.id}/download`)).status, 409)
  const { body, file } = await finished(DAY)
  assert.deepEqual(
    [body.id, body.progress, body.rows_total, body.rows_done, body.size_bytes],
    [first.body.id, 1, 8, 8, Buffer.byteLength(file.text)],
  )
  assert.equal(file.headers['content-type'], 'text/csv; charset=utf-8')
  const lines = file.text.trim().split('\n')
  assert.equal(lines.length, 9)
  assert.match(lines[0] ?? '', /^"id","message_id","campaign_id"/)
  assert.ok(file.text.includes('"250 ""quoted"", line 3"'))
  assert.ok((await get('/v1/exports')).body.data.some(({ id }: { id: string }) => id === body.id))
})

test('JSON lines of one campaign and type hold what the event holds', async () => {
  const { file } = await finished(
    `${DAY}&format=jsonl&campaign_id=${campaign}&event_types=clicked&event_types=opened`,
  )
  assert.equal(file.headers['content-type'], 'application/x-ndjson')
  const event: Record<string, unknown> = JSON.parse(file.text)
  assert.deepEqual(
    [event['event_type'], event['ip_address'], event['timestamp'], event['campaign_id']],
    ['clicked', '192.0.2.9', '2026-11-02T12:00:00.000Z', campaign],
  )
  assert.deepEqual(JSON.parse(String(event['event_data'])), {
    machine_signs: [],
    url: 'https://example.com/?a=1',
  })
})

test('Parquet is Parquet, and nothing at all is a file as well', async () => {
  const { body, file } = await finished(`${DAY}&format=parquet`)
  assert.equal(body.rows_total, 8)
  assert.ok(file.text.startsWith('PAR1') && file.text.endsWith('PAR1'))
  const empty = await finished('from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z&format=jsonl')
  assert.deepEqual([empty.body.rows_total, empty.file.text], [0, ''])
})

test('a tenant gets its own events and sees no exports of another', async () => {
  const { body } = await finished(DAY, theirs.token)
  assert.equal(body.rows_total, 3)
  for (const path of [`/v1/exports/${body.id}`, `/v1/exports/${body.id}/download`])
    assert.deepEqual([(await get(path)).status, (await get(path)).body.code], [404, 'exports.not_found'])
  const { body: list } = await get('/v1/exports', theirs.token)
  assert.deepEqual(
    list.data.map(({ id }: { id: string }) => id),
    [body.id],
  )
})

test('an export that cannot be made is tried again, and then says so', async () => {
  const query = `${DAY}&event_types=failed`
  const { body } = await get(`/v1/analytics/export?${query}`)
  const broken: Analytics = { ...analytics, download: async () => Promise.reject(new Error('broken')) }
  await work(async () => (await get(`/v1/exports/${body.id}`)).body.state === 'failed', { analytics: broken })
  assert.match((await get(`/v1/exports/${body.id}`)).body.error, /Ask for it again/)
  const again = await get(`/v1/analytics/export?${query}`)
  assert.deepEqual([again.status, again.body.id], [200, body.id], 'whoever polls begins no other one')
})

test('a file is removed when its time is over', async () => {
  const { body } = await finished(`${DAY}&event_types=bounced`)
  await sql`update exports set expires_at = now() - interval '1 second' where id = ${body.id}`.execute(
    database.admin,
  )
  await work(async () => (await get(`/v1/exports/${body.id}`)).status === 404)
  assert.equal(await objects.stat(`${mine.tenantId}/exports/${body.id}`), undefined)
})

test('ten unfinished exports are enough', async () => {
  for (let day = 10; day < 22; day++)
    await get(`/v1/analytics/export?from=2026-09-${day}T00:00:00Z&to=2026-10-01T00:00:00Z`)
  const refused = await get('/v1/analytics/export?from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z')
  assert.deepEqual([refused.status, refused.body.code], [429, 'exports.too_many'])
  assert.equal((await call('GET', `/v1/analytics/export?${DAY}`)).statusCode, 401)
})
