import assert from 'node:assert/strict'
import { test } from 'node:test'
import { waitAfter } from './retry-schedule.ts'

test('ten tries within three and a half days, each wait longer than the one before and with jitter', () => {
  const tries = Array.from({ length: 10 }, (_, n) => n + 1)
  assert.deepEqual(
    tries.map((n) => waitAfter(n, 0)),
    [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400]
      .map((seconds): number | null => seconds * 1_000)
      .concat(null),
  )
  assert.equal(waitAfter(1, 1), 5_500)
  const longest = tries.reduce((sum, n) => sum + (waitAfter(n, 1) ?? 0), 0)
  assert.ok(longest < 3.5 * 86_400_000)
})
