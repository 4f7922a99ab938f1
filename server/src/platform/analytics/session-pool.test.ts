import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSessionPool } from './session-pool.ts'

const never = new AbortController().signal

test('statements wait their turn, and one session is kept free of reads', async () => {
  const pool = createSessionPool(['a', 'b', 'c'], { maxWaiting: 10 })
  const reads = await Promise.all([0, 1].map(() => pool.take({ isRead: true, signal: never })))
  const order: string[] = []
  const third = pool.take({ isRead: true, signal: never }).then((slot) => order.push('read') && slot)
  const insert = await pool.take({ isRead: false, signal: never })
  const second = pool.take({ isRead: false, signal: never }).then((slot) => order.push('insert') && slot)
  assert.deepEqual(pool.load(), { running: 3, waiting: 2 })
  insert.release()
  insert.release()
  await second
  assert.deepEqual(order, ['insert'])
  reads[0]?.release()
  await third
  assert.deepEqual(order, ['insert', 'read'])
})

test('beyond the limit a statement is refused at once', async () => {
  const pool = createSessionPool(['a'], { maxWaiting: 1 })
  const slot = await pool.take({ isRead: false, signal: never })
  const waiting = pool.take({ isRead: false, signal: never })
  await assert.rejects(pool.take({ isRead: false, signal: never }), { name: 'PoolRefusal' })
  slot.release()
  ;(await waiting).release()
  assert.deepEqual(pool.load(), { running: 0, waiting: 0 })
})

test('who gives up leaves the queue', async () => {
  const pool = createSessionPool(['a'], { maxWaiting: 1 })
  const slot = await pool.take({ isRead: false, signal: never })
  const controller = new AbortController()
  const waiting = pool.take({ isRead: false, signal: controller.signal })
  controller.abort()
  await assert.rejects(waiting, { name: 'PoolRefusal' })
  assert.deepEqual(pool.load(), { running: 1, waiting: 0 })
  slot.release()
  ;(await pool.take({ isRead: false, signal: controller.signal })).release()
})
