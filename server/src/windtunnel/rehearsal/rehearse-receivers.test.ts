import assert from 'node:assert/strict'
import { test } from 'node:test'
import { manualClock } from '@pigeon/server/test/manual-clock.ts'
import type { HabitsChange } from '#windtunnel/habits.schema.ts'
import { loadProfiles } from '#windtunnel/load-profiles.ts'
import { runWindtunnel } from '#windtunnel/running-windtunnel.ts'
import { send } from '#windtunnel/transactions.ts'
import { createDueHeap } from './due-heap.ts'
import type { ProviderForecast, RehearsalInput } from './rehearsal.ts'
import { profileFor, rehearse } from './rehearse.ts'

const COUNT = 250
const WAITS_MS = [120_000, 240_000, 480_000]
const EXPIRES_MS = 3_600_000
const PAUSE_MS = 30_000
/** Between two messages, by our own limit. */
const PACE_MS = 500
/** Counts must be equal; the duration may differ by this share. */
const TOLERANCE = 0.02

const addressAt = (index: number) => `person${index}@gmail.com`

/** What really happened: the receivers' answers over sockets, counted. */
interface Measured {
  delivered: number
  bounced: number
  expired: number
  deferred: number
  durationMs: number
}

/**
 * Sends to the receivers one message after the other, each at its time: the clock is moved to when it is due, so an hour
 * of retries passes in seconds and nothing depends on the speed of the machine.
 */
async function sendForReal(t: Parameters<typeof runWindtunnel>[0], google: HabitsChange): Promise<Measured> {
  const clock = manualClock()
  const { visit } = await runWindtunnel(t, { clock, habits: { google } })
  const due = createDueHeap()
  for (let recipient = 0; recipient < COUNT; recipient++) due.push(0, recipient)
  const tries = new Map<number, number>()
  const found = { delivered: 0, bounced: 0, expired: 0, deferred: 0, durationMs: 0 }
  let nowMs = 0
  let openAtMs = 0
  while (due.size > 0) {
    const atMs = Math.max(nowMs, due.earliest(), openAtMs)
    const recipient = due.pop()
    await clock.advance(atMs - nowMs)
    nowMs = atMs
    const visitor = await visit('google')
    const reply = await send(visitor, addressAt(recipient))
    visitor.end()
    const attempt = (tries.get(recipient) ?? 0) + 1
    tries.set(recipient, attempt)
    openAtMs = nowMs + (reply.startsWith('421') ? PAUSE_MS : PACE_MS)
    const dueMs = nowMs + (WAITS_MS[Math.min(attempt, WAITS_MS.length) - 1] ?? 0)
    // A 552 to RCPT is to be read as 452 (RFC 5321, 4.5.3.1.10).
    const isTransient = reply.startsWith('4') || reply.startsWith('552')
    if (isTransient) found.deferred += 1
    if (isTransient && dueMs < EXPIRES_MS) {
      due.push(dueMs, recipient)
      continue
    }
    if (reply.startsWith('250')) found.delivered += 1
    else if (isTransient) found.expired += 1
    else found.bounced += 1
    found.durationMs = nowMs
  }
  return found
}

async function predict(google: HabitsChange): Promise<ProviderForecast> {
  const profiles = await loadProfiles()
  const input: RehearsalInput = {
    seed: 1,
    recipients: [{ provider: 'google', count: COUNT, addressAt }],
    sources: [
      {
        ip: '127.0.0.1',
        limits: { maxConnections: 1, messagesPerConnection: 1, perSecond: 1000 / PACE_MS },
      },
    ],
    retry: {
      waitsMs: WAITS_MS,
      jitter: 0,
      expiresMs: EXPIRES_MS,
      slowMs: PAUSE_MS,
      suspendMs: PAUSE_MS,
      maxPauseMs: PAUSE_MS,
    },
    sender: { domain: 'news.example', isSpfAligned: true, isDkimAligned: true },
    // Over sockets no time passes on the manual clock.
    timing: { connectMs: 0, messageMs: 0, idleMs: 5000 },
  }
  const habitsOf = () => ({ ...profileFor(profiles, 'google').gentleHabits, ...google })
  const [forecast] = (await rehearse({ profiles, habitsOf }, input)).providers
  assert.ok(forecast)
  return forecast
}

const sum = (counts: Readonly<Record<string, number>>) =>
  Object.values(counts).reduce((total, each) => total + each, 0)

const CASES: Readonly<Record<string, HabitsChange>> = {
  'unknown and full mailboxes, greylisting and passing failures': {
    unknown_user_share: 0.06,
    mailbox_full_share: 0.03,
    temporary_failure_share: 0.05,
    greylist_share: 0.3,
    greylist_delay_ms: 300_000,
    requires_authentication: 'nothing',
  },
  'a rate below our own': {
    unknown_user_share: 0.02,
    mailbox_full_share: 0,
    messages_per_second: 1,
    burst: 20,
    requires_authentication: 'nothing',
  },
}

for (const [name, google] of Object.entries(CASES)) {
  test(`a rehearsal predicts what the receivers do over sockets: ${name}`, async (t) => {
    const real = await sendForReal(t, google)
    const forecast = await predict(google)
    const predicted = {
      delivered: forecast.delivered,
      bounced: sum(forecast.bounced),
      expired: forecast.expired,
      deferred: sum(forecast.deferred),
    }
    const { durationMs, ...counts } = real
    assert.deepEqual(predicted, counts)
    assert.ok(counts.deferred > 3 && counts.bounced > 0, 'it is no walk in the park')
    const difference = Math.abs(forecast.durationMs - durationMs)
    assert.ok(difference <= TOLERANCE * durationMs, `${forecast.durationMs} and ${durationMs}`)
  })
}
