import assert from 'node:assert/strict'
import { test } from 'node:test'
import { manualClock } from './manual-clock.ts'

test('sleeps end in the order of their times, each at its own time', async () => {
  const clock = manualClock()
  const seen: string[] = []
  const sleep = async (name: string, ms: number): Promise<void> => {
    await clock.sleep(ms)
    seen.push(`${name} at ${clock.monotonicMs()}`)
  }
  const all = Promise.all([sleep('later', 20), sleep('sooner', 10)])
  await clock.advance(5)
  assert.deepEqual(seen, [])
  await clock.advance(100)
  await all
  assert.deepEqual(seen, ['sooner at 10', 'later at 20'])
  assert.equal(clock.now().toISOString(), '2026-01-01T00:00:00.105Z')
})

test('an aborted sleep ends without an error', async () => {
  const clock = manualClock()
  const abort = new AbortController()
  const sleep = clock.sleep(1000, abort.signal)
  assert.equal(clock.sleepers(), 1)
  abort.abort()
  await sleep
  assert.equal(clock.sleepers(), 0)
  await clock.sleep(1000, abort.signal)
})
