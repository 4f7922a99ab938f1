import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { Database } from '#platform/postgres/database.ts'
import { OffsetMoved, type NewRecord, type Stream, type StreamRecord } from './stream.ts'

export interface StreamUnderTest {
  readonly stream: Stream
  /** The database whose transactions an append may belong to. */
  readonly db: Database
  /** Another consumer or producer on the same data, as in another process. */
  readonly open: () => Promise<Stream>
}

export interface TestScope {
  after(cleanUp: () => Promise<void>): void
}

/** What the suite expects to exist. `trim` must drop in the smallest steps that the driver can. */
export const CONFORMANCE_TOPICS = {
  numbers: { partitions: 4, groups: ['first', 'second'] },
  letters: { partitions: 1, groups: ['only'] },
} as const

const FOREVER = new AbortController().signal

function record(partition: number, payload: unknown, key = 'key'): NewRecord {
  return { partition, key, payload }
}

function payloads(records: readonly StreamRecord[]): unknown[] {
  return records.map(({ payload }) => payload)
}

async function commitAll(stream: Stream, topic: string, group: string): Promise<StreamRecord[]> {
  const standing = await stream.offsets(topic, group)
  const records = await stream.read(topic, group, { maxRecords: 1_000 })
  const ends = new Map<number, bigint>()
  for (const { partition, offset } of records) ends.set(partition, offset + 1n)
  const moves = [...ends].map(([partition, to]) => ({ partition, from: standing.get(partition) ?? 0n, to }))
  await stream.commit(topic, group, moves)
  return records
}

