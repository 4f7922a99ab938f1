import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { createSecretKey } from 'node:crypto'
import { test } from 'node:test'
import { unsubscribeToken } from './token.ts'
import { linkToken, parseLinkToken, parseTrackingToken, trackingToken } from './tracking-token.ts'
import type { TrackedMessage } from './tracking-token.ts'

const key = createSecretKey(Buffer.alloc(32, 1))
const tenantId = '0190a0a0-0000-7000-8000-000000000001'
const campaignId = '0190a0a0-0000-7000-8000-0000000000c1'
const messageId = '0190a0a0-0000-7000-8000-00000000000a'
const sent = { tenantId, campaignId, messageId, sentAtSeconds: 1_770_000_000 }
const link = { index: 3, url: 'https://shop.example/a?b=1&c=%C3%BC#d' }

function tracked(change: Partial<typeof sent> = {}): TrackedMessage {
  const message = parseTrackingToken(key, trackingToken(key, { ...sent, ...change }))
  assert.ok(message !== undefined)
  return message
}

test('a message token says tenant, message and time, in 67 characters', () => {
  assert.equal(trackingToken(key, sent).length, 67)
  assert.deepEqual(tracked(), {
    tenantId,
    messageId,
    sentAtSeconds: sent.sentAtSeconds,
    campaignTag: '000000c1',
  })
})

test('a link of a campaign is good with every message of that campaign and with no other', () => {
  const token = linkToken(key, { tenantId, campaignId }, link)
  assert.deepEqual(parseLinkToken(key, tracked(), token), link)
  const other = '0190a0a0-0000-7000-8000-00000000000b'
  assert.deepEqual(parseLinkToken(key, tracked({ messageId: other }), token), link)
  assert.equal(parseLinkToken(key, tracked({ campaignId: other }), token), undefined)
  assert.equal(parseLinkToken(key, tracked({ tenantId: other }), token), undefined)
})

test('a link of one message is good with that message alone', () => {
  const token = linkToken(key, { tenantId, messageId }, link)
  assert.deepEqual(parseLinkToken(key, tracked(), token), link)
  const other = '0190a0a0-0000-7000-8000-00000000000b'
  assert.equal(parseLinkToken(key, tracked({ messageId: other }), token), undefined)
  assert.equal(parseLinkToken(key, tracked({ tenantId: other }), token), undefined)
  assert.equal(parseLinkToken(key, tracked(), `c${token.slice(1)}`), undefined)
})

test('no bit of either token can be changed', () => {
  const message = trackingToken(key, sent)
  const token = linkToken(key, { tenantId, campaignId }, link)
  for (let at = 0; at < message.length; at += 1)
    assert.equal(parseTrackingToken(key, changed(message, at)), undefined)
  for (let at = 0; at < token.length; at += 1)
    assert.equal(parseLinkToken(key, tracked(), changed(token, at)), undefined)
})

test('what is no token of ours is undefined, whatever it is', () => {
  const otherKey = createSecretKey(Buffer.alloc(32, 2))
  for (const text of ['', 'x', 'c', 'm', 'cAAAA', '../..', 'a'.repeat(9_000), 'https://evil.example']) {
    assert.equal(parseTrackingToken(key, text), undefined)
    assert.equal(parseLinkToken(key, tracked(), text), undefined)
  }
  assert.equal(parseTrackingToken(key, unsubscribeToken(key, { tenantId, messageId })), undefined)
  assert.equal(parseTrackingToken(otherKey, trackingToken(key, sent)), undefined)
})

test('an address that is too long makes no token', () => {
  assert.throws(() =>
    linkToken(key, { tenantId, campaignId }, { index: 0, url: `https://x/${'y'.repeat(2_000)}` }),
  )
})

function changed(token: string, at: number): string {
  return `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`
}
