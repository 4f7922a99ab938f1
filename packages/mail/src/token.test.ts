import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { createSecretKey, randomBytes, randomUUID } from 'node:crypto'
import test from 'node:test'
import { parseAddress } from './address.ts'
import { MailError } from './mail-error.ts'
import { parseUnsubscribeToken, signToken, unsubscribeToken, uuidToOctets, verifyToken } from './token.ts'
import { base32, fromBase32, parseVerp, verpAddress } from './verp.ts'

const KEY = Buffer.alloc(32, 1)
const OTHER = Buffer.alloc(32, 2)
const MESSAGE = '0192f0c1-7d3e-7c11-8b5a-0123456789ab'
const TENANT = '0192f0c1-7d3e-7c11-8b5a-ba9876543210'

test('a token gives its payload back, to the same key and purpose only', () => {
  for (const length of [0, 1, 2, 3, 32, 100]) {
    const payload = randomBytes(length)
    const token = signToken(KEY, payload, { purpose: 'click' })
    assert.match(token, /^[\w-]+$/)
    assert.deepEqual(verifyToken(KEY, token, { purpose: 'click' }), payload)
    assert.equal(signToken(createSecretKey(KEY), payload, { purpose: 'click' }), token)
    assert.equal(verifyToken(OTHER, token, { purpose: 'click' }), undefined)
    assert.equal(verifyToken(KEY, token, { purpose: 'open' }), undefined)
  }
})

test('a token with one character changed, added or lost is not accepted', () => {
  const token = unsubscribeToken(KEY, { tenantId: TENANT, messageId: MESSAGE })
  assert.equal(token.length, 56)
  assert.deepEqual(parseUnsubscribeToken(KEY, token), { tenantId: TENANT, messageId: MESSAGE })
  for (let i = 0; i < token.length; i += 1) {
    const other = token[i] === 'A' ? 'B' : 'A'
    assert.equal(parseUnsubscribeToken(KEY, token.slice(0, i) + other + token.slice(i + 1)), undefined)
    assert.equal(parseUnsubscribeToken(KEY, token.slice(0, i) + token.slice(i + 1)), undefined)
  }
  for (const junk of ['', '=', `${token}=`, `${token}A`, ` ${token}`, 'é', '\0', 'A'.repeat(100_000)]) {
    assert.equal(parseUnsubscribeToken(KEY, junk), undefined)
  }
})

test('a bounce address names its message, whatever case comes back', () => {
  for (let round = 0; round < 200; round += 1) {
    const id = randomUUID()
    const address = verpAddress(KEY, id, 'bounce.example.com')
    assert.ok(parseAddress(address).ok)
    assert.ok(address.indexOf('@') <= 64)
    assert.equal(parseVerp(KEY, address), id)
    assert.equal(parseVerp(KEY, address.toUpperCase()), id)
    assert.equal(parseVerp(OTHER, address), undefined)
  }
})

test('a bounce address may be a subaddress of a mailbox', () => {
  const address = verpAddress(KEY, MESSAGE, 'example.com', 'a-mailbox-of-22-letter')
  assert.match(address, /^a-mailbox-of-22-letter\+b-[a-z2-7]{39}@example\.com$/)
  assert.ok(address.indexOf('@') <= 64)
  assert.equal(parseVerp(KEY, address), MESSAGE)
  assert.equal(parseVerp(OTHER, address), undefined)
  assert.equal(parseVerp(KEY, `x+${address}`), undefined)
})

test('a bounce address that was made up or changed is not ours', () => {
  const address = verpAddress(KEY, MESSAGE, 'b.example.com')
  const local = address.slice(0, address.indexOf('@'))
  for (let i = 2; i < local.length; i += 1) {
    const other = local[i] === 'a' ? 'b' : 'a'
    assert.equal(parseVerp(KEY, `${local.slice(0, i)}${other}${local.slice(i + 1)}@b.example.com`), undefined)
  }
  for (const junk of [
    '',
    '@',
    'b-@x',
    'b-1@x',
    'postmaster@x',
    `x${address}`,
    `${'b'.repeat(100_000)}@x`,
    '\u212a@x',
  ]) {
    assert.equal(parseVerp(KEY, junk), undefined)
  }
})

test('base32 is the alphabet of RFC 4648, and only one spelling is read', () => {
  assert.equal(base32(Buffer.from('foobar')), 'mzxw6ytboi')
  assert.equal(fromBase32('mzxw6ytboi')?.toString(), 'foobar')
  assert.equal(fromBase32('mzxw6ytboj'), undefined)
  assert.equal(fromBase32('a'), undefined)
  assert.equal(fromBase32('a1'), undefined)
  for (let length = 0; length < 40; length += 1) {
    const octets = randomBytes(length)
    assert.deepEqual(fromBase32(base32(octets)), octets)
  }
})

test('an id that is not a UUID and a key that is too short are refused', () => {
  for (const id of [
    '',
    'x',
    MESSAGE.slice(1),
    `${MESSAGE}0`,
    MESSAGE.replace('-', ''),
    MESSAGE.replace('0', 'g'),
  ]) {
    assert.throws(() => uuidToOctets(id), MailError, id)
  }
  for (const key of [Buffer.alloc(8), createSecretKey(Buffer.alloc(8))]) {
    assert.throws(() => signToken(key, Buffer.alloc(1), { purpose: 'x' }), MailError)
  }
  assert.deepEqual(uuidToOctets(MESSAGE.toUpperCase()), uuidToOctets(MESSAGE))
})
