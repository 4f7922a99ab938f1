import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bySource, ip, job, jobs, poolOf, rig } from '@pigeon/server/test/lane-rig.ts'

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
