import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isGood, type DemoResult } from './demo.ts'

const good: DemoResult = {
  campaign_id: 'c1',
  accepted: 100,
  delivered: 90,
  sent: 2,
  bounced: 5,
  failed: 3,
  suppressed: 0,
  cancelled: 0,
  in_flight: 0,
  balanced: true,
  deferred_then_delivered: 4,
  received_by_windtunnel: 92,
  duplicates: 0,
  seconds: 1,
  messages_per_second: 100,
  imported: { rows: 101, created: 100, updated: 0, rejected: 1, seconds: 0.1 },
}

test('a demo is good when everybody is accounted for', () => {
  assert.equal(isGood(good), true)
  assert.equal(isGood({ ...good, duplicates: 1 }), true)
})

test('a demo is bad when the ledger does not balance, something is in flight, or more or less has arrived', () => {
  const wrong: Partial<DemoResult>[] = [
    { balanced: false },
    { in_flight: 1 },
    { received_by_windtunnel: 91 },
    { received_by_windtunnel: 93 },
    { accepted: 0, delivered: 0, sent: 0, received_by_windtunnel: 0 },
  ]
  for (const change of wrong) assert.equal(isGood({ ...good, ...change }), false, JSON.stringify(change))
})
