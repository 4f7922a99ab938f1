import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import { test } from 'node:test'
import type { Objects } from './objects.ts'

/** What every driver of `Objects` promises. `open` gives an empty store. */
export function objectsConformance(name: string, open: () => Promise<Objects>): void {
  test(`${name}: what was put is read again, from a buffer and from a stream`, async () => {
    const objects = await open()
    const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, at) => at % 251))
    assert.deepEqual(await objects.put('t1/uploads/a.csv', bytes), { sizeBytes: bytes.length })
    const chunks = [bytes.subarray(0, 1000), bytes.subarray(1000)]
    assert.deepEqual(await objects.put('t1/uploads/b', Readable.from(chunks)), { sizeBytes: bytes.length })
    assert.deepEqual(await buffer(await objects.get('t1/uploads/a.csv')), bytes)
    assert.deepEqual(await buffer(await objects.get('t1/uploads/b')), bytes)
    assert.deepEqual(await objects.stat('t1/uploads/b'), { sizeBytes: bytes.length })
  })

  test(`${name}: an empty object is an object`, async () => {
    const objects = await open()
    await objects.put('t1/x/empty', Buffer.alloc(0))
    assert.deepEqual(await objects.stat('t1/x/empty'), { sizeBytes: 0 })
    assert.equal(await text(await objects.get('t1/x/empty')), '')
  })

  test(`${name}: reading begins where the caller asks`, async () => {
    const objects = await open()
    await objects.put('t1/x/y', Buffer.from('0123456789'))
    assert.equal(await text(await objects.get('t1/x/y', { start: 7 })), '789')
    assert.equal(await text(await objects.get('t1/x/y', { start: 10 })), '')
    for (const start of [11, -1, 1.5, NaN]) {
      await assert.rejects(objects.get('t1/x/y', { start }), { code: 'objects.bad_range' })
    }
  })

  test(`${name}: a second put replaces the first`, async () => {
    const objects = await open()
    await objects.put('t1/x/y', Buffer.from('first and longer'))
    await objects.put('t1/x/y', Buffer.from('second'))
    assert.equal(await text(await objects.get('t1/x/y')), 'second')
  })

  test(`${name}: puts of the same key at once leave one of them whole`, async () => {
    const objects = await open()
    const bodies = Array.from({ length: 8 }, (_, at) => String(at).repeat(100_000))
    await Promise.all(bodies.map((body) => objects.put('t1/x/y', Readable.from([Buffer.from(body)]))))
    assert.ok(bodies.includes(await text(await objects.get('t1/x/y'))))
  })

  test(`${name}: more than the limit is refused and nothing is kept`, async () => {
    const objects = await open()
    const kept = objects.put('t1/x/y', Buffer.alloc(100), { maxBytes: 100 })
    assert.deepEqual(await kept, { sizeBytes: 100 })
    const endless = Readable.from(
      (function* () {
        while (true) yield Buffer.alloc(64)
      })(),
    )
    for (const body of [Buffer.alloc(101), endless]) {
      await assert.rejects(objects.put('t1/x/z', body, { maxBytes: 100 }), {
        kind: 'too_large',
        code: 'objects.too_large',
      })
    }
    assert.equal(await objects.stat('t1/x/z'), undefined)
  })

  test(`${name}: a body that breaks off stores nothing and keeps the old object`, async () => {
    const objects = await open()
    await objects.put('t1/x/y', Buffer.from('old'))
    const broken = Readable.from(
      (function* () {
        yield Buffer.from('half')
        throw new Error('The caller hung up.')
      })(),
    )
    await assert.rejects(objects.put('t1/x/y', broken), /hung up/)
    assert.equal(await text(await objects.get('t1/x/y')), 'old')
  })

  test(`${name}: an unknown key is not found, and deleting it is no error`, async () => {
    const objects = await open()
    await objects.put('t1/x/y', Buffer.from('1'))
    for (const key of ['t1/x/none', 't1/x', 't1/x/y/z']) {
      assert.equal(await objects.stat(key), undefined, key)
      await assert.rejects(objects.get(key), { kind: 'not_found', code: 'objects.not_found' }, key)
    }
    await objects.delete('t1/x/none')
    await objects.delete('t1/x/y')
    assert.equal(await objects.stat('t1/x/y'), undefined)
  })

  test(`${name}: a key cannot leave the store`, async () => {
    const objects = await open()
    const bad = [
      '',
      '/',
      '..',
      '../x',
      'a/../b',
      '/etc/passwd',
      'a//b',
      'a/',
      '.drafts/x',
      'a/.b',
      'a\\b',
      'a\u0000b',
      'a\nb',
      'ä',
      'a'.repeat(129),
      `${'a/'.repeat(300)}a`,
    ]
    for (const key of bad) {
      await assert.rejects(
        objects.put(key, Buffer.from('x')),
        { kind: 'invalid', code: 'objects.bad_key' },
        key,
      )
      await assert.rejects(objects.get(key), { code: 'objects.bad_key' }, key)
      await assert.rejects(objects.stat(key), { code: 'objects.bad_key' }, key)
      await assert.rejects(objects.delete(key), { code: 'objects.bad_key' }, key)
    }
  })
}
