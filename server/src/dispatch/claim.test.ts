import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inTurns, shareCredits } from './claim.ts'

const shard = (id: number, credits: number) => ({ id, epoch: 1, credits })

test('the credits of a shard are shared among the queues', () => {
  assert.deepEqual(shareCredits(['a', 'b'], [shard(3, 100)], 500), [
    { queueId: 'a', shard: 3, limit: 50 },
    { queueId: 'b', shard: 3, limit: 50 },
  ])
})

test('no shard gives more than its credits or than a batch, whatever the number of queues', () => {
  for (const credits of [1, 3, 7, 499, 500, 501, 100_000]) {
    for (const queues of [1, 2, 3, 10, 600]) {
      const ids = Array.from({ length: queues }, (_, at) => `queue ${at}`)
      const wants = shareCredits(ids, [shard(0, credits)], 500)
      const sum = wants.reduce((total, want) => total + want.limit, 0)
      assert.ok(sum <= Math.min(credits, 500), `${credits} credits, ${queues} queues: ${sum}`)
      assert.ok(wants.every((want) => want.limit > 0))
    }
  }
})

test('with fewer credits than queues another queue is the first each time', () => {
  const served = new Set<string>()
  for (let turn = 0; turn < 5; turn++) {
    for (const want of shareCredits(inTurns(['a', 'b', 'c', 'd', 'e'], turn), [shard(0, 1)], 500))
      served.add(want.queueId)
  }
  assert.equal(served.size, 5)
  assert.deepEqual(inTurns([], 3), [])
})
