import assert from 'node:assert/strict'
import { lookup } from 'node:dns'
import { test, type TestContext } from 'node:test'
import { dotStuff } from '@pigeon/mail/smtp-data.ts'
import { startScriptedSmtp } from '@pigeon/server/test/scripted-smtp.ts'
import { createLoneCertificate, createTestAuthority } from '@pigeon/server/test/test-certificates.ts'
import { createSmtpPool } from '#delivery/transport/smtp-pool.ts'
import { RFC_5321_TIMEOUTS, type OutgoingMessage } from '#delivery/transport/transport.ts'
import { systemClock } from '#platform/clock.ts'
import { checkRelay, createRelay } from './create-relay.ts'
import type { RelayConfig } from './relay-config.ts'

type SmarthostConfig = Extract<RelayConfig, { kind: 'smarthost' }>

const HOST = 'relay.example.com'
const authority = createTestAuthority()
const message: OutgoingMessage = {
  mailFrom: 'a@x.example',
  rcptTo: 'b@y.example',
  data: dotStuff(Buffer.from('From: a@x.example\r\n\r\nhello\r\n')),
  beforeFinalDot: () => Promise.resolve(),
}

/** Sends one message through a smarthost that shows this certificate; its name leads to this machine. */
async function sendThrough(
  t: TestContext,
  tls: { readonly key: string; readonly cert: string },
  settings: Partial<SmarthostConfig> = {},
) {
  const smtp = await startScriptedSmtp({ tls, extensions: ['PIPELINING', 'STARTTLS'] })
  const pool = createSmtpPool({
    clock: systemClock,
    timeouts: RFC_5321_TIMEOUTS,
    defaults: { maxConnections: 1, maxMessagesPerConnection: 10, connectionRates: [], idleMs: 5_000 },
    maxConnections: 2,
    maxWaitMs: 30_000,
    backOffBaseMs: 50,
    backOffMaxMs: 100,
  })
  const relay = createRelay(
    {
      clock: systemClock,
      alert: () => {},
      smtp: pool,
      accessTokenOf: () => async () => 'token',
      allowPrivate: true,
      ca: authority.cert,
      lookup: (_host, how, callback) => lookup('127.0.0.1', how, callback),
    },
    { kind: 'smarthost', name: 'out', host: HOST, port: smtp.port, tls: 'required', ...settings },
  )
  t.after(async () => {
    await relay.close(0)
    await pool.close(0)
    await smtp.close()
  })
  const result = await relay.send({ lane: 'google', ehloName: 'mail.x.example' }, message)
  return { result, taken: smtp.accepted.length }
}

test('a smarthost that proves its name is sent through', async (t) => {
  const { result, taken } = await sendThrough(t, authority.issue([HOST]))
  assert.deepEqual([result.kind, taken], ['reply', 1])
})

for (const [what, certificate, reason] of [
  ['that nobody signed', createLoneCertificate([HOST]), /not one of a known authority/],
  ['of another host', authority.issue(['other.example.com']), /certificate/],
] as const) {
  test(`a smarthost with a certificate ${what} gets nothing, and the fix is said`, async (t) => {
    const { result, taken } = await sendThrough(t, certificate)
    assert.equal(taken, 0)
    assert.ok(result.kind === 'broken' && result.phase === 'tls' && !result.dotSent)
    assert.match(result.error, reason)
    assert.match(result.error, /set verify to false/)
  })
  test(`with verify false a certificate ${what} will do`, async (t) => {
    const { result, taken } = await sendThrough(t, certificate, { verify: false })
    assert.deepEqual([result.kind, taken], ['reply', 1])
  })
}

test('a smarthost that is an address has no name to prove; with TLS where it is offered none is asked for', async (t) => {
  const certificate = createLoneCertificate([HOST])
  for (const settings of [{ host: '127.0.0.1' }, { tls: 'opportunistic' }] as const) {
    const { result, taken } = await sendThrough(t, certificate, settings)
    assert.deepEqual([result.kind, taken], ['reply', 1])
  }
})

test('what cannot be verified is refused when the relay is written', () => {
  const config = { kind: 'smarthost', name: 'out', port: 587, verify: true } as const
  for (const settings of [
    { host: HOST, tls: 'opportunistic' },
    { host: '127.0.0.1', tls: 'required' },
  ] as const)
    assert.throws(() => checkRelay({ allowPrivate: true }, { ...config, ...settings }), {
      code: 'relays.cannot_verify',
    })
})
