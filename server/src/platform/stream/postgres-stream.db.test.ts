import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { systemClock } from '#platform/clock.ts'
import { createLog } from '#platform/log.ts'
import { testDatabase, type TestDatabase } from '@pigeon/server/test/database.ts'
import { consumeTransactionally } from './consume.ts'
import { createPostgresStream } from './postgres-stream.ts'
import { CONFORMANCE_TOPICS, streamConformance, type TestScope } from './stream.conformance.ts'
import type { Stream } from './stream.ts'

const log = createLog({ level: 'silent', role: 'test' })

async function openStream(scope: TestScope, database: TestDatabase): Promise<Stream> {
  const stream = await createPostgresStream({
    db: database.engine,
    connection: database.connections.engine,
    topics: CONFORMANCE_TOPICS,
    segmentBytes: 0,
    clock: systemClock,
    log,
  })
  scope.after(async () => stream.close())
  return stream
}

streamConformance('postgres', async (scope) => {
  const database = await testDatabase(scope)
  return {
    stream: await openStream(scope, database),
    db: database.engine,
    open: async () => openStream(scope, database),
  }
})

test('a batch that fails is tried again and never skipped, and its effects come once', async (t) => {
  const database = await testDatabase(t)
  const stream = await openStream(t, database)
  const stop = new AbortController()
  await sql`create table effects (n integer)`.execute(database.admin)
  await sql`grant select, insert on effects to pigeon_engine`.execute(database.admin)
  await stream.append(
    'letters',
    [1, 2, 3].map((n) => ({ partition: 0, key: '', payload: n })),
  )
  let calls = 0
  await consumeTransactionally({
    stream,
    db: database.engine,
    topic: 'letters',
    group: 'only',
    maxRecords: 2,
    signal: stop.signal,
    clock: systemClock,
    log,
    handle: async (records, transaction) => {
      calls++
      for (const { payload } of records)
        await sql`insert into effects values (${payload})`.execute(transaction)
      if (calls <= 2) throw new Error('the first two times nothing works')
      if (records.some(({ payload }) => payload === 3)) stop.abort()
    },
  })
  const found = await sql<{ n: number }>`select n from effects order by n`.execute(database.engine)
  assert.deepEqual(found.rows, [{ n: 1 }, { n: 2 }, { n: 3 }])
  assert.equal((await stream.offsets('letters', 'only')).get(0), 3n)
  assert.equal(calls, 4)
})

test('two consumers of a group share the work and every effect comes once', async (t) => {
  const database = await testDatabase(t)
  const streams = [await openStream(t, database), await openStream(t, database)]
  const stop = new AbortController()
  await sql`create table effects (n integer)`.execute(database.admin)
  await sql`grant select, insert on effects to pigeon_engine`.execute(database.admin)
  for (let n = 0; n < 40; n++)
    await streams[0]?.append('numbers', [{ partition: n % 4, key: '', payload: n }])
  let handled = 0
  await Promise.all(
    streams.map(async (stream) =>
      consumeTransactionally({
        stream,
        db: database.engine,
        topic: 'numbers',
        group: 'first',
        maxRecords: 5,
        signal: stop.signal,
        clock: systemClock,
        log,
        handle: async (records, transaction) => {
          for (const { payload } of records)
            await sql`insert into effects values (${payload})`.execute(transaction)
          const done = await sql<{ n: number }>`select count(*) as n from effects`.execute(transaction)
          handled = Math.max(handled, done.rows[0]?.n ?? 0)
          if (handled === 40) stop.abort()
        },
      }),
    ),
  )
  const found = await sql<{
    n: number
    distinct: number
  }>`select count(*) as n, count(distinct n) as distinct from effects`.execute(database.engine)
  assert.deepEqual(found.rows, [{ n: 40, distinct: 40 }])
})

test('a consumer that rests after a small batch takes what came meanwhile in one', async (t) => {
  const database = await testDatabase(t)
  const stream = await openStream(t, database)
  const stop = new AbortController()
  const batches: unknown[][] = []
  await stream.append('letters', [{ partition: 0, key: '', payload: 1 }])
  await consumeTransactionally({
    stream,
    db: database.engine,
    topic: 'letters',
    group: 'only',
    maxRecords: 10,
    restMs: 100,
    signal: stop.signal,
    clock: {
      ...systemClock,
      // Whatever comes while the consumer rests comes before the rest is over.
      sleep: async (ms, signal) => {
        if (ms !== 100) return systemClock.sleep(ms, signal)
        for (const payload of [2, 3, 4]) await stream.append('letters', [{ partition: 0, key: '', payload }])
      },
    },
    log,
    handle: async (records) => {
      batches.push(records.map(({ payload }) => payload))
      if (batches.length === 2) stop.abort()
    },
  })
  assert.deepEqual(batches, [[1], [2, 3, 4]])
})

test('the stream is out of reach of the API role', async (t) => {
  const { api } = await testDatabase(t)
  for (const table of [
    'stream_records',
    'stream_records_0',
    'stream_offsets',
    'stream_partitions',
    'stream_head',
  ]) {
    await assert.rejects(sql`select * from ${sql.table(table)}`.execute(api), /permission denied/)
  }
})

test('a read of 100 records among 10,000 uses the index of each segment', async (t) => {
  const database = await testDatabase(t)
  const stream = await openStream(t, database)
  await stream.append(
    'numbers',
    Array.from({ length: 10_000 }, (_, n) => ({ partition: n % 4, key: '', payload: n })),
  )
  await sql`analyze stream_records`.execute(database.admin)
  const plan = await sql<{ 'QUERY PLAN': string }>`
    explain select * from stream_offsets o cross join lateral (
      select s."offset", s.payload from stream_records s
       where s.topic = 'numbers' and s.partition = o.partition and s."offset" >= o.next_offset order by s."offset" limit 100
    ) r where o.topic = 'numbers' and o.group_name = 'first'`.execute(database.admin)
  const text = plan.rows.map((row) => row['QUERY PLAN']).join('\n')
  assert.match(text, /Index Scan using stream_records_0_topic/)
  assert.doesNotMatch(text, /Seq Scan on stream_records/)
})
