import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import {
  formatTlsa,
  matchesTlsa,
  parseTlsa,
  parseTlsaText,
  usableTlsa,
  type TlsaRecord,
} from './tlsa-record.ts'

const SHA256 = 'd2abde240d7cd3ee6b4b28c54df034b97983a1d16e8a410e4561cb106618e971'
const subject = { certificate: Buffer.from('the certificate'), publicKey: Buffer.from('the key') }

function record(usage: number, selector: number, matchingType: number, data: Buffer): TlsaRecord {
  return { usage, selector, matchingType, data }
}

test('a record is read from its octets and from its text, and written as it was', () => {
  const fromText = parseTlsaText(`3 1 1 ${SHA256.slice(0, 20).toUpperCase()} ${SHA256.slice(20)}`)
  const fromWire = parseTlsa(Buffer.from(`030101${SHA256}`, 'hex'))
  assert.deepEqual(fromText, fromWire)
  assert.ok(fromText !== undefined)
  assert.equal(formatTlsa(fromText), `3 1 1 ${SHA256}`)
})

test('what is no record is not read', () => {
  for (const octets of ['', '03', '030101', '03'.repeat(20_000)])
    assert.equal(parseTlsa(Buffer.from(octets, 'hex')), undefined)
  for (const text of [
    '',
    '3 1 1',
    '3 1 1 abc',
    '3 1 1 xy',
    '300 1 1 ab',
    '3 1 ab',
    '-1 1 1 ab',
    '3 1 1 ab; drop',
  ])
    assert.equal(parseTlsaText(text), undefined, text)
})

test('certificates and keys are compared whole, as SHA-256 and as SHA-512', () => {
  for (const [selector, octets] of [
    [0, subject.certificate],
    [1, subject.publicKey],
  ] as const) {
    assert.ok(matchesTlsa(record(3, selector, 0, octets), subject))
    assert.ok(matchesTlsa(record(3, selector, 1, hash('sha256', octets, 'buffer')), subject))
    assert.ok(matchesTlsa(record(3, selector, 2, hash('sha512', octets, 'buffer')), subject))
    assert.ok(!matchesTlsa(record(3, 1 - selector, 1, hash('sha256', octets, 'buffer')), subject))
  }
  assert.ok(!matchesTlsa(record(3, 1, 1, Buffer.alloc(32)), subject))
})

test('usages 0 and 1, unknown selectors and digests, and digests of a wrong length are unusable', () => {
  const digest = Buffer.alloc(32)
  const unusable = [
    record(0, 1, 1, digest),
    record(1, 1, 1, digest),
    record(4, 1, 1, digest),
    record(3, 2, 1, digest),
    record(3, 1, 3, digest),
    record(3, 1, 1, Buffer.alloc(31)),
    record(3, 1, 2, digest),
  ]
  assert.deepEqual(usableTlsa(unusable), [])
  const good = record(2, 0, 1, digest)
  assert.deepEqual(usableTlsa([...unusable, good]), [good])
})

test('of several digests of one kind the strongest counts, and whole values always (RFC 7671 9)', () => {
  const weak = record(3, 1, 1, Buffer.alloc(32))
  const strong = record(3, 1, 2, Buffer.alloc(64))
  const whole = record(3, 1, 0, Buffer.from('key'))
  const other = record(2, 1, 1, Buffer.alloc(32))
  assert.deepEqual(usableTlsa([weak, strong, whole, other]), [strong, whole, other])
})
