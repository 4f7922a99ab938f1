import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chooseTracking } from './choose-tracking.ts'

const ALL = { opens: true, clicks: true }
const NONE = { opens: false, clicks: false }
const OPEN = { opens: null, clicks: null, messageClass: 'bulk' } as const
const tenant = { ...ALL, privacy: false }

test('a campaign that says nothing is tracked as its tenant says', () => {
  assert.deepEqual(chooseTracking(OPEN, tenant), ALL)
  assert.deepEqual(chooseTracking(OPEN, { ...tenant, opens: false }), { opens: false, clicks: true })
})

test('a campaign may say otherwise', () => {
  assert.deepEqual(chooseTracking({ ...OPEN, clicks: false }, tenant), { opens: true, clicks: false })
  assert.deepEqual(chooseTracking({ ...OPEN, ...ALL }, { ...NONE, privacy: false }), ALL)
})

test('transactional mail is tracked only where it asks for it', () => {
  assert.deepEqual(chooseTracking({ ...OPEN, messageClass: 'transactional' }, tenant), NONE)
  const asked = { ...OPEN, opens: true, messageClass: 'transactional' } as const
  assert.deepEqual(chooseTracking(asked, tenant), { opens: true, clicks: false })
})

test('privacy outranks every campaign', () => {
  assert.deepEqual(chooseTracking({ ...OPEN, ...ALL }, { ...tenant, privacy: true }), NONE)
})
