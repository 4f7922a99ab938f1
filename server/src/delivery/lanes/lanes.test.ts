import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bySource, blockWhile, ip, jobs, poolOf, rig } from '@pigeon/server/test/lane-rig.ts'
import { waitFor } from '@pigeon/server/test/wait-for.ts'
import { FIRST_CREDIT, HOLD_MS } from './destination.ts'
import { LIVE_TIMES } from './lane-health.ts'
import type { Rate } from './rate-limit.ts'

test('everything is sent, with two messages for each connection at a time', async () => {
  const one = rig()
  one.lanes.push(jobs(100))
  assert.equal(one.sent.length, 10)
  await one.clock.advance(100)
  assert.equal(one.sent.length, 100)
  assert.equal(one.lanes.size(), 0)
})

test('when many lanes may begin at once, what arrives meanwhile is heard between some of them and the next', async () => {
  const one = rig()
  const heardAfter: number[] = []
  const listen = (): void => {
    heardAfter.push(one.sent.length)
    if (one.sent.length < 400) setImmediate(listen)
  }
  setImmediate(listen)
  one.lanes.push(Array.from({ length: 100 }, (_, n) => jobs(4, { provider: `site${n}` })).flat())
  await waitFor('everything to begin', () => one.sent.length === 400)
  assert.ok(heardAfter.length >= 400 / 50 - 1, heardAfter.join(', '))
})

test('a rate of a lane is kept to, whatever waits', async () => {
  const rates: Rate[] = [{ count: 20, perMs: 1_000 }]
  const one = rig({ limits: () => ({ rates }) })
  one.lanes.push(jobs(1_000))
  await one.clock.advance(10_000)
  assert.ok(Math.abs(one.sent.length - 200) <= 4, `${one.sent.length}`)
})

test('a tenant at its limit is passed over, and others go on', async () => {
  const one = rig({ tenant: { maxConnections: Infinity, rates: [{ count: 5, perMs: 60_000 }] } })
  one.lanes.push([...jobs(100, { tenantId: 'limited' }), ...jobs(5, { tenantId: 'other' })])
  await one.clock.advance(30_000)
  assert.equal(one.sent.filter((each) => each.held.tenantId === 'limited').length, 5)
  assert.equal(one.sent.filter((each) => each.held.tenantId === 'other').length, 5)
})

test('a large tenant does not make a small one wait', async () => {
  const one = rig()
  one.lanes.push(jobs(10_000, { tenantId: 'large' }))
  one.lanes.push(jobs(100, { tenantId: 'small' }))
  await one.clock.advance(1_000)
  const last = one.sent.findLast((each) => each.held.tenantId === 'small')
  // Alone it would take 100 ms.
  assert.ok((last?.atMs ?? Infinity) <= 220, `${last?.atMs}`)
})

test('transactional mail leaves before the bulk mail that was there first', async () => {
  const one = rig()
  one.lanes.push(jobs(10_000))
  await one.clock.advance(50)
  one.lanes.push(jobs(5, { tenantId: 'app' }, { messageClass: 'transactional' }))
  await one.clock.advance(20)
  assert.equal(one.sent.filter((each) => each.held.messageClass === 'transactional').length, 5)
})

test('destinations take turns under the common limit', async () => {
  const one = rig({ maxActive: 10 })
  one.lanes.push(jobs(1_000, { provider: 'google' }))
  one.lanes.push(jobs(50, { provider: 'yahoo' }))
  await one.clock.advance(200)
  assert.equal(one.sent.filter((each) => each.held.job.provider === 'yahoo').length, 50)
})

test('sources of a pool share the mail, and a blocked one loses its part at once and gets it back after', async () => {
  const one = rig({ pools: [poolOf('main', [ip('a'), ip('b')])] })
  let isBlocked = false
  blockWhile(one, (source) => isBlocked && source === 'a')
  one.lanes.push(jobs(20_000))
  await one.clock.advance(1_000)
  const before = bySource(one.sent)
  assert.ok(Math.abs((before['a'] ?? 0) - (before['b'] ?? 0)) <= 20, JSON.stringify(before))

  isBlocked = true
  await one.clock.advance(100)
  assert.deepEqual(one.suspended, ['live/google/a'])
  const at = one.sent.length
  await one.clock.advance(10_000)
  assert.deepEqual(Object.keys(bySource(one.sent.slice(at))), ['b'])

  isBlocked = false
  for (let second = 0; second < (LIVE_TIMES.suspendMs + 20 * LIVE_TIMES.stepMs) / 1_000; second++) {
    one.lanes.push(jobs(2))
    await one.clock.advance(1_000)
  }
  one.lanes.push(jobs(20_000))
  const from = one.sent.length
  await one.clock.advance(1_000)
  const after = bySource(one.sent.slice(from))
  assert.ok((after['a'] ?? 0) > 0.4 * (after['b'] ?? 0), JSON.stringify(after))
})

