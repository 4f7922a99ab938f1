import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import { Type } from 'typebox'
import { migrateAnalytics } from './migrate-analytics.ts'
import type { Analytics, DownloadOptions } from './open-analytics.ts'

export const KEEP = { eventDays: 90, attemptDays: 30, rollupMonths: 25 }

const DOWNLOAD = { timeoutMs: 60_000, signal: new AbortController().signal }

/** A row of `email_events` of one tenant. */
export function eventRow(tenantId: string, at: number): object {
  return {
    tenant_id: tenantId,
    campaign_id: tenantId,
    contact_id: randomUUID(),
    message_id: randomUUID(),
    event_type: at % 10 === 0 ? 'bounced' : 'delivered',
    provider: at % 2 === 0 ? 'google' : 'yahoo',
    source: '192.0.2.1',
    domain: 'example.com',
    attempt: 1,
    code: at % 10 === 0 ? 550 : 250,
    enhanced: '2.0.0',
    class: '',
    reply: `250 2.0.0 OK ${at}`,
    ip_address: '::ffff:192.0.2.7',
    timestamp: new Date(Date.UTC(2026, 10, 22, 12, 0, at % 3600)).toISOString(),
  }
}

/** How many events of a tenant each table counts: raw, and both rollups. */
export async function countsOf(analytics: Analytics, tenant: string): Promise<number[]> {
  const tables = [
    'select count() as n from email_events where tenant_id = {tenant:UUID}',
    'select sum(delivered_count + bounced_count) as n from campaign_metrics where tenant_id = {tenant:UUID}',
    "select sum(delivered_count + bounced_count) as n from deliverability_metrics where tenant_id = {tenant:UUID} and dimension = 'domain'",
  ]
  const rows = await Promise.all(tables.map((sql) => analytics.query<{ n: number }>(sql, { tenant })))
  return rows.map(([row]) => row?.n ?? 0)
}

