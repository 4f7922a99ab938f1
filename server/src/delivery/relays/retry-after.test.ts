import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MAX_REST_MS, restAsked } from './retry-after.ts'

const now = new Date('2026-03-01T12:00:00Z')
const inHalfAMinute = String(now.getTime() / 1000 + 30)

for (const [what, headers, body, expected] of [
  ['seconds in Retry-After', { 'retry-after': '30' }, '', 30_000],
  ['a date in Retry-After', { 'retry-after': 'Sun, 01 Mar 2026 12:00:30 GMT' }, '', 30_000],
  ['a date that is over', { 'retry-after': 'Sun, 01 Mar 2026 11:00:00 GMT' }, '', 0],
  ['a reset as a point in time', { 'x-ratelimit-reset': inHalfAMinute }, '', 30_000],
  ['a reset as a span', { 'x-ratelimit-reset': '30' }, '', 30_000],
  ['Retry-After before a reset', { 'retry-after': '5', 'x-ratelimit-reset': '30' }, '', 5_000],
  ['words with an ISO time', {}, 'Limit exceeded.  Retry after 2026-03-01T12:00:30.000Z', 30_000],
  ['words with an HTTP date', {}, 'try again after Sun, 01 Mar 2026 12:00:30 UTC', 30_000],
  ['nothing', {}, 'Slow down', 1_234],
  ['nonsense', { 'retry-after': 'soon' }, '', 1_234],
  ['a year', { 'retry-after': '31536000' }, '', MAX_REST_MS],
] as const) {
  test(`a relay is left alone as it asks: ${what}`, () => {
    assert.equal(restAsked({ kind: 'http', status: 429, headers, body }, now, 1_234), expected)
  })
}

test('a reset that every answer carries is no wish to be left alone, unless nothing remains', () => {
  const answer = (remaining: string) =>
    restAsked(
      {
        kind: 'http',
        status: 500,
        headers: { 'x-ratelimit-reset': '30', 'x-ratelimit-remaining': remaining },
        body: '',
      },
      now,
      0,
    )
  assert.deepEqual([answer('7'), answer('0')], [0, 30_000])
})
