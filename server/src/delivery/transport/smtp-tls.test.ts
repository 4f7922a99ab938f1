import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { dotStuff } from '@pigeon/mail/smtp-data.ts'
import {
  createTestCertificate,
  startScriptedSmtp,
  type ScriptedSmtp,
  type ScriptedSmtpOptions,
} from '@pigeon/server/test/scripted-smtp.ts'
import { systemClock } from '#platform/clock.ts'
import { openConnection, type OpenResult } from './smtp-connection.ts'
import { createSmtpPool } from './smtp-pool.ts'
import { RFC_5321_TIMEOUTS, type SendResult, type TlsPolicy } from './transport.ts'

const tls = createTestCertificate('mx.test.example')
const extensions = ['PIPELINING', 'STARTTLS', 'SIZE 1000000']

async function server(t: TestContext, options: ScriptedSmtpOptions = {}): Promise<ScriptedSmtp> {
  const one = await startScriptedSmtp({ tls, extensions, ...options })
  t.after(() => one.close())
  return one
}

async function dial(
  t: TestContext,
  one: ScriptedSmtp,
  policy: TlsPolicy,
  tlsMs = 5_000,
): Promise<OpenResult> {
  const opened = await openConnection({
    host: 'mx.test.example',
    address: '127.0.0.1',
    port: one.port,
    ehloName: 'client.example',
    tls: policy,
    timeouts: { ...RFC_5321_TIMEOUTS, tlsMs, quitMs: 500 },
    clock: systemClock,
  })
  if (opened.kind === 'open') t.after(() => opened.connection.destroy('the test is over'))
  return opened
}

function message(rcptTo: string) {
  return {
    mailFrom: 'a@sender.example',
    rcptTo,
    data: dotStuff(Buffer.from(`Subject: ${rcptTo}\r\n\r\nhello\r\n`)),
    beforeFinalDot: () => Promise.resolve(),
  }
}

function pool(t: TestContext) {
  const one = createSmtpPool({
    clock: systemClock,
    timeouts: { ...RFC_5321_TIMEOUTS, tlsMs: 2_000, quitMs: 500 },
    defaults: { maxConnections: 1, maxMessagesPerConnection: 1, connectionRates: [], idleMs: 1_000 },
    maxConnections: 10,
    maxWaitMs: 5_000,
    backOffBaseMs: 50,
    backOffMaxMs: 100,
  })
  t.after(() => one.close(0))
  return one
}

function send(one: ReturnType<typeof pool>, port: number, policy: TlsPolicy, rcptTo: string) {
  const hosts = [{ name: 'mx.test.example', priority: 10, addresses: ['127.0.0.1'] }]
  return one.send({ lane: 'test', hosts, port, tls: policy, ehloName: 'client.example' }, message(rcptTo))
}

function phaseOf(result: SendResult): string {
  if (result.kind === 'answer') return `answer ${result.verdict}`
  return result.kind === 'unsent' ? result.reason : `${result.kind} ${result.phase}`
}

test('STARTTLS is used when it is offered, whatever the certificate says, and EHLO is said again', async (t) => {
  const one = await server(t)
  const result = await send(pool(t), one.port, 'opportunistic', 'b@x.example')
  assert.equal(phaseOf(result), 'reply dot')
  assert.equal(result.isTls, true)
  assert.equal(one.heard.filter((line) => line.includes('EHLO')).length, 2)
  assert.equal(one.accepted.length, 1)
  assert.match(result.transcript, /C: STARTTLS\nS: 220 2\.0\.0 Ready\n\* TLS is on\nC: EHLO/)
})

test('replies over TLS may come in pieces of one octet', async (t) => {
  const one = await server(t, { chunkOctets: 1 })
  assert.equal((await send(pool(t), one.port, 'required', 'b@x.example')).isTls, true)
})

test('policy none says no STARTTLS', async (t) => {
  const one = await server(t)
  assert.equal((await send(pool(t), one.port, 'none', 'b@x.example')).isTls, false)
  assert.ok(!one.heard.some((line) => line.includes('STARTTLS')))
})

