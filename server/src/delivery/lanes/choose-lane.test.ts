import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chooseLane, type Candidate, type Credits } from './choose-lane.ts'

function turns(candidates: readonly Candidate<string>[], count: number, credits: Credits<string>): string {
  return Array.from({ length: count }, () => chooseLane(candidates, credits) ?? '-').join('')
}

const A = { lane: 'a', weight: 5 }
const B = { lane: 'b', weight: 1 }
const C = { lane: 'c', weight: 1 }

test('turns follow the weights, and are spread', () => {
  assert.equal(turns([A, B, C], 14, new Map()), 'aabacaaaabacaa')
})

test('who is no candidate for a while gets its share again afterwards, and nothing more', () => {
  const credits = new Map<string, number>()
  const even = [
    { lane: 'a', weight: 1 },
    { lane: 'b', weight: 1 },
  ]
  turns(even, 10, credits)
  assert.equal(turns(even.slice(0, 1), 1_000, credits), 'a'.repeat(1_000))
  const after = turns(even, 100, credits)
  assert.equal(after.replaceAll('a', '').length, 50)
})

test('nobody is chosen when nobody is there', () => {
  assert.equal(chooseLane([], new Map()), undefined)
})
