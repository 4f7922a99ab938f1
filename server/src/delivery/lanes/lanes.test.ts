import assert from 'node:assert/strict'
import { test } from 'node:test'
import { manualClock, type ManualClock } from '@pigeon/server/test/manual-clock.ts'
import type { SendJob } from '#events/email-events.ts'
import type { ProviderLimits, SharedLimits } from '#delivery/shaping/shaping.ts'
import type { LanePool } from './destination.ts'
import { HOLD_MS, MAX_CREDIT } from './destination.ts'
import type { MessageClass } from './fair-queue.ts'
import { LIVE_TIMES } from './lane-health.ts'
import type { Closed, Lane, LaneSource, LaneVerdict, SavedLane } from './lane.ts'
import { createLanes, type HeldJob, type Lanes } from './lanes.ts'
import type { Rate } from './rate-limit.ts'
import { dayOf } from './warm-up.ts'

const NO_LIMIT: SharedLimits = { maxConnections: Infinity, rates: [] }
const ACCEPTED: LaneVerdict = { kind: 'accepted' }
const SEND_MS = 10

interface Sent {
  readonly atMs: number
  readonly held: HeldJob
  readonly source: string
}

interface Rig {
  readonly clock: ManualClock
  readonly lanes: Lanes
  readonly sent: Sent[]
  readonly back: { readonly held: HeldJob; readonly untilMs: number | undefined }[]
  readonly suspended: string[]
  verdict: (held: HeldJob, lane: Lane) => LaneVerdict
  pools: LanePool[]
  readonly closed: Map<string, Closed>
}

interface RigOptions {
  readonly pools?: LanePool[]
  readonly limits?: (provider: string) => Partial<ProviderLimits['lane']>
  readonly tenant?: SharedLimits
  readonly maxActive?: number
  readonly saved?: Readonly<Record<string, SavedLane>>
}

function poolOf(id: string, sources: readonly LaneSource[], overflow?: string): LanePool {
  const members = sources.map((source) => ({ source, weight: 1 }))
  return overflow === undefined ? { id, name: id, members } : { id, name: id, members, overflow }
}

function ip(name: string, more: Partial<LaneSource> = {}): LaneSource {
  return { id: name, name, ...more }
}

function rig(options: RigOptions = {}): Rig {
  const clock = manualClock()
  const limits = new Map<string, ProviderLimits>()
  const limitsOf = (provider: string): ProviderLimits => {
    const known = limits.get(provider) ?? {
      lane: {
        maxConnections: 5,
        rates: [],
        maxMessagesPerConnection: 100,
        connectionRates: [],
        idleMs: 1_000,
        tls: undefined,
        ...options.limits?.(provider),
      },
      provider: NO_LIMIT,
      tenant: options.tenant ?? NO_LIMIT,
    }
    limits.set(provider, known)
    return known
  }
  const made: Rig = {
    clock,
    sent: [],
    back: [],
    suspended: [],
    verdict: () => ACCEPTED,
    pools: options.pools ?? [poolOf('main', [ip('a')])],
    closed: new Map(),
    lanes: createLanes({
      clock,
      pool: (id) => made.pools.find((pool) => pool.id === id) ?? poolOf(id, []),
      limits: limitsOf,
      poolsOf: () => [],
      times: { live: LIVE_TIMES, sandbox: LIVE_TIMES },
      saved: (key) => options.saved?.[key],
      made: () => undefined,
      day: () => dayOf(clock.now()),
      closed: (source) => made.closed.get(source.id),
      maxActive: options.maxActive ?? 1_000,
      mayBegin: () => true,
      tenantLimits: () => NO_LIMIT,
      giveBack: (jobs, untilMs) => void made.back.push(...jobs.map((held) => ({ held, untilMs }))),
      onSuspended: (lane) => void made.suspended.push(lane.key),
      send: async (held, lane) => {
        made.sent.push({ atMs: clock.monotonicMs(), held, source: lane.source().name })
        await clock.sleep(SEND_MS)
        return made.verdict(held, lane)
      },
    }),
  }
  return made
}

let messages = 0

function job(more: Partial<SendJob> = {}, of: { pool?: string; messageClass?: MessageClass } = {}): HeldJob {
  const tenantId = more.tenantId ?? 'tenant'
  return {
    tenantId,
    messageClass: of.messageClass ?? 'bulk',
    poolId: of.pool ?? 'main',
    shard: 0,
    epoch: 1,
    job: {
      messageId: `m${++messages}`,
      tenantId,
      campaignId: 'c',
      contactId: null,
      recipient: 'a@b.example',
      firstName: null,
      lastName: null,
      attributes: {},
      mode: 'live',
      domain: 'b.example',
      provider: 'google',
      destination: 1,
      attempt: 1,
      lastSource: null,
      lastClass: null,
      lastReply: null,
      claimedAt: '',
      expiresAt: '',
      ...more,
    },
  }
}

