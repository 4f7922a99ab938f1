import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isSpike, stepOf } from './spike.ts'

const none = { usualEnded: 0, usualUnknownUsers: 0 }

test('a provider that suddenly knows one in five no more has a spike', () => {
  assert.equal(isSpike({ ended: 250, unknownUsers: 50, ...none }), true)
  assert.equal(isSpike({ ended: 251, unknownUsers: 50, ...none }), false)
})

test('few unknown mailboxes are no spike, whatever their share', () => {
  assert.equal(isSpike({ ended: 49, unknownUsers: 49, ...none }), false)
})

test('what is usual there is no spike, until nearly everybody is unknown', () => {
  const usual = { usualEnded: 10_000, usualUnknownUsers: 3_000 }
  assert.equal(isSpike({ ended: 1_000, unknownUsers: 400, ...usual }), false)
  assert.equal(isSpike({ ended: 1_000, unknownUsers: 900, ...usual }), true)
})

test('four times the usual share is a spike', () => {
  const usual = { usualEnded: 10_000, usualUnknownUsers: 600 }
  assert.equal(isSpike({ ended: 1_000, unknownUsers: 230, ...usual }), false)
  assert.equal(isSpike({ ended: 1_000, unknownUsers: 240, ...usual }), true)
})

test('late bounces count also when nothing ended', () => {
  assert.equal(isSpike({ ended: 0, unknownUsers: 60, ...none }), true)
})

test('counts are kept in steps of five minutes', () => {
  assert.equal(stepOf(new Date('2026-03-01T08:04:59.999Z')).toISOString(), '2026-03-01T08:00:00.000Z')
})
