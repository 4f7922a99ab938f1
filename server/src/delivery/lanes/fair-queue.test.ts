import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFairQueue, type FairQueue, type MessageClass, type Queued } from './fair-queue.ts'

interface Item extends Queued {
  readonly n: number
}

function fill(
  queue: FairQueue<Item>,
  tenantId: string,
  count: number,
  messageClass: MessageClass = 'bulk',
): void {
  for (let n = 0; n < count; n++) queue.push({ tenantId, messageClass, n })
}

function take(queue: FairQueue<Item>, count: number): string[] {
  return Array.from({ length: count }, () => queue.shift()?.tenantId ?? 'nothing')
}

test('tenants take turns, however much each has', () => {
  const queue = createFairQueue<Item>()
  fill(queue, 'large', 100_000)
  fill(queue, 'small', 3)
  assert.deepEqual(take(queue, 8), ['large', 'small', 'large', 'small', 'large', 'small', 'large', 'large'])
  assert.equal(queue.size(), 100_003 - 8)
})

test('what a tenant sent first leaves first', () => {
  const queue = createFairQueue<Item>()
  fill(queue, 'one', 3_000)
  const order = Array.from({ length: 3_000 }, () => queue.shift()?.n)
  assert.deepEqual(
    order,
    order.map((_, n) => n),
  )
  assert.equal(queue.shift(), undefined)
})

test('transactional mail goes before bulk, which is not starved', () => {
  const queue = createFairQueue<Item>()
  fill(queue, 'bulk', 1_000)
  fill(queue, 'urgent', 90, 'transactional')
  const first = take(queue, 100)
  assert.equal(first.filter((tenant) => tenant === 'urgent').length, 90)
  assert.equal(first.filter((tenant) => tenant === 'bulk').length, 10)
  assert.ok(first.indexOf('bulk') <= 10)
})

test('a tenant that may not send now is passed over and keeps its turn', () => {
  const queue = createFairQueue<Item>()
  fill(queue, 'limited', 2)
  fill(queue, 'free', 2)
  const notLimited = (tenant: string): boolean => tenant !== 'limited'
  assert.equal(queue.shift(notLimited)?.tenantId, 'free')
  assert.equal(queue.shift(notLimited)?.tenantId, 'free')
  assert.equal(queue.shift(notLimited), undefined)
  assert.deepEqual(take(queue, 3), ['limited', 'limited', 'nothing'])
})

test('what comes back is the next of its tenant', () => {
  const queue = createFairQueue<Item>()
  fill(queue, 'one', 3)
  const first = queue.shift()
  assert.ok(first)
  queue.unshift(first)
  assert.equal(queue.size(), 3)
  assert.deepEqual([queue.shift()?.n, queue.shift()?.n], [0, 1])
})

test('what is gone is taken out and returned', () => {
  const queue = createFairQueue<Item>()
  fill(queue, 'one', 4)
  fill(queue, 'two', 2, 'transactional')
  assert.equal(queue.remove((item) => item.n % 2 === 0).length, 3)
  assert.deepEqual([queue.size(), queue.shift()?.n], [3, 1])
})
