import assert from 'node:assert/strict'
import { test } from 'node:test'
import { unsubscribeAddress } from '@pigeon/mail/unsubscribe-address.ts'
import { verpAddress } from '@pigeon/mail/verp.ts'
import { readInboundAddress } from './inbound-address.ts'

const KEYS = { verp: Buffer.alloc(32, 1), unsubscribe: Buffer.alloc(32, 2) }
const OTHERS = { verp: Buffer.alloc(32, 8), unsubscribe: Buffer.alloc(32, 9) }
const MESSAGE = '0195d0e4-7a11-7c3e-8f55-0242ac120002'
const PLACES = {
  domain: 'in.example',
  complaintAddresses: new Set(['loop@sender.example']),
  replyDomains: new Set(['replies.example']),
}

function read(address: string) {
  return readInboundAddress(KEYS, PLACES, address)
}

test('a signed address names its message in any case and at any domain', () => {
  for (const domain of ['in.example', 'sender.example']) {
    const bounce = verpAddress(KEYS.verp, MESSAGE, domain, 'bounces')
    const unsubscribe = unsubscribeAddress(KEYS.unsubscribe, MESSAGE, domain)
    assert.deepEqual(read(bounce), { kind: 'bounce', messageId: MESSAGE })
    assert.deepEqual(read(bounce.toUpperCase()), { kind: 'bounce', messageId: MESSAGE })
    assert.deepEqual(read(unsubscribe), { kind: 'unsubscribe', messageId: MESSAGE })
  }
})

test('an address that somebody else has signed is forged, also where every address is taken', () => {
  for (const domain of ['in.example', 'replies.example']) {
    assert.equal(read(verpAddress(OTHERS.verp, MESSAGE, domain)), 'forged')
    assert.equal(read(verpAddress(OTHERS.verp, MESSAGE, domain, 'bounces')), 'forged')
    assert.equal(read(unsubscribeAddress(OTHERS.unsubscribe, MESSAGE, domain)), 'forged')
    // The key of one purpose makes no address of another.
    assert.equal(read(verpAddress(KEYS.unsubscribe, MESSAGE, domain)), 'forged')
  }
})

test('complaints have addresses at our domain and those that are set, replies have domains, and all else is not ours', () => {
  for (const address of [
    'abuse@in.example',
    'FBL@IN.example',
    'complaints@in.example',
    'postmaster',
    'Loop@Sender.example',
  ])
    assert.deepEqual(read(address), { kind: 'complaints' }, address)
  assert.deepEqual(read('anybody@replies.example'), { kind: 'replies' })
  for (const address of [
    'ann@in.example',
    'abuse@sender.example',
    'ann@gmail.com',
    '',
    '@',
    'x@sub.replies.example',
  ])
    assert.equal(read(address), undefined, address)
})
