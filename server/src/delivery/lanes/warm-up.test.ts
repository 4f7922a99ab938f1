import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  advance,
  beginWarmUp,
  budgetLeft,
  countSent,
  forecastDays,
  isWarm,
  type WarmUpState,
} from './warm-up.ts'

const CURVE = [50, 100, 250, 500]
const DAY_MS = 86_400_000

function nth(day: number): string {
  return new Date(Date.parse('2026-03-01') + day * DAY_MS).toISOString().slice(0, 10)
}

function after(state: WarmUpState, more: Partial<WarmUpState> = {}): WarmUpState {
  const next = nth((Date.parse(state.day) - Date.parse('2026-03-01')) / DAY_MS + 1)
  return advance({ ...countSent(state, CURVE[state.stage] ?? 1_000), ...more }, CURVE, next)
}

test('good days climb the curve to its end, and never exceed a budget', () => {
  let state = beginWarmUp(nth(0), 'now')
  const budgets = []
  while (!isWarm(state, CURVE)) {
    budgets.push(budgetLeft(state, CURVE))
    assert.equal(budgetLeft(countSent(state, budgetLeft(state, CURVE)), CURVE), 0)
    state = after(state)
  }
  assert.deepEqual(budgets, CURVE)
  assert.equal(budgetLeft(state, CURVE), Infinity)
})

test('a doubtful day stands still, a bad one steps back', () => {
  const second = after(beginWarmUp(nth(0), 'now'))
  assert.equal(second.stage, 1)
  assert.equal(after(second, { refused: 10 }).stage, 1)
  assert.equal(after(second, { refused: 30 }).stage, 0)
  assert.equal(after(second, { complained: 1 }).stage, 0)
  assert.equal(after({ ...second, stage: 2, sent: 0 }, { sent: 1_000, complained: 2 }).stage, 2)
})

test('a bad day makes a warm source cold again by one step', () => {
  assert.equal(after({ ...beginWarmUp(nth(0), 'now'), stage: 4 }, { refused: 500 }).stage, 3)
})

test('a day that hardly used its budget proves nothing', () => {
  const state = beginWarmUp(nth(0), 'now')
  assert.equal(advance(countSent(state, 24), CURVE, nth(1)).stage, 0)
  assert.equal(advance(countSent(state, 25), CURVE, nth(1)).stage, 1)
  assert.equal(advance(state, CURVE, nth(1)).stage, 0)
})

test('thirty idle days begin again, twenty-nine do not', () => {
  const state = { ...beginWarmUp(nth(0), 'now'), stage: 3, sent: 500, lastSentDay: nth(0) }
  assert.equal(advance(state, CURVE, nth(29)).stage, 4)
  assert.equal(advance(state, CURVE, nth(30)).stage, 0)
})

test('a clock that goes back changes nothing', () => {
  const state = countSent(beginWarmUp(nth(5), 'now'), 3)
  assert.equal(advance(state, CURVE, nth(4)), state)
})

test('a campaign over a new source needs as many days as the curve says, and one over a warm source a day', () => {
  const cold = { state: beginWarmUp(nth(0), 'now'), curve: CURVE }
  assert.equal(forecastDays([cold], 50), 1)
  assert.equal(forecastDays([cold], 51), 2)
  assert.equal(forecastDays([cold], 400), 3)
  assert.equal(forecastDays([cold, cold], 400), 3)
  assert.equal(forecastDays([cold], 1_000_000), 5)
  assert.equal(forecastDays([{ ...cold, state: { ...cold.state, stage: 4 } }, cold], 1_000_000), 1)
  assert.equal(forecastDays([], 1), undefined)
})
