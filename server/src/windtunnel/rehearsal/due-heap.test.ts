import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createDueHeap } from './due-heap.ts'

test('whoever is due first comes out first, whatever the order they went in', () => {
  const heap = createDueHeap()
  const dues = Array.from({ length: 5000 }, (_, index) => (index * 7919) % 1009)
  for (const [recipient, due] of dues.entries()) heap.push(due, recipient)
  assert.equal(heap.size, 5000)
  const out: (readonly [number, number])[] = []
  while (heap.size > 0) out.push([heap.earliest(), heap.pop()])
  const expected = dues
    .map((due, recipient) => [due, recipient] as const)
    .toSorted((a, b) => a[0] - b[0] || a[1] - b[1])
  assert.deepEqual(out, expected)
})

test('an empty heap has nobody', () => {
  const heap = createDueHeap()
  assert.equal(heap.earliest(), Number.POSITIVE_INFINITY)
  assert.throws(() => heap.pop(), RangeError)
})
