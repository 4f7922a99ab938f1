import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FeedbackEvent, FeedbackPayload } from '#events/feedback-events.ts'
import { uuidv7 } from '#platform/ids.ts'
import { createLog } from '#platform/log.ts'
import { manualClock } from '@pigeon/server/test/manual-clock.ts'
import { createFeedbackBuffer } from './feedback-buffer.ts'

const log = createLog({ level: 'silent', role: 'test' })

function opening(): FeedbackEvent {
  const [id, messageId] = [uuidv7(), uuidv7()]
  const nothing = { ip: null, userAgent: null, url: null, link: null, machineSigns: [] }
  return { id, messageId, tenantId: uuidv7(), at: '2026-01-01T00:00:00Z', type: 'opened', ...nothing }
}

/** A stream that can be broken, and what it took. */
function rig(options: { maxWaiting?: number } = {}) {
  const clock = manualClock()
  const taken: string[] = []
  const state = { isBroken: false, appends: 0 }
  const stream = {
    append: async (_topic: string, records: readonly { payload: unknown }[]) => {
      state.appends += 1
      if (state.isBroken) throw new Error('The database is away.')
      // The topic has this payload.
      for (const { payload } of records)
        taken.push(...(payload as FeedbackPayload).events.map(({ id }) => id))
    },
  }
  const buffer = createFeedbackBuffer({ stream, clock, log }, options)
  const ending = new AbortController()
  const work = buffer.run(ending.signal)
  const end = async () => {
    ending.abort()
    await work
  }
  return { buffer, clock, taken, state, end, work, ending }
}

test('what comes within a moment is one append', async () => {
  const { buffer, clock, taken, state, end } = rig()
  const events = Array.from({ length: 300 }, opening)
  for (const event of events) await buffer.put(event)
  await clock.advance(100)
  assert.deepEqual(new Set(taken), new Set(events.map(({ id }) => id)))
  assert.equal(state.appends, 1)
  await end()
})

test('what waits when the process ends is appended first', async () => {
  const { buffer, taken, end } = rig()
  await buffer.put(opening())
  await end()
  assert.equal(taken.length, 1)
})

test('while the database is away nothing is lost and nothing is out of order', async () => {
  const { buffer, clock, taken, state, end } = rig()
  state.isBroken = true
  const events = [opening(), opening()]
  for (const event of events) await buffer.put(event)
  await clock.advance(2_000)
  assert.ok(state.appends > 1)
  assert.equal(taken.length, 0)
  state.isBroken = false
  await clock.advance(1_000)
  assert.equal(taken.length, 2)
  await end()
})

test('who comes when it is full waits until there is room, and no longer than two seconds', async () => {
  const { buffer, clock, taken, state, end } = rig({ maxWaiting: 1 })
  state.isBroken = true
  await buffer.put(opening())
  const late = buffer.put(opening())
  await clock.advance(2_000)
  await late
  const waits = buffer.put(opening())
  state.isBroken = false
  await clock.advance(600)
  await waits
  await end()
  assert.equal(taken.length, 2, 'the first and the last; the second was lost')
})
