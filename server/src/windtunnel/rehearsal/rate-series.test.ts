import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRateSeries } from './rate-series.ts'

test('seconds become longer stretches as time goes on, and nothing is lost', () => {
  const series = createRateSeries()
  for (let second = 0; second < 100; second++) series.count('delivered', second * 1000)
  assert.equal(series.read().everyMs, 1000)
  for (let hour = 0; hour < 72; hour++) series.count('deferred', hour * 3_600_000)
  const { everyMs, points } = series.read()
  assert.ok(points.length <= 128 && everyMs * points.length >= 71 * 3_600_000)
  assert.equal(
    points.reduce((sum, { delivered }) => sum + delivered, 0),
    100,
  )
  assert.equal(
    points.reduce((sum, { deferred }) => sum + deferred, 0),
    72,
  )
  assert.deepEqual(points[0], { delivered: 100, deferred: 1, bounced: 0 })
})

test('it is known when a share of all deliveries was reached', () => {
  const series = createRateSeries()
  assert.equal(series.deliveredMs(0.5), 0)
  for (let second = 0; second < 100; second++) series.count('delivered', second * 1000)
  assert.equal(series.deliveredMs(0.5), 50_000)
  assert.equal(series.deliveredMs(1), 100_000)
})