test('what a blocked source leaves spills over with a bound', async () => {
  const one = rig({ pools: [poolOf('main', [ip('a'), ip('b')])], limits: () => ({ maxConnections: 50 }) })
  blockWhile(one, (source) => source === 'a' && one.clock.monotonicMs() >= 10_000)
  for (let second = 0; second < 40; second++) {
    one.lanes.push(jobs(100))
    await one.clock.advance(1_000)
  }
  const late = one.sent.filter((each) => each.atMs >= 15_000 && each.source === 'b')
  const perSecond = late.length / 25
  assert.ok(perSecond > 60 && perSecond <= 80, `${perSecond} a second, 50 before`)
})

test('when every source is suspended the jobs go back with the time, and no credit is given', async () => {
  const one = rig()
  blockWhile(one, () => true)
  one.lanes.push(jobs(500))
  await one.clock.advance(100)
  assert.equal(one.lanes.size(), 0)
  assert.ok(one.sent.length <= 20, `${one.sent.length} tried`)
  assert.equal(one.back.length, 500 - one.sent.length)
  assert.ok(one.back.every(({ untilMs }) => (untilMs ?? 0) >= LIVE_TIMES.suspendMs))
  assert.equal(one.lanes.destination('live', 'google').credit(), 0)
  await one.clock.advance(LIVE_TIMES.suspendMs)
  assert.ok(one.lanes.destination('live', 'google').credit() > 0)
})

test('a suspended lane is not tried again after a restart', async () => {
  const before = rig()
  blockWhile(before, () => true)
  before.lanes.push(jobs(20))
  await before.clock.advance(100)
  const saved = before.lanes.lane('live/google/a')?.save()
  assert.ok(saved)
  const one = rig({ saved: { 'live/google/a': saved } })
  one.lanes.push(jobs(20))
  await one.clock.advance(1_000)
  assert.deepEqual([one.sent.length, one.back.length], [0, 20])
})

test('a slow answer halves the lane, a refusal of a recipient does not', async () => {
  const one = rig()
  one.verdict = () => ({ kind: 'other' })
  one.lanes.push(jobs(1_000))
  await one.clock.advance(1_000)
  assert.equal(one.sent.length, 1_000)
  one.verdict = () => ({ kind: 'slow', reply: '421 4.7.28' })
  one.lanes.push(jobs(10_000))
  await one.clock.advance(100)
  assert.equal(one.lanes.lane('live/google/a')?.health.state(one.clock.monotonicMs()), 'slowed')
})

test('who was greylisted comes from the same source for the first tries', async () => {
  const one = rig({ pools: [poolOf('main', [ip('a'), ip('b'), ip('c')])] })
  const grey = { lastClass: 'greylisted', lastSource: 'b', attempt: 2 }
  one.lanes.push([...jobs(200), ...jobs(50, grey), ...jobs(50, { ...grey, attempt: 4 })])
  await one.clock.advance(1_000)
  assert.equal(one.sent.length, 300)
  const again = one.sent.filter((each) => each.held.job.attempt === 2)
  assert.deepEqual(bySource(again), { b: 50 })
  const later = one.sent.filter((each) => each.held.job.attempt === 4)
  assert.ok(Object.keys(bySource(later)).length > 1)
})

test('a person pauses a lane, gives it a limit for a time, and lets it go on', async () => {
  const one = rig()
  one.lanes.push(jobs(1))
  await one.clock.advance(20)
  const lane = one.lanes.lane('live/google/a')
  lane?.setOrder({ paused: 'maintenance' })
  one.lanes.push(jobs(10))
  await one.clock.advance(1_000)
  assert.deepEqual([one.sent.length, one.back.length], [1, 10])
  lane?.setOrder({ messagesPerMinute: 60, untilMs: one.clock.monotonicMs() + 60_000 })
  one.lanes.push(jobs(1_000))
  await one.clock.advance(30_000)
  assert.ok(one.sent.length >= 30 && one.sent.length <= 33, `${one.sent.length}`)
  await one.clock.advance(40_000)
  assert.equal(one.sent.length, 1_001)
  lane?.setOrder({ paused: 'for an hour', untilMs: one.clock.monotonicMs() + 3_600_000 })
  assert.equal(one.lanes.destination('live', 'google').credit(), 0)
  await one.clock.advance(3_600_000)
  assert.ok(one.lanes.destination('live', 'google').credit() > 0)
})

test('a source that is drained ends what it has, and its pool goes on without it', async () => {
  const one = rig({ pools: [poolOf('main', [ip('a'), ip('b')])] })
  one.lanes.push(jobs(1_000))
  await one.clock.advance(50)
  one.pools = [poolOf('main', [ip('a', { isDraining: true }), ip('b')])]
  one.lanes.pump()
  const at = one.sent.length
  await one.clock.advance(2_000)
  assert.equal(one.sent.length, 1_000)
  assert.deepEqual(Object.keys(bySource(one.sent.slice(at))), ['b'])
})

test('an unknown destination may be given a first credit, a busy one what it sends in a minute', async () => {
  const one = rig({ limits: () => ({ rates: [{ count: 2, perMs: 1_000 }] }) })
  assert.equal(one.lanes.destination('live', 'yahoo').credit(), FIRST_CREDIT)
  one.lanes.push(jobs(200))
  await one.clock.advance(20_000)
  assert.equal(one.lanes.destination('live', 'google').credit(), (HOLD_MS / 1_000) * 2)
})
