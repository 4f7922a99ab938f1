import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rates } from './counts.ts'
import { waitQuantiles } from './wait-quantiles.ts'

const NOTHING = {
  sent: 0,
  delivered: 0,
  deferred: 0,
  bounced: 0,
  late_bounced: 0,
  failed: 0,
  suppressed: 0,
  cancelled: 0,
  opened: 0,
  machine_opened: 0,
  clicked: 0,
  machine_clicked: 0,
  complained: 0,
  unsubscribed: 0,
  opened_messages: 0,
  clicked_messages: 0,
}

test('a bounce that came by mail ends a message that was delivered before, and no second one', () => {
  const { delivery, bounce } = rates({ ...NOTHING, delivered: 90, bounced: 20, late_bounced: 10 })
  assert.deepEqual([delivery, bounce], [0.8, 0.2])
})

test('openings count once a message and not those of machines', () => {
  const counts = { ...NOTHING, delivered: 80, sent: 20, opened: 500, machine_opened: 900 }
  const { open, click, click_to_open } = rates({ ...counts, opened_messages: 40, clicked_messages: 10 })
  assert.deepEqual([open, click, click_to_open], [0.4, 0.1, 0.25])
})

test('nothing is no rate, and no rate is above 1', () => {
  assert.equal(rates(NOTHING).delivery, null)
  assert.equal(rates({ ...NOTHING, delivered: 1, complained: 3 }).complaint, 1)
})

test('quantiles of the time to deliver are within 5% of the times themselves', () => {
  const times = Array.from({ length: 10_000 }, (_, n) => 20 + n * 3)
  const waits: Record<string, number> = {}
  for (const ms of times) {
    const bucket = String(Math.ceil(Math.log(ms) / Math.log(1.1)))
    waits[bucket] = (waits[bucket] ?? 0) + 1
  }
  const found = waitQuantiles(waits)
  assert.ok(found)
  for (const [level, value] of [
    [0.5, found.p50],
    [0.95, found.p95],
    [0.99, found.p99],
  ] as const) {
    const exact = times[Math.ceil(times.length * level) - 1] ?? 0
    assert.ok(Math.abs(value / exact - 1) < 0.051, `${level}: ${value} for ${exact}`)
  }
  assert.equal(waitQuantiles({}), null)
})
