import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allOf, createRateLimit, type Rate, type RateLimit } from './rate-limit.ts'

/** When each of `count` went through, when everybody goes as early as allowed. */
function times(limit: RateLimit, count: number, startMs = 0): number[] {
  let nowMs = startMs
  return Array.from({ length: count }, () => {
    nowMs += limit.waitMs(nowMs)
    assert.equal(limit.waitMs(nowMs), 0, 'after the wait it may go')
    limit.take(nowMs)
    return nowMs
  })
}

function mostInSpan(at: readonly number[], spanMs: number): number {
  return Math.max(...at.map((from) => at.filter((time) => time >= from && time < from + spanMs).length))
}

test('a rate a second is spread evenly, after a tenth of a second at once', () => {
  const at = times(createRateLimit({ count: 50, perMs: 1_000 }), 100)
  assert.deepEqual(at.slice(0, 6), [0, 0, 0, 0, 0, 20])
  assert.ok(mostInSpan(at, 1_000) <= 55)
  assert.equal(at.at(-1), 95 * 20)
})

test('a rate below one a second lets one go at a time', () => {
  assert.deepEqual(times(createRateLimit({ count: 0.1, perMs: 1_000 }), 3), [0, 10_000, 20_000])
})

test('time without use is not saved up', () => {
  const limit = createRateLimit({ count: 10, perMs: 1_000 })
  times(limit, 5)
  assert.deepEqual(times(limit, 3, 60_000), [60_000, 60_100, 60_200])
})

for (const rate of [
  { count: 30, perMs: 60_000 },
  { count: 500, perMs: 3_600_000 },
  { count: 100, perMs: 86_400_000 },
] satisfies Rate[]) {
  test(`${rate.count} in ${rate.perMs} ms are never exceeded in any span, and may go at once`, () => {
    const at = times(createRateLimit(rate), rate.count * 3)
    assert.equal(at[rate.count - 1], 0)
    assert.ok(mostInSpan(at, rate.perMs) <= rate.count)
    const last = at.at(-1) ?? 0
    assert.ok(last <= 2 * rate.perMs * (1 + 1 / 60) + 1, `the last at ${last}`)
  })
}

test('of several limits the strictest decides, and all are used', () => {
  const second = createRateLimit({ count: 10, perMs: 1_000 })
  const both = allOf([second, createRateLimit({ count: 3, perMs: 60_000 })])
  const at = times(both, 4)
  assert.deepEqual(at.slice(0, 3), [0, 100, 200])
  assert.ok((at[3] ?? 0) >= 60_000)
})
