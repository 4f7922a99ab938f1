import assert from 'node:assert/strict'
import { test } from 'node:test'
import { manualClock } from '@pigeon/server/test/manual-clock.ts'
import { createVisitors, networkOf } from './visitors.ts'

test('connections of one address have a limit, and who leaves makes room', () => {
  const visitors = createVisitors({ clock: manualClock() }, { connectionsPerAddress: 2, mailsPerMinute: 1 })
  assert.ok(visitors.enter('a', '192.0.2.1'))
  assert.ok(visitors.enter('b', '::ffff:192.0.2.1'))
  assert.ok(!visitors.enter('c', '192.0.2.1'))
  assert.ok(visitors.enter('d', '192.0.2.2'))
  visitors.leave('c')
  assert.ok(!visitors.enter('e', '192.0.2.1'))
  visitors.leave('a')
  visitors.leave('a')
  assert.ok(visitors.enter('f', '192.0.2.1'))
  assert.ok(!visitors.enter('g', '192.0.2.1'))
})

test('mails of one address have a limit a minute', async () => {
  const clock = manualClock()
  const visitors = createVisitors({ clock }, { connectionsPerAddress: 1, mailsPerMinute: 2 })
  const from = (ip: string) => visitors.mail(ip)
  assert.deepEqual(['2001:db8:1:2::1', '2001:db8:1:2:ffff::9', '2001:db8:1:2::3'].map(from), [
    true,
    true,
    false,
  ])
  assert.ok(from('2001:db8:1:3::1'))
  await clock.advance(60_000)
  assert.ok(from('2001:db8:1:2::1'))
})

test('the network of an IPv6 address is its first half, however it is written', () => {
  assert.equal(networkOf('2001:db8::1'), networkOf('2001:db8:0:0:5::'))
  assert.notEqual(networkOf('2001:db8::1'), networkOf('2001:db8:0:1::1'))
  assert.equal(networkOf('::1'), '0:0:0:0')
  assert.equal(networkOf('::ffff:192.0.2.7'), '192.0.2.7')
})
