import assert from 'node:assert/strict'
import { test } from 'node:test'
import { manualClock } from '@pigeon/server/test/manual-clock.ts'
import { DAY_MS } from './rates.ts'
import { createVirtualTime } from './virtual-time.ts'

test('a day passes in a minute at 1440, and what has passed stays when the speed changes', async () => {
  const clock = manualClock(new Date('2026-01-01T00:00:00Z'))
  const time = createVirtualTime(clock, 1440)
  await clock.advance(60_000)
  assert.equal(time.nowMs(), DAY_MS)
  time.setScale(1)
  await clock.advance(1000)
  assert.equal(time.nowMs(), DAY_MS + 1000)
  assert.equal(time.now().toISOString(), '2026-01-02T00:00:01.000Z')
})

test('time that is moved on goes on from there', async () => {
  const clock = manualClock()
  const time = createVirtualTime(clock)
  await clock.advance(10)
  time.advance(DAY_MS)
  await clock.advance(5)
  assert.equal(time.nowMs(), DAY_MS + 15)
})
