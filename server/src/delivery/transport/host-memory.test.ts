import assert from 'node:assert/strict'
import { test } from 'node:test'
import { manualClock } from '@pigeon/server/test/manual-clock.ts'
import { createHostMemory } from './host-memory.ts'

function memory(maxHosts = 100) {
  const clock = manualClock()
  return {
    clock,
    hosts: createHostMemory({
      clock,
      backOffBaseMs: 1_000,
      backOffMaxMs: 5_000,
      tlsBrokenMs: 3_600_000,
      maxHosts,
    }),
  }
}

test('an address that fails again rests longer, up to the limit, and failures of one moment count once', async () => {
  const { clock, hosts } = memory()
  const rests: number[] = []
  for (let i = 0; i < 5; i += 1) {
    hosts.failed('192.0.2.1')
    hosts.failed('192.0.2.1')
    rests.push(hosts.waitMs('192.0.2.1'))
    await clock.advance(hosts.waitMs('192.0.2.1'))
  }
  assert.deepEqual(rests, [1_000, 2_000, 4_000, 5_000, 5_000])
  hosts.worked('192.0.2.1')
  hosts.failed('192.0.2.1')
  assert.equal(hosts.waitMs('192.0.2.1'), 1_000)
  assert.equal(hosts.waitMs('192.0.2.2'), 0)
})

test('broken TLS is remembered for an hour', async () => {
  const { clock, hosts } = memory()
  hosts.tlsBroke('192.0.2.1')
  await clock.advance(3_599_999)
  assert.equal(hosts.isTlsBroken('192.0.2.1'), true)
  await clock.advance(1)
  assert.equal(hosts.isTlsBroken('192.0.2.1'), false)
})

test('it remembers no more addresses than allowed, and forgets the oldest', () => {
  const { hosts } = memory(2)
  for (const address of ['a', 'b', 'c']) hosts.failed(address)
  assert.deepEqual(
    ['a', 'b', 'c'].map((address) => hosts.waitMs(address) > 0),
    [false, true, true],
  )
})

test('a TLS session is kept for an hour, under its key alone', async () => {
  const { clock, hosts } = memory()
  const slot = hosts.tlsSession('192.0.2.1|mx')
  slot.keep(Buffer.from('one'))
  slot.keep(Buffer.from('two'))
  await clock.advance(3_599_999)
  assert.deepEqual(hosts.tlsSession('192.0.2.1|mx').get(), Buffer.from('two'))
  assert.equal(hosts.tlsSession('192.0.2.1|mx2').get(), undefined)
  await clock.advance(1)
  assert.equal(slot.get(), undefined)
  slot.keep(Buffer.from('three'))
  slot.forget()
  assert.equal(slot.get(), undefined)
})

test('of TLS sessions no more are kept than allowed', () => {
  const { hosts } = memory()
  for (let n = 0; n <= 2_000; n += 1) hosts.tlsSession(String(n)).keep(Buffer.from('x'))
  assert.deepEqual(
    [0, 1, 2_000].map((n) => hosts.tlsSession(String(n)).get() !== undefined),
    [false, true, true],
  )
})

test('BDAT that did not work is remembered for a day', async () => {
  const { clock, hosts } = memory()
  hosts.chunkingBroke('192.0.2.1')
  await clock.advance(86_399_999)
  assert.deepEqual([hosts.isChunkingBroken('192.0.2.1'), hosts.isTlsBroken('192.0.2.1')], [true, false])
  await clock.advance(1)
  assert.equal(hosts.isChunkingBroken('192.0.2.1'), false)
})
