import assert from 'node:assert/strict'
import type { LookupAddress } from 'node:dns'
import { test } from 'node:test'
import { guardedLookup, parseEndpoint, type AddressLookup } from './endpoint.ts'

for (const bad of [
  'http://api.example.com',
  'ftp://api.example.com',
  'api.example.com',
  'https://user:pass@api.example.com',
  'https://api.example.com/?a=b',
  'https://api.example.com/#x',
  'https://localhost:8443',
  'https://127.0.0.1',
  'https://10.1.2.3',
  'https://169.254.169.254',
  'https://[::1]',
  'https://[fd00::1]',
  'https://[::ffff:10.0.0.1]',
  // The same address, as URL parsers read it.
  'https://2130706433',
  'https://0x7f.1',
]) {
  test(`${bad} is no endpoint of a relay`, () => {
    assert.throws(() => parseEndpoint(bad, { allowPrivate: false }), { code: 'relays.bad_endpoint' })
  })
}

test('https to a public name or address is an endpoint', () => {
  assert.equal(parseEndpoint('https://api.example.com:8443', { allowPrivate: false }).port, '8443')
  assert.equal(parseEndpoint('https://8.8.8.8', { allowPrivate: false }).hostname, '8.8.8.8')
})

test('plain http is for loopback only, and only where that is allowed', () => {
  assert.equal(parseEndpoint('http://127.0.0.1:1', { allowPrivate: true }).protocol, 'http:')
  assert.throws(() => parseEndpoint('http://10.0.0.1', { allowPrivate: true }), {
    code: 'relays.bad_endpoint',
  })
})

function answering(...addresses: string[]): AddressLookup {
  return (_host, _how, callback) =>
    callback(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    )
}

function look(lookup: AddressLookup, all: boolean): Promise<string | LookupAddress[]> {
  return new Promise((resolve, reject) => {
    lookup('api.example', { all }, (error, found) => (error === null ? resolve(found) : reject(error)))
  })
}

test('a name that leads into a private network leads nowhere', async () => {
  const lookup = guardedLookup({ allowPrivate: false }, answering('10.0.0.1', '::1', '169.254.169.254'))
  await assert.rejects(look(lookup, true), /api\.example has no public address/)
  await assert.rejects(look(lookup, false), /api\.example has no public address/)
})

test('of a name with both, the public addresses are used', async () => {
  const lookup = guardedLookup({ allowPrivate: false }, answering('10.0.0.1', '8.8.8.8'))
  assert.deepEqual(await look(lookup, true), [{ address: '8.8.8.8', family: 4 }])
  assert.equal(await look(lookup, false), '8.8.8.8')
})

test('a name that is not there is the error it was', async () => {
  const broken: AddressLookup = (_host, _how, callback) => callback(new Error('ENOTFOUND'), [])
  await assert.rejects(look(guardedLookup({ allowPrivate: false }, broken), true), /ENOTFOUND/)
})