test('a refused STARTTLS is passed over when TLS is optional, and an end when it is required', async (t) => {
  const one = await server(t, {
    answer: (event) => (event.verb === 'STARTTLS' ? '454 4.7.0 Not now\r\n' : undefined),
  })
  const optional = await dial(t, one, 'opportunistic')
  assert.equal(optional.kind, 'open')
  assert.equal(one.connections(), 1)
  const required = await dial(t, one, 'required')
  assert.equal(required.kind === 'failed' && phaseOf(required.result), 'reply tls')
})

test('required TLS that is not offered is a failed opening', async (t) => {
  const opened = await dial(t, await server(t, { extensions: ['PIPELINING'] }), 'required')
  assert.equal(opened.kind === 'failed' && phaseOf(opened.result), 'broken tls')
  assert.match(opened.kind === 'failed' ? opened.transcript : '', /C: EHLO/)
})

for (const [what, broken] of [
  ['is cut', { do: 'cut' }],
  ['is answered with junk', 'this is not TLS\r\n'],
  ['is never answered', { do: 'stall' }],
] as const) {
  test(`a handshake that ${what}: optional TLS goes on in plain, required TLS does not`, async (t) => {
    const one = await server(t, { answer: (event) => (event.verb === 'HANDSHAKE' ? broken : undefined) })
    const optional = await dial(t, one, 'opportunistic', 100)
    assert.equal(optional.kind, 'open', optional.kind === 'failed' ? optional.transcript : '')
    assert.equal(optional.tlsBroken, true)
    assert.equal(optional.kind === 'open' && optional.connection.isTls, false)
    assert.match(optional.kind === 'open' ? optional.connection.greeting : '', /TLS failed: /)
    assert.equal(one.connections(), 2)
    const required = await dial(t, one, 'required', 100)
    assert.match(required.kind === 'failed' ? phaseOf(required.result) : '', / tls$/)
  })
}

test('TLS that did not work is remembered: the next connection is plain at once', async (t) => {
  const one = await server(t, { answer: (event) => (event.verb === 'HANDSHAKE' ? { do: 'cut' } : undefined) })
  const two = pool(t)
  assert.equal(phaseOf(await send(two, one.port, 'opportunistic', 'a@x.example')), 'reply dot')
  assert.equal(phaseOf(await send(two, one.port, 'opportunistic', 'b@x.example')), 'reply dot')
  assert.equal(one.heard.filter((line) => line.includes('STARTTLS')).length, 1)
  assert.equal(one.connections(), 3)
})

test('what a server says in plain behind its answer to STARTTLS is not taken for an answer over TLS', async (t) => {
  const one = await server(t, {
    answer: (event) =>
      event.verb === 'STARTTLS' ? '220 Ready\r\n250-evil.example\r\n250 PIPELINING\r\n' : undefined,
  })
  const opened = await dial(t, one, 'required')
  assert.equal(opened.kind === 'failed' && phaseOf(opened.result), 'broken tls')
})

for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`the second connection to a server resumes the session of the first, ${maxVersion}`, async (t) => {
    const one = await server(t, { tls: { ...tls, maxVersion } })
    const two = pool(t)
    const transcripts: string[] = []
    for (const rcpt of ['a@x.example', 'b@x.example']) {
      const result = await send(two, one.port, 'opportunistic', rcpt)
      assert.deepEqual([phaseOf(result), result.isTls], ['reply dot', true])
      transcripts.push(/TLS is on.*/.exec(result.transcript)?.[0] ?? '')
    }
    assert.deepEqual(transcripts, ['TLS is on', 'TLS is on, resumed'])
    // What was agreed on with another policy is not taken over.
    const other = await send(two, one.port, 'required', 'c@x.example')
    assert.match(other.transcript, /TLS is on\n/)
  })
}

test('a server that breaks off when a session is resumed gets a new one, and is not taken to be without TLS', async (t) => {
  let handshakes = 0
  const one = await server(t, {
    answer: (event) => {
      if (event.verb !== 'HANDSHAKE') return undefined
      handshakes += 1
      return handshakes === 2 ? { do: 'cut' } : undefined
    },
  })
  const two = pool(t)
  await send(two, one.port, 'opportunistic', 'a@x.example')
  const result = await send(two, one.port, 'opportunistic', 'b@x.example')
  assert.deepEqual([phaseOf(result), result.isTls], ['reply dot', true])
  assert.match(result.transcript, /TLS failed: [^]*TLS is on\n/)
})
