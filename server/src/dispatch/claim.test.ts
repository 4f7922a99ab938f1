import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inTurns, shareCredits, TRANSACTIONAL_RESERVE, type SendQueue } from './claim.ts'

const credit = (destination: number, credits: number) =>
  ({ destination, mode: 'sandbox', shard: 0, epoch: 1, credits }) as const

function queue(id: string, more: Partial<SendQueue> = {}): SendQueue {
  return { id, tenantId: id, messageClass: 'bulk', mode: 'sandbox', ...more }
}

test('the credits of a destination are shared among the tenants, and among the queues of each', () => {
  const queues = [queue('a', { tenantId: 'x' }), queue('b', { tenantId: 'x' }), queue('c', { tenantId: 'y' })]
  assert.deepEqual(shareCredits(queues, [credit(3, 100)]), [
    { queueId: 'a', destination: 3, limit: 25 },
    { queueId: 'b', destination: 3, limit: 25 },
    { queueId: 'c', destination: 3, limit: 50 },
  ])
})

test('no destination gives more than its credits or than a batch, whatever the number of queues', () => {
  for (const credits of [1, 3, 7, 499, 500, 501, 100_000]) {
    for (const queues of [1, 2, 3, 10, 600]) {
      const all = Array.from({ length: queues }, (_, at) => queue(`queue ${at}`, { tenantId: `t${at % 7}` }))
      const wants = shareCredits(all, [credit(0, credits)])
      const sum = wants.reduce((total, want) => total + want.limit, 0)
      assert.equal(sum, Math.min(credits, 500), `${credits} credits, ${queues} queues`)
      assert.ok(wants.every((want) => want.limit > 0))
    }
  }
})

test('transactional queues come first, and have a reserve when bulk mail has used up the credits', () => {
  const urgent = queue('urgent', { messageClass: 'transactional' })
  assert.deepEqual(shareCredits([queue('bulk'), urgent], [credit(0, 10)]), [
    { queueId: 'urgent', destination: 0, limit: 10 + TRANSACTIONAL_RESERVE },
    { queueId: 'bulk', destination: 0, limit: 10 },
  ])
  assert.deepEqual(shareCredits([queue('bulk'), urgent], [credit(0, 0)]), [
    { queueId: 'urgent', destination: 0, limit: TRANSACTIONAL_RESERVE },
  ])
})

test('a queue asks only for destinations of its own mode', () => {
  assert.deepEqual(shareCredits([queue('a', { mode: 'live' })], [credit(0, 10)]), [])
})

test('with fewer credits than queues another queue is the first each time', () => {
  const queues = ['a', 'b', 'c', 'd', 'e'].map((id) => queue(id))
  const served = new Set<string>()
  for (let turn = 0; turn < 5; turn++)
    for (const want of shareCredits(inTurns(queues, turn), [credit(0, 1)])) served.add(want.queueId)
  assert.equal(served.size, 5)
  assert.deepEqual(inTurns([], 3), [])
})
