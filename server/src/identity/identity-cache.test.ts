import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Identity } from '#http/who.ts'
import { manualClock } from '@pigeon/server/test/manual-clock.ts'
import { createIdentityCache } from './identity-cache.ts'

const SOMEONE: Identity = {
  tenantId: 't',
  userId: 'u',
  role: 'owner',
  scopes: 'all',
  mode: 'sandbox',
  apiKeyId: 'k',
}

test('an identity is remembered for five seconds, or until its credential ends', async () => {
  const clock = manualClock()
  const cache = createIdentityCache({ clock })
  cache.set('a', SOMEONE, null)
  cache.set('b', SOMEONE, new Date(clock.now().getTime() + 1000))
  assert.equal(cache.get('a'), SOMEONE)
  await clock.advance(1000)
  assert.equal(cache.get('b'), undefined)
  await clock.advance(4000)
  assert.equal(cache.get('a'), undefined)
})

test('a revoked key is forgotten under every name', () => {
  const cache = createIdentityCache({ clock: manualClock() })
  cache.set('a', SOMEONE, null)
  cache.forget('other')
  assert.equal(cache.get('a'), SOMEONE)
  cache.forget('k')
  assert.equal(cache.get('a'), undefined)
})

test('ten thousand are remembered, then the oldest goes', () => {
  const cache = createIdentityCache({ clock: manualClock() })
  for (let i = 0; i <= 10_000; i++) cache.set(`c${i}`, SOMEONE, null)
  assert.equal(cache.get('c0'), undefined)
  assert.equal(cache.get('c1'), SOMEONE)
})
