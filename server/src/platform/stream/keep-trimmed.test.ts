import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLog } from '#platform/log.ts'
import { manualClock } from '@pigeon/server/test/manual-clock.ts'
import { keepTrimmed } from './keep-trimmed.ts'

test('every topic is trimmed again and again, also after one that failed, until it is told to stop', async () => {
  const clock = manualClock()
  const stop = new AbortController()
  const trimmed: string[] = []
  const running = keepTrimmed({
    stream: {
      trim: async (topic) => {
        trimmed.push(topic)
        if (topic === 'broken') throw new Error('no connection')
        return 7
      },
    },
    topics: ['broken', 'sound'],
    intervalMs: 1_000,
    signal: stop.signal,
    clock,
    log: createLog({ level: 'silent', role: 'test' }),
    onRemaining: (topic, records) => trimmed.push(`${topic}: ${records}`),
  })
  await clock.advance(2_000)
  stop.abort()
  await running
  assert.deepEqual(
    trimmed,
    [1, 2, 3].flatMap(() => ['broken', 'sound', 'sound: 7']),
  )
})
