import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { manualClock } from '@pigeon/server/test/manual-clock.ts'
import { attempt, inWords, LONG, scriptedServer, sendAgain } from '@pigeon/server/test/smtp-dialing.ts'
import { createHostMemory } from './host-memory.ts'
import { openRoute, type OpenFailure } from './open-route.ts'
import type { SmtpConnection } from './smtp-connection.ts'
import type { SendRoute } from './transport.ts'

/** Of TEST-NET-3 (RFC 5737): no machine has it. */
const FOREIGN = '203.0.113.9'

function opener(t: TestContext) {
  // It stands still, so that no address is tried because the one before it is slow.
  const clock = manualClock()
  const hosts = createHostMemory({
    clock,
    backOffBaseMs: 60_000,
    backOffMaxMs: 60_000,
    tlsBrokenMs: 60_000,
    maxHosts: 100,
  })
  return {
    hosts,
    async open(port: number, more: Partial<SendRoute> & { addresses?: readonly string[] } = {}) {
      const { addresses = ['127.0.0.1'], ...route } = more
      const opened = await openRoute(
        { hosts, clock, timeouts: LONG },
        {
          lane: 'test',
          hosts: [{ name: 'mx.test.example', priority: 10, addresses }],
          port,
          tls: 'none',
          ehloName: 'client.example',
          ...route,
        },
      )
      if (!('result' in opened)) t.after(() => opened.destroy('the test is over'))
      return opened
    },
  }
}

function addressOf(opened: SmtpConnection | OpenFailure): string {
  return 'result' in opened ? opened.transcript : opened.address
}

function errorOf(opened: SmtpConnection | OpenFailure): string {
  return 'result' in opened && 'error' in opened.result ? opened.result.error : 'no error'
}

test('an address that cannot be reached costs no time, and rests', async (t) => {
  const one = await scriptedServer(t)
  const { hosts, open } = opener(t)
  assert.equal(addressOf(await open(one.port, { addresses: ['127.0.0.2', '::1', '127.0.0.1'] })), '127.0.0.1')
  assert.deepEqual(
    ['127.0.0.2', '::1', '127.0.0.1'].map((address) => hosts.waitMs(address) > 0),
    [true, true, false],
  )
})

test('IPv6 is used where there is nothing else', async (t) => {
  const one = await scriptedServer(t, { address: '::1' })
  assert.equal(addressOf(await opener(t).open(one.port, { addresses: ['::1'] })), '::1')
  assert.equal(addressOf(await opener(t).open(one.port, { addresses: ['127.0.0.1', '::1'] })), '::1')
})

test('from a source address only addresses of its family are tried', async (t) => {
  const one = await scriptedServer(t)
  const both = { addresses: ['::1', '127.0.0.1'] }
  const v4 = opener(t)
  assert.equal(addressOf(await v4.open(one.port, { ...both, localAddress: '127.0.0.3' })), '127.0.0.1')
  const v6 = opener(t)
  assert.match(
    addressOf(await v6.open(one.port, { ...both, localAddress: '::1' })),
    /\[::1\].*\n.*ECONNREFUSED/,
  )
  assert.deepEqual([v4.hosts.waitMs('::1'), v6.hosts.waitMs('127.0.0.1')], [0, 0])
  assert.match(
    errorOf(await v6.open(one.port, { localAddress: '::1' })),
    /no mail host .* of the family of ::1/,
  )
})

test('a source address that this machine does not have is our fault: the receiver is not avoided for it', async (t) => {
  const one = await scriptedServer(t)
  const { hosts, open } = opener(t)
  const addresses = ['127.0.0.1', '127.0.0.2']
  const opened = await open(one.port, { addresses, localAddress: FOREIGN })
  assert.match(
    errorOf(opened),
    /cannot leave from 203\.0\.113\.9: .* network interface, or send from another/,
  )
  assert.deepEqual([hosts.waitMs('127.0.0.1'), one.connections()], [0, 0])
  assert.equal(addressOf(await open(one.port, { addresses })), '127.0.0.1')
})

test('a lower preference is tried only when all of the higher one have failed', async (t) => {
  const one = await scriptedServer(t)
  const opened = await opener(t).open(one.port, {
    hosts: [
      { name: 'a.test.example', priority: 10, addresses: ['127.0.0.2', '127.0.0.3'] },
      { name: 'b.test.example', priority: 20, addresses: ['127.0.0.1'] },
    ],
  })
  assert.equal('result' in opened ? '' : opened.host, 'b.test.example')
})

test('BDAT that did not work is not tried on the next connection to the address', async (t) => {
  const one = await scriptedServer(t, {
    extensions: ['PIPELINING', 'CHUNKING'],
    answer: (event) => (event.verb === 'BDAT' ? '502 5.5.2 Unknown command\r\n' : undefined),
  })
  const { open } = opener(t)
  for (const rcpt of ['a@x.example', 'b@x.example']) {
    const opened = await open(one.port)
    assert.ok(!('result' in opened))
    assert.deepEqual((await sendAgain(opened, attempt(rcpt))).map(inWords), ['reply dot 250'])
  }
  assert.deepEqual(
    one.heard.filter((line) => /BDAT|DATA/.test(line)),
    ['1 BDAT 25', '1 DATA', '2 DATA'],
  )
})
