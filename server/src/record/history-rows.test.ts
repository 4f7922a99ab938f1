import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ipv6Of } from './history-rows.ts'

test('addresses are stored as IPv6: IPv4 mapped, without a zone, none as ::', () => {
  assert.equal(ipv6Of('192.0.2.25'), '::ffff:192.0.2.25')
  assert.equal(ipv6Of('2001:db8::1'), '2001:db8::1')
  assert.equal(ipv6Of('fe80::1%eth0'), 'fe80::1')
  assert.equal(ipv6Of(null), '::')
  assert.equal(ipv6Of('not an address'), '::')
})
