import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DAY_MS } from './rates.ts'
import { allowance, newReputation, note, scoreAt } from './reputation.ts'

const JUDGING = {
  warmup_first_day: 100,
  warmup_growth: 2,
  warmup_full_day: 1000,
  unknown_tolerance: 0.1,
  complaint_tolerance: 0.01,
  recovery_per_day: 10,
}

test('the allowance grows with every day that has mail, up to the full number', () => {
  const reputation = newReputation(0)
  const allowances: number[] = []
  for (let day = 0; day < 6; day++) {
    note(reputation, 'message', JUDGING, day * DAY_MS)
    allowances.push(allowance(reputation, JUDGING))
  }
  assert.deepEqual(allowances, [100, 200, 400, 800, 1000, 1000])
  note(reputation, 'message', JUDGING, 30 * DAY_MS)
  assert.equal(reputation.daysSeen, 6, 'days without mail are no days')
})

test('within the allowance volume costs nothing; twice the allowance in a day costs everything', () => {
  const reputation = newReputation(0)
  const send = (messages: number) => {
    for (let message = 0; message < messages; message++) note(reputation, 'message', JUDGING, 0)
    return Math.round(scoreAt(reputation, JUDGING, 0))
  }
  assert.equal(send(100), 100)
  assert.equal(send(50), 50)
  assert.equal(send(50), 0)
  assert.equal(send(50), 0, 'no less than nothing')
})

test('unknown recipients and complaints cost by their share of the allowance', () => {
  const reputation = newReputation(0)
  for (let wrong = 0; wrong < 5; wrong++) note(reputation, 'unknown_user', JUDGING, 0)
  assert.equal(scoreAt(reputation, JUDGING, 0), 50, 'five of the ten in a hundred that are tolerated')
  note(reputation, 'complaint', JUDGING, 0)
  assert.equal(scoreAt(reputation, JUDGING, 0), 0, 'one in a hundred')
})

test('what was lost comes back with time, and never more than that', () => {
  const reputation = newReputation(0)
  for (let wrong = 0; wrong < 3; wrong++) note(reputation, 'unknown_user', JUDGING, 0)
  assert.equal(scoreAt(reputation, JUDGING, 0), 70)
  assert.equal(scoreAt(reputation, JUDGING, 1.5 * DAY_MS), 85)
  assert.equal(scoreAt(reputation, JUDGING, 30 * DAY_MS), 100)
})

test('where nobody judges nothing is lost', () => {
  const reputation = newReputation(0)
  const lenient = { ...JUDGING, warmup_full_day: 0 }
  for (let wrong = 0; wrong < 1000; wrong++) note(reputation, 'unknown_user', lenient, 0)
  assert.equal(scoreAt(reputation, lenient, 0), 100)
})
