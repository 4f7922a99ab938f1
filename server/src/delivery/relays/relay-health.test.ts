import assert from 'node:assert/strict'
import { test } from 'node:test'
import { manualClock } from '@pigeon/server/test/manual-clock.ts'
import { SUSPENSION_MS, trackHealth } from './relay-health.ts'
import type { RelayAlert } from './relay.ts'

function tracker() {
  const clock = manualClock()
  const alerts: RelayAlert[] = []
  return { clock, alerts, health: trackHealth({ clock, alert: (alert) => void alerts.push(alert) }, 'ses') }
}

test('a failure degrades, five in a row put it down, and a success makes it healthy', async () => {
  const { clock, health } = tracker()
  assert.deepEqual(health.health(), { state: 'healthy', reason: null, restMs: 0 })
  for (let n = 0; n < 4; n += 1) health.failed('HTTP 500')
  assert.deepEqual(health.health(), { state: 'degraded', reason: 'HTTP 500', restMs: 0 })
  health.failed('HTTP 503')
  assert.deepEqual(health.health(), { state: 'down', reason: 'HTTP 503', restMs: 5_000 })
  assert.deepEqual(health.resting(), { reason: 'no_connection', error: 'HTTP 503', ms: 5_000 })
  await clock.advance(5_000)
  assert.equal(health.health().state, 'degraded')
  health.worked()
  assert.equal(health.health().state, 'healthy')
})

test('rests double while it goes on failing, up to five minutes, and begin anew after a success', async () => {
  const { clock, health } = tracker()
  const rests: number[] = []
  for (let n = 0; n < 4; n += 1) health.failed('no')
  for (let n = 0; n < 8; n += 1) {
    health.failed('no')
    rests.push(health.health().restMs / 1000)
    await clock.advance(health.health().restMs)
  }
  assert.deepEqual(rests, [5, 10, 20, 40, 80, 160, 300, 300])
  health.worked()
  for (let n = 0; n < 5; n += 1) health.failed('no')
  assert.equal(health.health().restMs, 5_000)
})

test('those in flight together fail together: one rest', () => {
  const { health } = tracker()
  for (let n = 0; n < 100; n += 1) health.failed('no')
  assert.equal(health.health().restMs, 5_000)
})

test('a limit rests as long as it says, and an answer that was on its way does not end that', async () => {
  const { clock, health } = tracker()
  health.limited('HTTP 429', 7_000)
  health.worked()
  assert.deepEqual(health.resting(), { reason: 'limited', error: 'HTTP 429', ms: 7_000 })
  await clock.advance(7_000)
  assert.equal(health.resting(), undefined)
  health.worked()
  assert.equal(health.health().state, 'healthy')
})

test('a suspension is told once, however many are refused, and again when it comes back after it worked', async () => {
  const { clock, alerts, health } = tracker()
  for (let n = 0; n < 10; n += 1) health.suspended('HTTP 401')
  await clock.advance(SUSPENSION_MS)
  health.suspended('HTTP 401')
  assert.equal(alerts.length, 1)
  await clock.advance(SUSPENSION_MS)
  health.worked()
  health.suspended('HTTP 403')
  assert.deepEqual(
    alerts.map((alert) => alert.reason),
    ['HTTP 401', 'HTTP 403'],
  )
})
