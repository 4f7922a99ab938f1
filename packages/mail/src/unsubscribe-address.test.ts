import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { createSecretKey } from 'node:crypto'
import { test } from 'node:test'
import { parseUnsubscribeAddress, unsubscribeAddress } from './unsubscribe-address.ts'
import { verpAddress } from './verp.ts'

const key = createSecretKey(Buffer.alloc(32, 1))
const messageId = '0190a0a0-0000-7000-8000-00000000000a'
const address = unsubscribeAddress(key, messageId, 'in.example')

test('an unsubscribe address names its message, however its case was changed', () => {
  assert.match(address, /^u-[a-z2-7]{39}@in\.example$/)
  assert.equal(parseUnsubscribeAddress(key, address), messageId)
  assert.equal(parseUnsubscribeAddress(key, address.toUpperCase()), messageId)
})

test('other addresses, changed ones and those of bounces name none', () => {
  const bounce = verpAddress(key, messageId, 'in.example')
  const last = address[40] === 'a' ? 'e' : 'a'
  for (const other of [
    '',
    'u-@in.example',
    'news@in.example',
    bounce,
    `u${bounce.slice(1)}`,
    `${address.slice(0, 40)}${last}@in.example`,
  ])
    assert.equal(parseUnsubscribeAddress(key, other), undefined)
})
