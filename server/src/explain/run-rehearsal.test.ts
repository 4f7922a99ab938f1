import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Problem } from '#platform/problem.ts'
import { createRehearsalRunner, type RehearsalJob } from './run-rehearsal.ts'

const JOB: RehearsalJob = {
  groups: [{ provider: 'google', count: 20_000, addresses: undefined }],
  habits: 'gentle',
  profiles: undefined,
  input: {
    seed: 1,
    sources: [{ ip: '192.0.2.1', limits: { maxConnections: 10, messagesPerConnection: 100 } }],
    retry: {
      waitsMs: [60_000],
      jitter: 0.25,
      expiresMs: 3_600_000,
      slowMs: 1000,
      suspendMs: 1000,
      maxPauseMs: 8000,
    },
    sender: { domain: 'news.example', isSpfAligned: true, isDkimAligned: true },
    timing: { connectMs: 10, messageMs: 5, idleMs: 5000 },
  },
}
const hasCode = (code: string) => (error: unknown) => error instanceof Problem && error.code === code

test('a rehearsal runs beside this thread, which goes on meanwhile', async () => {
  let turns = 0
  const ticking = setInterval(() => (turns += 1), 1)
  const forecast = await createRehearsalRunner({ deadlineMs: 120_000 }).run(JOB)
  clearInterval(ticking)
  assert.equal(forecast.recipients, 20_000)
  assert.ok(turns > 5, `${turns} turns`)
})

test('the addresses that are given have their fates', async () => {
  const addresses = ['unknown@gmail.example', 'ann@gmail.example']
  const groups = [{ provider: 'google', count: 2, addresses }]
  const forecast = await createRehearsalRunner({ deadlineMs: 120_000 }).run({ ...JOB, groups })
  assert.deepEqual(forecast.providers[0]?.bounced, { unknown_user: 1 })
})

test('what cannot be rehearsed is a Problem, and the runner can be used again', async () => {
  const runner = createRehearsalRunner({ deadlineMs: 120_000 })
  const input = { ...JOB.input, sources: [] }
  await assert.rejects(runner.run({ ...JOB, input }), hasCode('windtunnel.bad_rehearsal'))
  assert.equal((await runner.run(JOB)).recipients, 20_000)
})

test('one that takes too long is ended', async () => {
  const runner = createRehearsalRunner({ deadlineMs: 1 })
  await assert.rejects(runner.run(JOB), hasCode('rehearsal.too_long'))
})

test('so many run at a time and no more', async () => {
  const runner = createRehearsalRunner({ deadlineMs: 120_000 })
  const both = Promise.all([runner.run(JOB), runner.run(JOB)])
  await assert.rejects(runner.run(JOB), hasCode('rehearsal.busy'))
  await both
})
