import assert from 'node:assert/strict'
import { test } from 'node:test'
import { settleTogether } from './settle-together.ts'

test('what comes while a write is under way is written together, in order, and a failed write fails its own items', async () => {
  const writes: number[][] = []
  const first = Promise.withResolvers<void>()
  const settle = settleTogether<number>(async (items) => {
    writes.push([...items])
    if (items.includes(1)) await first.promise
    if (items.includes(4)) throw new Error('disk full')
  }, 2)
  const outcomes = [1, 2, 3, 4].map((item) => settle(item).catch((error: Error) => error.message))
  first.resolve()
  assert.deepEqual(await Promise.all(outcomes), [undefined, undefined, undefined, 'disk full'])
  assert.deepEqual(writes, [[1], [2, 3], [4]])
  await settle(5)
  assert.deepEqual(writes.at(-1), [5])
})
