import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BLOCKS_TO_SUSPEND, createLaneHealth, LIVE_TIMES, MIN_PACE, type LaneHealth } from './lane-health.ts'

const { burstMs, stepMs, suspendMs, suspendMaxMs, forgiveMs, blockWindowMs } = LIVE_TIMES

function block(lane: LaneHealth, nowMs: number): boolean {
  return Array.from({ length: BLOCKS_TO_SUSPEND }, () => lane.onBlocked(nowMs, 'blocked')).includes(true)
}

test('a lane that is told to be slower gets half, and a tenth more at each step', () => {
  const lane = createLaneHealth(LIVE_TIMES)
  assert.equal(lane.pace(0), undefined)
  lane.onSlow(0, 100, '421 4.7.28 unusual rate')
  assert.deepEqual([lane.state(0), lane.pace(0), lane.share(0)], ['slowed', 50, 0.5])
  assert.equal(lane.reason(), '421 4.7.28 unusual rate')
  assert.equal(lane.pace(stepMs - 1), 50)
  assert.equal(lane.pace(stepMs), 60)
  assert.equal(lane.pace(3 * stepMs), 80)
})

test('refusals of messages that were under way together count once', () => {
  const lane = createLaneHealth(LIVE_TIMES)
  for (let n = 0; n < 20; n++) lane.onSlow(n, 100, 'slower')
  assert.equal(lane.pace(20), 50)
  lane.onSlow(burstMs, 50, 'slower')
  assert.equal(lane.pace(burstMs), 25)
})

test('a lane never stops by being slowed', () => {
  const lane = createLaneHealth(LIVE_TIMES)
  for (let n = 0; n < 100; n++) lane.onSlow(n * burstMs, lane.pace(n * burstMs) ?? 10, 'slower')
  assert.ok((lane.pace(100 * burstMs) ?? 0) >= MIN_PACE)
})

test('a slowed lane is open again at twice the pace at which it was refused', () => {
  const lane = createLaneHealth(LIVE_TIMES)
  lane.onSlow(0, 100, 'slower')
  assert.equal(lane.state(14 * stepMs), 'slowed')
  assert.equal(lane.state(15 * stepMs), 'open')
  assert.deepEqual([lane.pace(15 * stepMs), lane.reason()], [undefined, undefined])
})

test('one block is the message, several are the source', () => {
  const lane = createLaneHealth(LIVE_TIMES)
  for (let n = 1; n < BLOCKS_TO_SUSPEND; n++) assert.equal(lane.onBlocked(n, 'S3150'), false)
  assert.equal(lane.state(10), 'open')
  assert.equal(lane.onBlocked(10, 'S3150'), true)
  assert.deepEqual([lane.state(10), lane.suspendedUntil()], ['suspended', 10 + suspendMs])
})

test('blocks that are far apart do not add up', () => {
  const lane = createLaneHealth(LIVE_TIMES)
  for (let n = 0; n < 10; n++) assert.equal(lane.onBlocked(n * blockWindowMs, 'S3150'), false)
})

test('a suspension ends with one message that asks; yes begins slowly, no doubles the time', () => {
  const lane = createLaneHealth(LIVE_TIMES)
  block(lane, 0)
  assert.equal(lane.state(suspendMs - 1), 'suspended')
  assert.equal(lane.state(suspendMs), 'probing')
  assert.equal(lane.onBlocked(suspendMs, 'still'), true)
  assert.equal(lane.suspendedUntil(), suspendMs + 2 * suspendMs)
  assert.equal(lane.state(3 * suspendMs), 'probing')
  lane.onAccepted(3 * suspendMs)
  assert.equal(lane.state(3 * suspendMs), 'slowed')
  assert.ok((lane.pace(3 * suspendMs) ?? 99) <= 1)
})

test('suspensions grow to their limit, and a long peace forgives', () => {
  const lane = createLaneHealth(LIVE_TIMES)
  let nowMs = 0
  block(lane, nowMs)
  const lengths: number[] = []
  for (let n = 0; n < 8; n++) {
    lengths.push((lane.suspendedUntil() ?? 0) - nowMs)
    nowMs = lane.suspendedUntil() ?? 0
    lane.onBlocked(nowMs, 'still')
  }
  assert.deepEqual(
    lengths,
    lengths.toSorted((a, b) => a - b),
  )
  assert.equal(lengths.at(-1), suspendMaxMs)
  nowMs = (lane.suspendedUntil() ?? 0) + forgiveMs
  lane.onAccepted(nowMs)
  nowMs += forgiveMs
  block(lane, nowMs)
  assert.equal((lane.suspendedUntil() ?? 0) - nowMs, suspendMs)
})

test('a person pauses over everything, and what was before comes back', () => {
  const lane = createLaneHealth(LIVE_TIMES)
  lane.onSlow(0, 10, 'slower')
  lane.pause('maintenance')
  assert.deepEqual([lane.state(0), lane.reason()], ['paused', 'maintenance'])
  assert.equal(block(lane, 1), false)
  lane.resume()
  assert.equal(lane.state(1), 'slowed')
})

test('what was learned outlives the process', () => {
  const lane = createLaneHealth(LIVE_TIMES)
  block(lane, 0)
  const next = createLaneHealth(LIVE_TIMES, lane.save())
  assert.deepEqual([next.state(1), next.suspendedUntil(), next.reason()], ['suspended', suspendMs, 'blocked'])
  next.state(suspendMs)
  next.onBlocked(suspendMs, 'still')
  assert.equal(next.suspendedUntil(), 3 * suspendMs)
})