function jobs(count: number, more: Partial<SendJob> = {}, of: Parameters<typeof job>[1] = {}): HeldJob[] {
  return Array.from({ length: count }, () => job(more, of))
}

function bySource(sent: readonly Sent[]): Record<string, number> {
  return Object.fromEntries(
    [...Map.groupBy(sent, (one) => one.source)].map(([name, all]) => [name, all.length]),
  )
}

function blockWhile(one: Rig, isBlocked: (source: string) => boolean): void {
  one.verdict = (_, lane) =>
    isBlocked(lane.source().name) ? { kind: 'suspend', reply: '550 5.7.1 S3150' } : ACCEPTED
}

test('everything is sent, with two messages for each connection at a time', async () => {
  const one = rig()
  one.lanes.push(jobs(100))
  assert.equal(one.sent.length, 10)
  await one.clock.advance(100)
  assert.equal(one.sent.length, 100)
  assert.equal(one.lanes.size(), 0)
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

test('over thirty days a new source stays within every budget, and what is too much leaves over the other pool', async () => {
  const curve = [50, 100, 250, 500, 1_000, 2_500]
  const one = rig({
    pools: [
      poolOf('main', [ip('new', { warmUp: { since: 'now', curve } })], 'warm'),
      poolOf('warm', [ip('old')]),
    ],
  })
  for (let day = 0; day < 30; day++) {
    const from = one.sent.length
    one.lanes.push(jobs(3_000))
    await one.clock.advance(86_400_000)
    const sent = bySource(one.sent.slice(from))
    assert.equal(sent['new'], Math.min(3_000, curve[day] ?? 3_000), `day ${day}`)
    assert.equal((sent['new'] ?? 0) + (sent['old'] ?? 0), 3_000)
  }
})

test('a warming source without overflow gives back what is beyond its day', async () => {
  const one = rig({ pools: [poolOf('main', [ip('new', { warmUp: { since: 'now', curve: [50, 100] } })])] })
  one.lanes.push(jobs(80))
  await one.clock.advance(10_000)
  assert.deepEqual([one.sent.length, one.back.length], [50, 30])
  assert.equal(one.lanes.destination('live', 'google').credit(), 0)
})

test('a warm-up that is begun anew begins at its first day', async () => {
  const curve = [5, 50]
  const one = rig({ pools: [poolOf('main', [ip('new', { warmUp: { since: 'first', curve } })])] })
  one.lanes.push(jobs(5))
  await one.clock.advance(86_400_000)
  one.lanes.push(jobs(20))
  await one.clock.advance(1_000)
  assert.equal(one.sent.length, 25)
  one.pools = [poolOf('main', [ip('new', { warmUp: { since: 'second', curve } })])]
  one.lanes.push(jobs(20))
  await one.clock.advance(1_000)
  assert.equal(one.sent.length, 30)
})

test('an unknown destination may be given a full credit, a busy one what it sends in a minute', async () => {
  const one = rig({ limits: () => ({ rates: [{ count: 2, perMs: 1_000 }] }) })
  assert.equal(one.lanes.destination('live', 'yahoo').credit(), MAX_CREDIT)
  one.lanes.push(jobs(200))
  await one.clock.advance(20_000)
  assert.equal(one.lanes.destination('live', 'google').credit(), (HOLD_MS / 1_000) * 2)
})

test('a source that is closed takes nothing, its mail overflows, and what has no way out goes back', async () => {
  const one = rig({ pools: [poolOf('main', [ip('a')], 'rest'), poolOf('rest', [ip('b')])] })
  one.closed.set('a', { reason: 'The daily cost cap is reached.', waitMs: Infinity, isBusy: false })
  one.lanes.push([job()])
  assert.deepEqual(
    one.sent.map(({ source }) => source),
    ['b'],
  )
  one.closed.set('b', { reason: 'Down.', waitMs: Infinity, isBusy: false })
  one.lanes.push([job()])
  assert.equal(one.sent.length, 1)
  assert.equal(one.back.length, 1)
  assert.equal(one.lanes.destination('live', 'google').credit(), 0)
})

test('sandbox mail does not ask whether a source is closed', async () => {
  const one = rig()
  one.closed.set('a', { reason: 'Down.', waitMs: Infinity, isBusy: false })
  one.lanes.push([job({ mode: 'sandbox' })])
  assert.equal(one.sent.length, 1)
})
