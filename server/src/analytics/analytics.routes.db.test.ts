import assert from 'node:assert/strict'
import { test } from 'node:test'
import { uuidv7 } from '#platform/ids.ts'
import { testHistory } from '@pigeon/server/test/history.ts'
import { analyticsApi, noObjects, sampleRow, type Answer } from './analytics-test-api.ts'

const analytics = await testHistory()
const { mine, theirs, get, call } = await analyticsApi({ analytics, objects: noObjects })
const [spring, autumn] = [uuidv7(), uuidv7()]
const NOVEMBER = 'from=2026-11-01T00:00:00Z&to=2026-11-11T00:00:00Z'
const IPHONE = { client: 'Apple Mail', os: 'iOS', device: 'mobile' }

const opening = uuidv7()
const rows = (tenantId: string, times: number): object[] =>
  Array.from({ length: times }, () => [
    ...Array.from({ length: 10 }, (_, n) =>
      sampleRow(tenantId, `2026-11-02T10:0${n}:00Z`, { campaign_id: spring, waited_ms: 1_000 * (n + 1) }),
    ),
    sampleRow(tenantId, '2026-11-02T10:20:00Z', {
      campaign_id: spring,
      event_type: 'bounced',
      class: 'unknown_user',
      provider: 'yahoo',
      domain: 'yahoo.example',
      source: '192.0.2.2',
      waited_ms: 0,
    }),
    sampleRow(tenantId, '2026-11-03T23:45:00Z', {
      campaign_id: autumn,
      event_type: 'bounced',
      class: 'mailbox_full',
      via: 'smtp',
      waited_ms: 0,
    }),
    sampleRow(tenantId, '2026-11-03T23:50:00Z', {
      campaign_id: autumn,
      event_type: 'complained',
      waited_ms: 0,
    }),
    ...['2026-11-02T19:00:00Z', '2026-11-02T19:01:00Z'].map((at) =>
      sampleRow(tenantId, at, {
        campaign_id: spring,
        event_type: 'opened',
        message_id: opening,
        country: 'DE',
        ...IPHONE,
      }),
    ),
    sampleRow(tenantId, '2026-11-02T19:02:00Z', {
      campaign_id: spring,
      event_type: 'opened',
      is_machine: true,
      client: 'Gmail',
      device: 'proxy',
    }),
    sampleRow(tenantId, '2026-11-02T19:03:00Z', {
      campaign_id: spring,
      event_type: 'clicked',
      message_id: opening,
      country: 'FR',
      ...IPHONE,
    }),
    // The time before, to compare with.
    sampleRow(tenantId, '2026-10-25T10:00:00Z'),
  ]).flat()
await analytics.insert('email_events', rows(mine.tenantId, 1))
await analytics.insert('email_events', rows(theirs.tenantId, 3))

test('the overview counts, compares with the time before, and has every day', async () => {
  const { status, body } = await get(`/v1/analytics/overview?${NOVEMBER}&interval=day`)
  assert.equal(status, 200, JSON.stringify(body))
  const { delivered, bounced, late_bounced, opened, machine_opened, clicked, complained } = body.totals.counts
  assert.deepEqual(
    [delivered, bounced, late_bounced, opened, machine_opened, clicked, complained],
    [10, 2, 1, 2, 1, 1, 1],
  )
  assert.deepEqual([body.totals.opened_messages, body.totals.clicked_messages], [1, 1])
  assert.equal(body.totals.rates.open, 0.1)
  assert.equal(body.previous?.counts.delivered, 1)
  assert.equal(body.series.length, 10)
  assert.deepEqual(
    body.series.slice(0, 3).map((point: { counts: { delivered: number } }) => point.counts.delivered),
    [0, 10, 0],
  )
  const alone = await get(`/v1/analytics/overview?${NOVEMBER}&compare=false&campaign_id=${autumn}`)
  assert.deepEqual([alone.body.previous, alone.body.totals.counts.delivered], [null, 0])
  assert.equal(alone.body.totals.counts.bounced, 1)
})

test('days begin where the time zone says, also half an hour off', async () => {
  const days = async (zone: string): Promise<string[]> => {
    const { body } = await get(`/v1/analytics/overview?${NOVEMBER}&interval=day&time_zone=${zone}`)
    return body.series.filter((point) => point.counts.complained > 0).map((point) => point.at)
  }
  assert.deepEqual(await days('UTC'), ['2026-11-03T00:00:00.000Z'])
  assert.deepEqual(await days('Asia/Kolkata'), ['2026-11-03T18:30:00.000Z'])
  assert.deepEqual(await days('Asia/Kathmandu'), ['2026-11-03T18:15:00.000Z'])
  assert.deepEqual(await days('Europe/Berlin'), ['2026-11-03T23:00:00.000Z'])
})

test('each interval answers', async () => {
  for (const [interval, points] of [
    ['hour', 240],
    ['week', 3],
    ['month', 1],
  ] as const) {
    const { body } = await get(`/v1/analytics/overview?${NOVEMBER}&interval=${interval}`)
    assert.equal(body.series.length, points, interval)
    assert.equal(
      body.series.reduce((sum, point) => sum + point.counts.delivered, 0),
      10,
      interval,
    )
  }
})

