import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KnownLane, KnownLanes } from '#delivery/read-lanes.ts'
import type { LaneLimits } from '#delivery/shaping/shaping.ts'
import type { PoolMember } from '#sources/pool.ts'
import { laneOutlook } from './lane-outlook.ts'
import { durationOf, retryOutlook } from './retry-outlook.ts'
import { waitOutlook } from './wait-outlook.ts'

const NOW = new Date('2026-11-22T12:00:00Z')
const LIMITS: LaneLimits = {
  maxConnections: 20,
  rates: [
    { count: 10, perMs: 1_000 },
    { count: 300, perMs: 60_000 },
  ],
  maxMessagesPerConnection: 100,
  connectionRates: [],
  idleMs: 30_000,
  tls: undefined,
}
const LANE: KnownLane = {
  provider: 'google',
  sourceId: 's',
  state: 'open',
  reason: null,
  since: NOW,
  until: null,
  perMinute: 0,
  connections: 0,
  pace: null,
  warmUp: null,
}
const member = (more: Partial<PoolMember['source']> = {}): PoolMember => ({
  weight: 1,
  source: {
    id: 's',
    name: 'out-1',
    kind: 'ip',
    localAddress: null,
    ehloName: null,
    relay: null,
    isDraining: false,
    cost: null,
    warmUp: null,
    ...more,
  },
})
const outlook = (more: { member?: PoolMember; known?: Partial<KnownLanes> } = {}) =>
  laneOutlook({
    provider: 'google',
    pool: 'default',
    member: more.member ?? member(),
    limits: LIMITS,
    known: { lanes: [], orders: [], ...more.known },
    now: NOW,
  })

test('the narrowest of the rates, the pace of a slowed lane and the order of a person is what is allowed', () => {
  assert.equal(outlook().allowed_per_minute, 300)
  const slowed = { ...LANE, state: 'slowed', pace: 2 } as const
  assert.equal(outlook({ known: { lanes: [slowed] } }).allowed_per_minute, 120)
  const order = { provider: 'google', sourceId: null, paused: null, perMinute: 6, until: null }
  assert.equal(outlook({ known: { lanes: [slowed], orders: [order] } }).allowed_per_minute, 6)
  const over = { ...order, until: NOW }
  assert.equal(outlook({ known: { lanes: [slowed], orders: [over] } }).allowed_per_minute, 120)
})

test('a suspension that is over is asked about by one message', () => {
  const lane = { ...LANE, state: 'suspended', until: NOW, reason: '421 Go away' } as const
  const { state, can_send, reason } = outlook({ known: { lanes: [lane] } })
  assert.deepEqual([state, can_send], ['probing', true])
  assert.match(reason, /one message, to ask whether google takes its mail again\. It said: 421 Go away/)
})

test('a warming source sends until the budget of its day is used, and goes on at midnight UTC', () => {
  const warming = member({ warmUp: { startedAt: NOW, curve: [50, 100] } })
  const fresh = outlook({ member: warming })
  assert.deepEqual([fresh.can_send, fresh.is_warming, fresh.budget_left], [true, true, 50])
  const warmUp = {
    since: NOW.toISOString(),
    stage: 1,
    day: '2026-11-22',
    sent: 100,
    refused: 0,
    complained: 0,
    lastSentDay: null,
  }
  const spent = outlook({ member: warming, known: { lanes: [{ ...LANE, warmUp }] } })
  assert.deepEqual([spent.can_send, spent.budget_left], [false, 0])
  assert.equal(spent.ready_at?.toISOString(), '2026-11-23T00:00:00.000Z')
})

test('what waits is divided by what the able lanes may send together', () => {
  const lane = outlook()
  assert.equal(waitOutlook([lane, lane], 1200, 'google', NOW).seconds, 120)
  assert.equal(waitOutlook([lane], 0, 'google', NOW).seconds, 0)
  const draining = outlook({ member: member({ isDraining: true }) })
  assert.equal(waitOutlook([draining, lane], 300, 'google', NOW).seconds, 60)
  assert.equal(waitOutlook([draining], 300, 'google', NOW).seconds, null)
})

test('waits double up to the longest, and end with the life of the message', () => {
  const plan = { firstMs: 300_000, maxMs: 1_200_000, absentAgainMs: 0 }
  assert.deepEqual(retryOutlook(plan, 3_600_000).waits_seconds, [300, 600, 1200, 1200])
  assert.match(retryOutlook(plan, 60_000).reason, /it is not tried again; after 1 minute it has failed/)
})

test('lengths of time are told in one unit', () => {
  assert.deepEqual([1, 45, 60, 90, 3600, 14_400, 259_200].map(durationOf), [
    '1 second',
    '45 seconds',
    '1 minute',
    '2 minutes',
    '1 hour',
    '4 hours',
    '3 days',
  ])
})
