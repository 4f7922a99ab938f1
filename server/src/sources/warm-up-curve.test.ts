import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DEFAULT_WARM_UP_CURVE, warmUpBudget, warmUpDay } from './warm-up-curve.ts'

const HOUR_MS = 3600_000
const startedAt = new Date('2026-03-28T22:30:00Z')
const after = (hours: number): Date => new Date(startedAt.getTime() + hours * HOUR_MS)

test('each day of a warm-up has 24 hours from its start, whatever the clocks do', () => {
  const warmUp = { startedAt, curve: [50, 100, 250] }
  const budgets = [0, 23.99, 24, 47.99, 48, 71.99].map((hours) => warmUpBudget(warmUp, after(hours)))
  assert.deepEqual(budgets, [50, 50, 100, 100, 250, 250])
})

test('after its last day there is no limit', () => {
  assert.equal(warmUpBudget({ startedAt, curve: [50] }, after(24)), undefined)
  assert.equal(warmUpBudget({ startedAt, curve: DEFAULT_WARM_UP_CURVE }, after(15 * 24)), 100_000)
  assert.equal(warmUpBudget({ startedAt, curve: DEFAULT_WARM_UP_CURVE }, after(16 * 24)), undefined)
})

test('a clock that was set back leaves it at its first day', () => {
  assert.equal(warmUpDay({ startedAt, curve: [50] }, after(-30)), 0)
})

test('the shipped curve begins at 50 and only ever grows', () => {
  assert.equal(DEFAULT_WARM_UP_CURVE[0], 50)
  for (const [day, count] of DEFAULT_WARM_UP_CURVE.entries())
    assert.ok(day === 0 || count > (DEFAULT_WARM_UP_CURVE[day - 1] ?? 0), `day ${day}`)
})
