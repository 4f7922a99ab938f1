import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SendJob } from '#events/email-events.ts'
import { outcomeOf } from '@pigeon/server/test/factories.ts'
import { inRounds } from './record-events.ts'

const outcome = (messageId: string, attempt: number) => {
  const job: SendJob = {
    messageId,
    attempt,
    tenantId: 't',
    campaignId: 'c',
    contactId: null,
    recipient: 'a@b.example',
    firstName: null,
    lastName: null,
    attributes: {},
    mode: 'sandbox',
    domain: 'b.example',
    provider: 'b',
    destination: 1,
    lastSource: null,
    lastClass: null,
    lastReply: null,
    claimedAt: '2026-01-01T00:00:00.000Z',
    expiresAt: '2026-01-02T00:00:00.000Z',
  }
  return { epoch: 1, event: outcomeOf(job, 'deferred', new Date('2026-01-01T00:00:01Z')) }
}

test('a message is once in a round, and its outcomes keep their order', () => {
  const rounds = inRounds([
    outcome('a', 1),
    outcome('b', 1),
    outcome('a', 2),
    outcome('a', 3),
    outcome('c', 1),
    outcome('b', 2),
  ])
  const names = rounds.map((round) => round.map(({ event }) => `${event.messageId}${event.attempt}`))
  assert.deepEqual(names, [['a1', 'b1', 'c1'], ['a2', 'b2'], ['a3']])
  assert.deepEqual(inRounds([]), [])
})
