import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DEFAULT_WARM_UP_CURVE } from './warm-up-curve.ts'

test('the shipped curve begins at 50 and only ever grows', () => {
  assert.equal(DEFAULT_WARM_UP_CURVE[0], 50)
  for (const [day, count] of DEFAULT_WARM_UP_CURVE.entries())
    assert.ok(day === 0 || count > (DEFAULT_WARM_UP_CURVE[day - 1] ?? 0), `day ${day}`)
})
