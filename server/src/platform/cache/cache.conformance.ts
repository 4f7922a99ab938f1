import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Cache } from './cache.ts'

/** An empty cache, and the way to let its time pass (a manual clock, or waiting when the driver has its own). */
export interface CacheUnderTest {
  readonly cache: Cache
  readonly pass: (ms: number) => Promise<void>
}

/** What every driver of `Cache` promises. */
export function cacheConformance(name: string, open: () => Promise<CacheUnderTest>): void {
  test(`${name}: a value is there until it ends`, async () => {
    const { cache, pass } = await open()
    await cache.set('a', 'välue\n', 100)
    assert.equal(await cache.get('a'), 'välue\n')
    await pass(99)
    assert.equal(await cache.get('a'), 'välue\n')
    await pass(1)
    assert.equal(await cache.get('a'), undefined)
  })

  test(`${name}: an unknown and a deleted value are not there`, async () => {
    const { cache } = await open()
    assert.equal(await cache.get('a'), undefined)
    await cache.set('a', '', 100)
    assert.equal(await cache.get('a'), '')
    await cache.delete('a')
    await cache.delete('a')
    assert.equal(await cache.get('a'), undefined)
  })

  test(`${name}: setting again replaces the value and its end`, async () => {
    const { cache, pass } = await open()
    await cache.set('a', '1', 100)
    await pass(60)
    await cache.set('a', '2', 100)
    await pass(60)
    assert.equal(await cache.get('a'), '2')
  })

  test(`${name}: a counter ends after its first increment, however often it grows`, async () => {
    const { cache, pass } = await open()
    assert.deepEqual(await cache.increment('c', 1, 1000), { value: 1, ttlMs: 1000 })
    await pass(600)
    const second = await cache.increment('c', 5, 1000)
    assert.equal(second.value, 6)
    assert.ok(second.ttlMs <= 400 && second.ttlMs > 0)
    await pass(400)
    assert.equal((await cache.increment('c', 2, 1000)).value, 2)
  })

  test(`${name}: increments at the same time all count`, async () => {
    const { cache } = await open()
    await Promise.all(Array.from({ length: 100 }, () => cache.increment('c', 1, 60_000)))
    assert.equal((await cache.increment('c', -100, 60_000)).value, 0)
  })

  test(`${name}: one of many takes a lock`, async () => {
    const { cache } = await open()
    const all = await Promise.all(Array.from({ length: 20 }, () => cache.lock('l', 60_000)))
    assert.equal(all.filter((lock) => lock !== undefined).length, 1)
  })

  test(`${name}: a lock ends when released, or by itself, and can be made longer`, async () => {
    const { cache, pass } = await open()
    const first = await cache.lock('l', 100)
    await first?.release()
    const second = await cache.lock('l', 100)
    assert.equal(await second?.extend(300), true)
    await pass(200)
    assert.equal(await cache.lock('l', 100), undefined)
    await pass(100)
    assert.notEqual(await cache.lock('l', 100), undefined)
  })

  test(`${name}: who lost a lock can neither extend nor release it`, async () => {
    const { cache, pass } = await open()
    const late = await cache.lock('l', 100)
    await pass(100)
    const owner = await cache.lock('l', 1000)
    assert.equal(await late?.extend(100), false)
    await late?.release()
    assert.equal(await cache.lock('l', 100), undefined)
    assert.equal(await owner?.extend(1000), true)
  })

  test(`${name}: a lock and a value of the same name have nothing to do with each other`, async () => {
    const { cache } = await open()
    const held = await cache.lock('a', 1000)
    assert.equal(await cache.get('a'), undefined)
    await cache.set('a', '1', 1000)
    await cache.delete('a')
    assert.equal(await held?.extend(1000), true)
  })

  test(`${name}: a time to live of nothing is refused`, async () => {
    const { cache } = await open()
    for (const ttlMs of [0, -1, NaN, Infinity]) {
      await assert.rejects(cache.set('a', '1', ttlMs), { code: 'cache.bad_ttl' })
      await assert.rejects(cache.increment('a', 1, ttlMs), { code: 'cache.bad_ttl' })
      await assert.rejects(cache.lock('a', ttlMs), { code: 'cache.bad_ttl' })
    }
  })

  test(`${name}: a value that is no number does not count`, async () => {
    const { cache } = await open()
    await cache.set('a', 'words', 1000)
    await assert.rejects(cache.increment('a', 1, 1000), { code: 'cache.not_a_counter' })
  })
}
