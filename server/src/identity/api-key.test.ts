import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isApiKey, newApiKey, prefixOf } from './api-key.ts'

test('a new key says its mode and has a right checksum', () => {
  assert.match(newApiKey('live'), /^pg_live_[0-9A-Za-z]{42}$/)
  assert.match(newApiKey('sandbox'), /^pg_test_/)
  for (let i = 0; i < 100; i++) assert.ok(isApiKey(newApiKey('live')))
})

test('a key with one wrong character, a character less or other dress is none', () => {
  const key = newApiKey('sandbox')
  for (let at = 8; at < key.length; at++) {
    const changed = key.slice(0, at) + (key[at] === 'a' ? 'b' : 'a') + key.slice(at + 1)
    assert.ok(!isApiKey(changed), `at ${at}`)
  }
  const bad = [
    '',
    'pg_live_',
    key.slice(0, -1),
    `${key}x`,
    ` ${key}`,
    `${key}\n`,
    key.replace('pg_test_', 'pg_live_'),
    key.replace('pg_test_', 'pg_best_'),
  ]
  for (const text of bad) assert.ok(!isApiKey(text), text)
})

test('the prefix shows four characters of the secret', () => {
  assert.equal(prefixOf('pg_live_abcdefgh'), 'pg_live_abcd')
})
