import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BURST_MS } from './machine-signs.ts'
import { createRecentHits, TRAP_MS, type RecentHit } from './recent-hits.ts'

const CLICK: RecentHit = {
  messageId: 'a',
  ip: '198.51.100.7',
  userAgent: 'x',
  type: 'clicked',
  link: 0,
  isTrap: false,
}

test('another link of the same message within a moment is a burst, the same link twice is a double click', () => {
  const recent = createRecentHits()
  assert.equal(recent.look(CLICK, 0).otherLinks, 0)
  assert.equal(recent.look(CLICK, 10).otherLinks, 0)
  assert.ok(recent.look({ ...CLICK, link: 1 }, 20).otherLinks > 0)
  assert.equal(recent.look({ ...CLICK, messageId: 'b', link: 2 }, 30).otherLinks, 0)
  assert.equal(recent.look({ ...CLICK, link: 3 }, 20 + BURST_MS).otherLinks, 0)
  assert.equal(recent.look({ ...CLICK, type: 'opened', link: -1 }, 10_000).otherLinks, 0)
})

test('who followed a trap is known in other messages, for a while, and nobody else is', () => {
  const recent = createRecentHits()
  assert.equal(recent.look({ ...CLICK, isTrap: true }, 0).hasFollowedTrap, false)
  assert.equal(recent.look({ ...CLICK, messageId: 'b' }, 10).hasFollowedTrap, true)
  assert.equal(recent.look({ ...CLICK, ip: '198.51.100.8' }, 10).hasFollowedTrap, false)
  assert.equal(recent.look({ ...CLICK, userAgent: 'y' }, 10).hasFollowedTrap, false)
  assert.equal(recent.look(CLICK, TRAP_MS).hasFollowedTrap, false)
})

test('it forgets what was touched longest ago', () => {
  const recent = createRecentHits(2)
  for (const messageId of ['a', 'b', 'a', 'c']) recent.look({ ...CLICK, messageId }, 0)
  assert.ok(recent.look({ ...CLICK, messageId: 'a', link: 1 }, 0).otherLinks > 0)
  assert.equal(recent.look({ ...CLICK, messageId: 'b', link: 1 }, 0).otherLinks, 0)
})
