import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRecentSuppressions } from './recent-suppressions.ts'

const NOW = new Date('2026-03-01T08:00:00Z')
const to = { tenantId: 't', addressKey: 'ann@x.com', listId: 'l', mode: 'live' } as const
const told = (more: object = {}): string =>
  JSON.stringify({
    tenant_id: 't',
    address_key: 'ann@x.com',
    list_id: null,
    mode: null,
    expires_at: null,
    is_lifted: false,
    ...more,
  })

test('what was told stops the address, on every list or on that one, for all mail or that of its mode', () => {
  for (const more of [{}, { list_id: 'l' }, { mode: 'live' }, { list_id: 'l', mode: 'live' }]) {
    const recent = createRecentSuppressions()
    recent.remember(told(more))
    assert.equal(recent.has(to, NOW), true, JSON.stringify(more))
    assert.equal(recent.has({ ...to, addressKey: 'bob@x.com' }, NOW), false)
    assert.equal(recent.has({ ...to, tenantId: 'u' }, NOW), false)
  }
  for (const more of [{ list_id: 'other' }, { mode: 'sandbox' }]) {
    const recent = createRecentSuppressions()
    recent.remember(told(more))
    assert.equal(recent.has(to, NOW), false, JSON.stringify(more))
  }
})

test('what is over, or was lifted, stops nothing', () => {
  const recent = createRecentSuppressions()
  recent.remember(told({ expires_at: '2026-03-01T09:00:00Z' }))
  assert.equal(recent.has(to, NOW), true)
  assert.equal(recent.has(to, new Date('2026-03-01T09:00:00Z')), false)
  recent.remember(told())
  recent.remember(told({ is_lifted: true }))
  assert.equal(recent.has(to, NOW), false)
})

test('a payload that is no suppression is ignored', () => {
  const recent = createRecentSuppressions()
  for (const payload of ['', 'null', '{}', '[1]']) recent.remember(payload)
  assert.equal(recent.has(to, NOW), false)
})
