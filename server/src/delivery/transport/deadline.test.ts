import assert from 'node:assert/strict'
import { test } from 'node:test'
import { manualClock } from '@pigeon/server/test/manual-clock.ts'
import { createDeadline } from './deadline.ts'

test('it expires once, at its time', async () => {
  const clock = manualClock()
  let expired = 0
  const deadline = createDeadline(clock, () => (expired += 1))
  deadline.arm(100)
  await clock.advance(99)
  assert.equal(expired, 0)
  await clock.advance(1)
  assert.equal(expired, 1)
  await clock.advance(1_000)
  assert.equal(expired, 1)
})

test('it can be moved later and earlier, and be taken off', async () => {
  const clock = manualClock()
  let expired = 0
  const deadline = createDeadline(clock, () => (expired += 1))
  deadline.arm(100)
  await clock.advance(50)
  deadline.arm(100)
  await clock.advance(60)
  assert.equal(expired, 0, 'moved later')
  deadline.arm(10)
  await clock.advance(10)
  assert.equal(expired, 1, 'moved earlier')
  deadline.arm(10)
  deadline.disarm()
  await clock.advance(20)
  assert.equal(expired, 1, 'taken off')
  deadline.arm(10)
  deadline.stop()
  assert.equal(clock.sleepers(), 0, 'no timer is left')
})