/** The promises of `Stream`, for every driver. */
export function streamConformance(
  name: string,
  makeStream: (scope: TestScope) => Promise<StreamUnderTest>,
): void {
  test(`${name}: a partition ends where its next record will be, whoever has read what`, async (t) => {
    const { stream } = await makeStream(t)
    await stream.append('numbers', [record(0, 1), record(2, 2), record(0, 3)])
    const wanted = new Map([
      [0, 2n],
      [1, 0n],
      [2, 1n],
      [3, 0n],
    ])
    assert.deepEqual(await stream.ends('numbers'), wanted)
    await commitAll(stream, 'numbers', 'first')
    assert.deepEqual(await stream.ends('numbers'), wanted)
  })

  test(`${name}: records come in the order of their partition, as they were written`, async (t) => {
    const { stream } = await makeStream(t)
    await stream.append('numbers', [
      record(0, { n: 1, text: 'Zürich 🐦' }, 'a'),
      record(1, [2]),
      record(0, 3, 'b'),
    ])
    await stream.append('numbers', [record(0, null)])
    const found = await stream.read('numbers', 'first', { maxRecords: 10 })
    assert.deepEqual(
      found.map(({ partition, offset, key, payload }) => [partition, offset, key, payload]),
      [
        [0, 0n, 'a', { n: 1, text: 'Zürich 🐦' }],
        [0, 1n, 'b', 3],
        [0, 2n, 'key', null],
        [1, 0n, 'key', [2]],
      ],
    )
  })

  test(`${name}: an append of nothing and a read of nothing are fine`, async (t) => {
    const { stream } = await makeStream(t)
    await stream.append('numbers', [])
    assert.deepEqual(await stream.read('numbers', 'first', { maxRecords: 10 }), [])
  })

  test(`${name}: a partition that does not exist is an error and nothing is appended`, async (t) => {
    const { stream } = await makeStream(t)
    await assert.rejects(stream.append('numbers', [record(0, 1), record(99, 2)]), /no partition 99/)
    assert.deepEqual(await stream.read('numbers', 'first', { maxRecords: 10 }), [])
  })

  test(`${name}: a read takes only the partitions and from the offsets that were asked for`, async (t) => {
    const { stream } = await makeStream(t)
    await stream.append(
      'numbers',
      [0, 1, 2, 3].flatMap((partition) => [
        record(partition, `${partition}a`),
        record(partition, `${partition}b`),
      ]),
    )
    const found = await stream.read('numbers', 'first', {
      maxRecords: 10,
      partitions: [1, 2],
      from: new Map([[1, 1n]]),
    })
    assert.deepEqual(payloads(found), ['1b', '2a', '2b'])
  })

  test(`${name}: a full partition does not keep the others waiting`, async (t) => {
    const { stream } = await makeStream(t)
    await stream.append(
      'numbers',
      Array.from({ length: 50 }, (_, n) => record(0, n)),
    )
    await stream.append('numbers', [record(3, 'small')])
    const found = await stream.read('numbers', 'first', { maxRecords: 4 })
    assert.deepEqual(payloads(found), [0, 1, 2, 'small'])
  })

  test(`${name}: what was not committed comes again, what was does not`, async (t) => {
    const { stream } = await makeStream(t)
    await stream.append('numbers', [record(0, 'a'), record(0, 'b')])
    assert.deepEqual(payloads(await stream.read('numbers', 'first', { maxRecords: 10 })), ['a', 'b'])
    assert.deepEqual(payloads(await stream.read('numbers', 'first', { maxRecords: 10 })), ['a', 'b'])
    await stream.commit('numbers', 'first', [{ partition: 0, from: 0n, to: 1n }])
    assert.deepEqual(payloads(await stream.read('numbers', 'first', { maxRecords: 10 })), ['b'])
  })

  test(`${name}: each group has its own place`, async (t) => {
    const { stream } = await makeStream(t)
    await stream.append('numbers', [record(2, 'a')])
    await commitAll(stream, 'numbers', 'first')
    assert.deepEqual(payloads(await stream.read('numbers', 'first', { maxRecords: 10 })), [])
    assert.deepEqual(payloads(await stream.read('numbers', 'second', { maxRecords: 10 })), ['a'])
    assert.equal((await stream.offsets('numbers', 'first')).get(2), 1n)
    assert.equal((await stream.offsets('numbers', 'second')).get(2), 0n)
  })

  test(`${name}: of two consumers that read the same records one commits, and the other's work is undone`, async (t) => {
    const { stream, db, open } = await makeStream(t)
    const other = await open()
    await stream.append('numbers', [record(0, 'a'), record(1, 'b')])
    const moves = [0, 1].map((partition) => ({ partition, from: 0n, to: 1n }))
    await stream.commit('numbers', 'first', moves.slice(1))
    const late = db.transaction().execute(async (transaction) => {
      await other.append('letters', [record(0, 'effect')], transaction)
      await other.commit('numbers', 'first', moves, transaction)
    })
    await assert.rejects(late, OffsetMoved)
    await assert.rejects(other.commit('numbers', 'first', moves), OffsetMoved)
    assert.equal((await stream.offsets('numbers', 'first')).get(0), 0n)
    assert.deepEqual(await stream.read('letters', 'only', { maxRecords: 10 }), [])
  })

  test(`${name}: an append in a transaction exists only if that commits`, async (t) => {
    const { stream, db } = await makeStream(t)
    const rolledBack = db.transaction().execute(async (transaction) => {
      await stream.append('numbers', [record(0, 'never')], transaction)
      throw new Error('changed my mind')
    })
    await assert.rejects(rolledBack, /changed my mind/)
    await db.transaction().execute(async (transaction) => {
      await stream.append('numbers', [record(0, 'kept')], transaction)
      assert.deepEqual(await stream.read('numbers', 'first', { maxRecords: 10 }), [])
    })
    assert.deepEqual(payloads(await stream.read('numbers', 'first', { maxRecords: 10 })), ['kept'])
  })

  test(`${name}: a reader that always goes on loses nothing of slow appenders that overlap`, async (t) => {
    const { stream, db } = await makeStream(t)
    const appenders = 4
    const each = 15
    let done = 0
    const append = async (appender: number): Promise<void> => {
      for (let n = 0; n < each; n++) {
        await db.transaction().execute(async (transaction) => {
          // All partitions, in an order that differs: appenders must not wait for each other in a circle.
          const partitions = [appender, (appender + 3) % 4, (appender + 1) % 4]
          await stream.append(
            'numbers',
            partitions.map((partition) => record(partition, `${appender}/${n}/${partition}`)),
            transaction,
          )
          await delay((appender * 7 + n * 3) % 11)
        })
      }
      done++
    }
    const seen: unknown[] = []
    const read = async (): Promise<void> => {
      for (let last = false; ;) {
        const records = await commitAll(stream, 'numbers', 'first')
        seen.push(...payloads(records))
        if (records.length === 0 && last) return
        last = done === appenders
      }
    }
    await Promise.all([read(), ...Array.from({ length: appenders }, async (_, appender) => append(appender))])
    assert.equal(seen.length, appenders * each * 3)
    assert.equal(new Set(seen).size, seen.length)
  })

  test(`${name}: a wait ends soon after an append by somebody else`, async (t) => {
    const { stream, open } = await makeStream(t)
    const other = await open()
    await stream.append('numbers', [record(0, 'warm')])
    await commitAll(stream, 'numbers', 'first')
    assert.deepEqual(await stream.read('numbers', 'first', { maxRecords: 1 }), [])
    const startedAt = performance.now()
    const waiting = (async () => {
      while ((await stream.read('numbers', 'first', { maxRecords: 1 })).length === 0)
        await stream.wait('numbers', 20_000, FOREVER)
    })()
    await other.append('numbers', [record(3, 'news')])
    await waiting
    assert.ok(performance.now() - startedAt < 5_000)
  })

  test(`${name}: what is appended between an empty read and the wait is not missed`, async (t) => {
    const { stream, open } = await makeStream(t)
    const other = await open()
    const startedAt = performance.now()
    assert.deepEqual(await stream.read('letters', 'only', { maxRecords: 1 }), [])
    await other.append('letters', [record(0, 'news')])
    await delay(50)
    for (;;) {
      await stream.wait('letters', 20_000, FOREVER)
      if ((await stream.read('letters', 'only', { maxRecords: 1 })).length > 0) break
    }
    assert.ok(performance.now() - startedAt < 5_000)
  })

  test(`${name}: a wait ends at its time and when it is aborted`, async (t) => {
    const { stream } = await makeStream(t)
    const startedAt = performance.now()
    await stream.wait('letters', 30, FOREVER)
    const abort = new AbortController()
    const waiting = stream.wait('letters', 60_000, abort.signal)
    abort.abort()
    await waiting
    await stream.wait('letters', 60_000, abort.signal)
    assert.ok(performance.now() - startedAt < 5_000)
  })

  test(`${name}: trim drops nothing that a group has not passed, and in the end everything`, async (t) => {
    const { stream } = await makeStream(t)
    for (let n = 0; n < 10; n++) {
      await stream.append('numbers', [record(0, n), record(1, n)])
      await stream.trim('numbers')
    }
    await commitAll(stream, 'numbers', 'first')
    for (let n = 0; n < 5; n++) assert.equal(await stream.trim('numbers'), 20)
    assert.equal((await commitAll(stream, 'numbers', 'second')).length, 20)
    let remaining = 20
    for (let n = 0; n < 5; n++) remaining = await stream.trim('numbers')
    assert.equal(remaining, 0)
    await stream.append('numbers', [record(0, 'after')])
    assert.deepEqual(
      (await stream.read('numbers', 'first', { maxRecords: 10 })).map(({ offset, payload }) => [
        offset,
        payload,
      ]),
      [[10n, 'after']],
    )
  })

  test(`${name}: a large batch in one record, and many records in one append`, async (t) => {
    const { stream } = await makeStream(t)
    const batch = Array.from({ length: 500 }, (_, n) => ({ n, text: 'x'.repeat(2_000) }))
    await stream.append('letters', [record(0, batch)])
    const [large] = await stream.read('letters', 'only', { maxRecords: 1 })
    assert.deepEqual(large?.payload, batch)
    await stream.append(
      'numbers',
      Array.from({ length: 2_500 }, (_, n) => record(n % 4, n)),
    )
    const many = await stream.read('numbers', 'first', { maxRecords: 5_000 })
    assert.deepEqual(
      payloads(many).filter((n) => typeof n === 'number' && n % 4 === 2),
      Array.from({ length: 625 }, (_, n) => n * 4 + 2),
    )
    assert.equal(many.length, 2_500)
  })
}
