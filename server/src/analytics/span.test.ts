import assert from 'node:assert/strict'
import { test } from 'node:test'
import { previousSpan, readInterval, readSpan } from './span.ts'

const now = new Date('2026-11-22T10:07:00Z')
const second = (text: string): number => Date.parse(text) / 1000

test('without a time the last 30 days are meant, in the zone of the tenant, in whole quarters of an hour', () => {
  assert.deepEqual(readSpan({}, 'Europe/Berlin', now), {
    from: second('2026-10-23T10:00:00Z'),
    to: second('2026-11-22T10:15:00Z'),
    timeZone: 'Europe/Berlin',
  })
})

test('a time and a zone of the caller count', () => {
  const query = {
    from: '2026-11-01T00:00:00+05:30',
    to: '2026-11-02T00:00:00+05:30',
    time_zone: 'Asia/Kolkata',
  }
  const span = readSpan(query, 'UTC', now)
  assert.deepEqual([span.from, span.to - span.from], [second('2026-10-31T18:30:00Z'), 86_400])
  assert.deepEqual(previousSpan(span).to, span.from)
  assert.deepEqual(previousSpan(span).from, span.from - 86_400)
})

test('times that make no sense are refused by field', () => {
  const refused: [object, string][] = [
    [{ from: '2026-11-22T00:00:00Z', to: '2026-11-21T00:00:00Z' }, 'from'],
    [{ from: '2020-01-01T00:00:00Z' }, 'from'],
    [{ to: '1969-01-01T00:00:00Z' }, 'to'],
    [{ from: 'yesterday' }, 'from'],
    [{ time_zone: 'Mars/Olympus' }, 'time_zone'],
  ]
  for (const [query, field] of refused)
    assert.throws(
      () => readSpan(query, 'UTC', now),
      (error: { code: string; errors: { field: string }[] }) =>
        error.code === 'analytics.bad_time' && error.errors[0]?.field === field,
    )
})

test('the interval follows from the length, and too many points are refused', () => {
  const of = (days: number) => ({ from: 0, to: days * 86_400, timeZone: 'UTC' })
  assert.deepEqual(
    [1, 30, 365].map((days) => readInterval(of(days), undefined)),
    ['hour', 'day', 'week'],
  )
  assert.equal(readInterval(of(365), 'month'), 'month')
  assert.throws(() => readInterval(of(60), 'hour'), { code: 'analytics.bad_time' })
})