test('campaigns come newest first, a page at a time', async () => {
  const first = await get(`/v1/analytics/campaigns?${NOVEMBER}&limit=1`)
  assert.equal(first.status, 200, first.text)
  assert.deepEqual(
    [first.body.data.length, first.body.data[0]?.id, first.body.data[0]?.name, first.body.has_more],
    [1, autumn, null, true],
  )
  const second = await get(`/v1/analytics/campaigns?${NOVEMBER}&limit=1&cursor=${first.body.next_cursor}`)
  assert.equal(second.body.data[0]?.id, spring)
  assert.equal(second.body.data[0]?.counts.delivered, 10)
  assert.equal(second.body.data[0]?.first_event_at, '2026-11-02T10:00:00.000Z')
  assert.equal(second.body.has_more, false)
})

test('deliverability tells bounces by class and how long deliveries took', async () => {
  const { status, body } = await get(`/v1/analytics/deliverability?${NOVEMBER}`)
  assert.equal(status, 200, JSON.stringify(body))
  const [google, yahoo] = body.data
  assert.ok(google?.time_to_deliver_ms && yahoo)
  assert.deepEqual([google.name, google.counts.delivered, google.counts.complained], ['google', 10, 1])
  assert.deepEqual(yahoo.bounce_classes, [{ class: 'unknown_user', count: 1 }])
  const { p50, p99 } = google.time_to_deliver_ms
  assert.ok(Math.abs(p50 - 5_000) < 300 && Math.abs(p99 - 10_000) < 600, `${p50} ${p99}`)
  assert.equal(yahoo.time_to_deliver_ms, null)
  assert.equal(body.totals.counts.bounced, 2)
  assert.equal(body.previous?.counts.delivered, 1)
  for (const [group, names] of [
    ['source', ['192.0.2.1', '192.0.2.2']],
    ['domain', ['gmail.example', 'yahoo.example']],
    ['day', ['2026-11-02T00:00:00.000Z', '2026-11-03T00:00:00.000Z']],
  ] as const) {
    const by = await get(`/v1/analytics/deliverability?${NOVEMBER}&group_by=${group}`)
    assert.deepEqual(
      by.body.data.map((row) => row.name),
      names,
      group,
    )
  }
})

test('geography tells countries, programs and devices, and what is not known', async () => {
  const by = async (group: string): Promise<unknown> => {
    const { body } = await get(`/v1/analytics/geographic?${NOVEMBER}&group_by=${group}`)
    return body.data.map(({ name, counts }) => [name, counts.opened, counts.clicked, counts.machine_opened])
  }
  assert.deepEqual(await by('country'), [
    ['DE', 2, 0, 0],
    ['FR', 0, 1, 0],
    [null, 0, 0, 1],
  ])
  assert.deepEqual(await by('client'), [
    ['Apple Mail', 2, 1, 0],
    ['Gmail', 0, 0, 1],
  ])
  assert.deepEqual(await by('device'), [
    ['mobile', 2, 1, 0],
    ['proxy', 0, 0, 1],
  ])
})

test('engagement has every hour of the week, in the zone asked for', async () => {
  const { status, body } = await get(`/v1/analytics/engagement?${NOVEMBER}&time_zone=Europe/Berlin`)
  assert.equal(status, 200)
  assert.equal(body.data.length, 168)
  assert.deepEqual(
    body.data
      .filter((cell) => cell.handed + cell.opened > 0)
      .map((cell) => [cell.weekday, cell.hour, cell.handed, cell.opened]),
    [
      [1, 11, 10, 0],
      [1, 20, 0, 2],
    ],
  )
})

test('each tenant sees its own events alone, at every endpoint', async () => {
  const questions: [string, (body: Answer) => number | undefined][] = [
    [`overview?${NOVEMBER}`, (body) => body.totals.counts.delivered],
    [`campaigns?${NOVEMBER}`, (body) => body.data[1]?.counts.delivered],
    [`deliverability?${NOVEMBER}`, (body) => body.totals.counts.delivered],
    [`deliverability?${NOVEMBER}&group_by=domain`, (body) => body.data[0]?.counts.delivered],
    [`geographic?${NOVEMBER}`, (body) => (body.data[0]?.counts.opened ?? 0) * 5],
    [`engagement?${NOVEMBER}`, (body) => Math.max(...body.data.map((cell) => cell.handed))],
  ]
  const counted = async (path: string, pick: (body: Answer) => number | undefined) =>
    Promise.all([mine, theirs].map(async ({ token }) => pick((await get(path, token)).body)))
  for (const [path, pick] of questions)
    assert.deepEqual(await counted(`/v1/analytics/${path}`, pick), [10, 30], path)
})

test('a question that makes no sense is refused with its field, and nobody unknown is answered', async () => {
  for (const path of ['overview', 'campaigns', 'deliverability', 'geographic', 'engagement']) {
    const refused = await get(`/v1/analytics/${path}?from=2026-11-02T00:00:00Z&to=2026-11-01T00:00:00Z`)
    assert.deepEqual(
      [refused.status, refused.body.code, refused.body.errors[0]?.field],
      [422, 'analytics.bad_time', 'from'],
    )
    assert.equal((await call('GET', `/v1/analytics/${path}`)).statusCode, 401)
  }
})