/** What every driver of `Analytics` promises; `analytics` is migrated. */
export function analyticsConformance(name: string, analytics: Analytics): void {
  test(`${name}: migrations are applied once, and may run again and at the same time`, async () => {
    const again = await Promise.all([1, 2].map(() => migrateAnalytics({ analytics }, KEEP)))
    assert.deepEqual(again, [[], []])
  })

  test(`${name}: how long events are kept follows the setting`, async () => {
    await migrateAnalytics({ analytics }, { eventDays: 7, attemptDays: 30, rollupMonths: 13 })
    const sql =
      'select engine_full as e from system.tables where name = {t:String} and database = currentDatabase()'
    const [row] = await analytics.query<{ e: string }>(sql, { t: 'email_events' })
    assert.match(row?.e ?? '', /toIntervalDay\(7\)/)
    const [rollup] = await analytics.query<{ e: string }>(sql, { t: 'campaign_metrics' })
    assert.match(rollup?.e ?? '', /toIntervalMonth\(13\)/)
    await migrateAnalytics({ analytics }, KEEP)
  })

  test(`${name}: numbers, times, addresses and nulls come back as they should`, async () => {
    const sql = `select toUInt64(9007199254740991) as big, toDateTime64('2026-11-22 01:02:03.456', 3, 'UTC') as at,
                        toIPv6('192.0.2.1') as ip, null as nothing, ['a', 'b'] as list, true as yes`
    assert.deepEqual(await analytics.query(sql), [
      {
        big: 9007199254740991,
        at: '2026-11-22T01:02:03.456Z',
        ip: '::ffff:192.0.2.1',
        nothing: null,
        list: ['a', 'b'],
        yes: true,
      },
    ])
  })

  test(`${name}: parameters are bound, never spliced`, async () => {
    const hostile = [
      "'",
      "' or 1=1 --",
      '\\',
      "\\'",
      '"; drop table email_events',
      'a\tb\nc\r',
      '{x:String}',
      '\\N',
      '\\t',
      '😀 ünï',
      "')) union all select 1 --",
    ]
    for (const text of hostile) {
      const [row] = await analytics.query<{ x: string; n: number }>(
        'select {x:String} as x, length({x:String}) as n',
        { x: text },
      )
      assert.deepEqual(row, { x: text, n: Buffer.byteLength(text) })
      const found = await analytics.query(
        'select 1 as one from system.one where {x:String} in ({list:Array(String)})',
        { x: text, list: [text, 'b'] },
      )
      assert.deepEqual(found, [{ one: 1 }])
    }
    assert.equal((await countsOf(analytics, randomUUID())).length, 3)
  })

  test(`${name}: parameters have types`, async () => {
    const sql =
      'select {n:UInt32} + 1 as n, {u:UUID} as u, {t:DateTime64(3)} as t, {b:Bool} as b, {z:Nullable(String)} as z limit {n:UInt32}'
    const u = randomUUID()
    const [row] = await analytics.query<{ n: number; u: string; b: boolean; z: null }>(sql, {
      n: 41,
      u,
      t: '2026-11-22 01:02:03.456',
      b: true,
      z: null,
    })
    assert.deepEqual([row?.n, row?.u, row?.b, row?.z], [42, u, true, null])
    await assert.rejects(analytics.query('select {u:UUID} as u', { u: "' or 1" }))
    await assert.rejects(analytics.query('select {missing:String} as x'), { name: /Error/ })
  })

  test(`${name}: the same batch under the same token counts once, in rollups too`, async () => {
    const tenant = randomUUID()
    const rows = Array.from({ length: 500 }, (_, at) => eventRow(tenant, at))
    for (const token of ['events/0/0-500', 'events/0/0-500'])
      await analytics.insert('email_events', rows, { token: `${tenant}/${token}` })
    assert.deepEqual(await countsOf(analytics, tenant), [500, 500, 500])
    await analytics.insert('email_events', rows, { token: `${tenant}/events/0/500-1000` })
    assert.deepEqual(await countsOf(analytics, tenant), [1000, 1000, 1000])
  })

  test(`${name}: a batch over two months counts once as well`, async () => {
    const tenant = randomUUID()
    const rows = Array.from({ length: 100 }, (_, at) => ({
      ...eventRow(tenant, at),
      timestamp: at < 50 ? '2026-10-31T23:59:59.999Z' : '2026-11-01T00:00:00Z',
    }))
    for (let times = 0; times < 3; times++) await analytics.insert('email_events', rows, { token: tenant })
    assert.deepEqual(await countsOf(analytics, tenant), [100, 100, 100])
  })

  test(`${name}: equal rows without a token all count`, async () => {
    const tenant = randomUUID()
    const row = Buffer.from(`${JSON.stringify(eventRow(tenant, 1))}\n`)
    for (const token of ['a', 'b']) await analytics.insert('email_events', row, { token: tenant + token })
    assert.equal((await countsOf(analytics, tenant))[0], 2)
  })

  test(`${name}: 10,000 events in one batch, and a message's own events among them`, async (t) => {
    const tenant = randomUUID()
    const message = randomUUID()
    const rows = Array.from({ length: 10_000 }, (_, at) => ({
      ...eventRow(tenant, at),
      ...(at === 5_000 ? { message_id: message } : {}),
    }))
    const bytes = Buffer.from(rows.map((row) => JSON.stringify(row)).join('\n'))
    const startedAt = performance.now()
    await analytics.insert('email_events', bytes, { token: tenant })
    t.diagnostic(`${Math.round(10_000 / ((performance.now() - startedAt) / 1000))} rows/s`)
    assert.deepEqual(await countsOf(analytics, tenant), [10_000, 10_000, 10_000])
    const sql =
      'select event_type from email_events where tenant_id = {tenant:UUID} and message_id = {message:UUID}'
    assert.deepEqual(await analytics.query(sql, { tenant, message }), [{ event_type: 'bounced' }])
    const [plan] = await analytics.query<{ plan: string }>(
      `select arrayStringConcat(groupArray(explain), '\n') as plan from (explain indexes = 1 ${sql})`,
      { tenant, message },
    )
    assert.match(plan?.plan ?? '', /by_message/)
  })

  test(`${name}: an attempt keeps its transcript, and is found by its message`, async () => {
    const [tenant, message] = [randomUUID(), randomUUID()]
    const transcript = 'S: 220 mx\r\nC: EHLO a\t"\\\u0000 é\r\n'.repeat(50)
    const row = {
      tenant_id: tenant,
      message_id: message,
      attempt: 2,
      started_at: new Date().toISOString(),
      ended_at: new Date().toISOString(),
      mx_ip: '::1',
      tls: true,
      transcript,
    }
    await analytics.insert('attempts', [row], { token: message })
    const found = await analytics.query(
      'select attempt, tls, transcript from attempts where tenant_id = {tenant:UUID} and message_id = {message:UUID}',
      { tenant, message },
    )
    assert.deepEqual(found, [{ attempt: 2, tls: true, transcript }])
  })

  test(`${name}: a reply with broken text stops no batch`, async () => {
    const tenant = randomUUID()
    const replies = ['\ud800', 'a\udc00b', '\u0000\u001f\u2028', '250 "\\\r\n']
    const rows = replies.map((reply, at) => ({ ...eventRow(tenant, at), reply }))
    await analytics.insert('email_events', rows, { token: tenant })
    assert.deepEqual(await countsOf(analytics, tenant), [4, 4, 4])
  })

  test(`${name}: a batch with one bad row stores none, and says so`, async () => {
    const tenant = randomUUID()
    const good = Array.from({ length: 10 }, (_, at) => eventRow(tenant, at))
    for (const bad of [
      { ...eventRow(tenant, 1), event_type: 'exploded' },
      { ...eventRow(tenant, 1), timestamp: 'yesterday' },
      { ...eventRow(tenant, 1), unknown_column: 1 },
    ]) {
      await assert.rejects(analytics.insert('email_events', [...good, bad], { token: randomUUID() }))
    }
    await assert.rejects(
      analytics.insert('email_events', Buffer.from('{"tenant_id"'), { token: randomUUID() }),
    )
    assert.deepEqual(await countsOf(analytics, tenant), [0, 0, 0])
  })

  test(`${name}: rows come as a file of each format, whole, and parameters are bound`, async () => {
    const tenant = randomUUID()
    const rows = Array.from({ length: 500 }, (_, at) => eventRow(tenant, at))
    await analytics.insert('email_events', rows, { token: tenant })
    const sql =
      'select code, reply from email_events where tenant_id = {tenant:UUID} order by code desc, reply'
    const fetch = async (format: DownloadOptions['format'], of = tenant): Promise<Buffer> =>
      buffer(await analytics.download(sql, { tenant: of }, { ...DOWNLOAD, format }))
    const [csv, lines, parquet] = [
      await fetch('CSVWithNames'),
      await fetch('JSONEachRow'),
      await fetch('Parquet'),
    ]
    assert.deepEqual(csv.toString().split('\n').slice(0, 2), ['"code","reply"', '550,"250 2.0.0 OK 0"'])
    assert.equal(csv.toString().trim().split('\n').length, 501)
    assert.equal(lines.toString().split('\n')[0], '{"code":550,"reply":"250 2.0.0 OK 0"}')
    assert.equal(lines.toString().trim().split('\n').length, 500)
    assert.deepEqual([parquet.subarray(0, 4).toString(), parquet.subarray(-4).toString()], ['PAR1', 'PAR1'])
    assert.equal((await fetch('JSONEachRow', randomUUID())).length, 0)
  })

  test(`${name}: a file that cannot be made rejects, and is no half of one`, async () => {
    const failing = 'select throwIf(number = 100000) as n from numbers(200000)'
    await assert.rejects(analytics.download(failing, {}, { ...DOWNLOAD, format: 'CSVWithNames' }), {
      code: '395',
    })
    await analytics.ping()
  })

  test(`${name}: an empty batch is nothing`, async () => {
    await analytics.insert('email_events', [], { token: 'empty' })
    await analytics.insert('email_events', Buffer.alloc(0))
  })

  test(`${name}: a table's name is a name`, async () => {
    await assert.rejects(analytics.insert('email_events; drop table x', [{ a: 1 }]), TypeError)
  })

  test(`${name}: a mistake in a statement stays an error of ClickHouse, with its number`, async () => {
    await assert.rejects(analytics.query('select from where'), { code: '62' })
    await assert.rejects(analytics.query('select nothing_of_the_kind'), { code: '47' })
    await assert.rejects(analytics.query('select 1 from no_such_table'), { code: '60' })
    await assert.rejects(analytics.command('drop table no_such_table'), { code: '60' })
    await assert.rejects(analytics.query("select throwIf(1, 'ünï')"), { code: '395' })
  })

  test(`${name}: a row that is not as declared throws`, async () => {
    const row = Type.Object({ n: Type.Integer() })
    assert.deepEqual(await analytics.query('select 1 as n', {}, { row }), [{ n: 1 }])
    await assert.rejects(analytics.query("select 'x' as n", {}, { row }), TypeError)
  })

  test(`${name}: a heavy question is ended in time, and holds up nobody meanwhile`, async () => {
    const heavy = analytics.query(
      'select count() as n from numbers(1000000000000) where sipHash64(number, {x:String}) % 7 = 3',
      { x: 'a' },
      { timeoutMs: 2000 },
    )
    const ended = assert.rejects(heavy, { kind: 'unavailable', code: 'analytics.too_slow' })
    const startedAt = performance.now()
    for (let times = 0; times < 3; times++)
      assert.deepEqual(await analytics.query('select {x:String} as x', { x: 'small' }), [{ x: 'small' }])
    assert.ok(performance.now() - startedAt < 1500, 'small questions waited')
    await ended
  })

  test(`${name}: a question that needs too much memory is refused, and the next is answered`, async () => {
    const sql = 'select length(groupArray(toString(number))) as n from numbers(200000000)'
    await assert.rejects(analytics.query(sql), {
      kind: 'unavailable',
      code: /analytics\.(too_large|too_slow)/,
    })
    await analytics.ping()
    assert.deepEqual(await analytics.query('select 1 as n'), [{ n: 1 }])
  })

  test(`${name}: forty questions at once are all answered`, async () => {
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, n) => analytics.query<{ n: number }>('select {n:UInt32} as n', { n })),
    )
    assert.deepEqual(
      answers.map(([row]) => row?.n),
      Array.from({ length: 40 }, (_, n) => n),
    )
  })
}
