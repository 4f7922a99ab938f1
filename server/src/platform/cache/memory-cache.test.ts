import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from '#platform/clock.ts'
import { cacheConformance, type CacheUnderTest } from './cache.conformance.ts'
import { createMemoryCache } from './memory-cache.ts'

function open(maxEntries?: number): CacheUnderTest {
  let nowMs = 1_000_000
  const clock: Clock = {
    now: () => new Date(nowMs),
    monotonicMs: () => nowMs,
    sleep: async (ms) => {
      nowMs += ms
    },
  }
  const cache = createMemoryCache({ clock }, maxEntries === undefined ? {} : { maxEntries })
  return { cache, pass: (ms) => clock.sleep(ms) }
}

cacheConformance('memory', async () => open())

test('beyond its limit the cache drops what was used longest ago', async () => {
  const { cache } = open(3)
  for (const key of ['a', 'b', 'c']) await cache.set(key, key, 1000)
  await cache.get('a')
  await cache.set('d', 'd', 1000)
  assert.deepEqual(await Promise.all(['a', 'b', 'c', 'd'].map((key) => cache.get(key))), [
    'a',
    undefined,
    'c',
    'd',
  ])
})

test('no flood of values drops a live lock', async () => {
  const { cache } = open(3)
  await cache.lock('l', 1000)
  for (let at = 0; at < 100; at++) await cache.set(`k${at}`, '', 1000)
  assert.equal(await cache.lock('l', 1000), undefined)
})

test('beyond the limit of live locks another is refused, and there is room again when they end', async () => {
  const { cache, pass } = open(2)
  await cache.lock('a', 100)
  await cache.lock('b', 100)
  await assert.rejects(cache.lock('c', 100), { kind: 'limited', code: 'cache.full' })
  await pass(100)
  assert.notEqual(await cache.lock('c', 100), undefined)
})
