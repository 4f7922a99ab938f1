import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededHash } from './seeded-hash.ts'
import { createSeenSet } from './seen-set.ts'

test('a hash is new once, through every growth of the table', () => {
  const seen = createSeenSet()
  const hashes = Array.from({ length: 60_000 }, (_, index) =>
    seededHash(1, `<${index}@x.example> ann@y.example`),
  )
  for (const hash of hashes) assert.ok(seen.add(hash))
  for (const hash of hashes) assert.ok(!seen.add(hash))
  assert.equal(seen.size, hashes.length)
  seen.clear()
  assert.ok(seen.add(hashes[0] ?? 0))
})

test('zero is a hash like any other', () => {
  const seen = createSeenSet()
  assert.ok(seen.add(0))
  assert.ok(!seen.add(0))
})

test('a full table says that everything is new instead of growing on', () => {
  const seen = createSeenSet(1 << 14)
  for (let hash = 1; hash <= 10_000; hash++) assert.ok(seen.add(hash * 7919))
  assert.ok(seen.size <= 1 << 13)
})
