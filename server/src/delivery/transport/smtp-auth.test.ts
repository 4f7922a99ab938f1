import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import { createTestCertificate, type ScriptedEvent } from '@pigeon/server/test/scripted-smtp.ts'
import {
  attempt,
  connected,
  dial,
  inWords,
  LONG,
  scriptedServer,
  send,
} from '@pigeon/server/test/smtp-dialing.ts'
import { systemClock } from '#platform/clock.ts'
import { loginKey, logIn } from './smtp-auth.ts'
import { greet } from './smtp-greeting.ts'
import { openWire } from './smtp-wire.ts'
import { createTranscript } from './transcript.ts'
import type { OpenResult } from './smtp-connection.ts'
import { createSmtpPool } from './smtp-pool.ts'
import { RFC_5321_TIMEOUTS, type SendRoute, type SmtpAuth } from './transport.ts'

const auth: SmtpAuth = { user: 'pigeon', kind: 'password', secret: 'correct horse' }
const tls = createTestCertificate('relay.test.example')

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}

function endOf(opened: OpenResult): string {
  return opened.kind === 'open' ? 'open' : inWords(opened.result)
}

/** Everything that a person may see later. */
function textOf(opened: OpenResult): string {
  return opened.kind === 'open' ? opened.connection.greeting : opened.transcript
}

function assertHidden(text: string, secret = auth.secret): void {
  for (const form of [secret, base64(secret), base64(`\0pigeon\0${secret}`)])
    assert.ok(!text.includes(form), text)
}

test('a smarthost is logged in to before the first message, and the password is in no transcript', async (t) => {
  const one = await scriptedServer(t, { extensions: ['PIPELINING', 'AUTH PLAIN LOGIN'] })
  const connection = await connected(t, one, { auth })
  assert.deepEqual((await send(connection, attempt('a@x.example'))).map(inWords), ['reply dot 250'])
  assert.ok(one.heard.includes(`1 AUTH PLAIN ${base64('\0pigeon\0correct horse')}`))
  assert.match(connection.greeting, /C: AUTH PLAIN \(secret\)\nS: 235 2\.7\.0 Ok\n$/)
  assertHidden(connection.greeting)
})

test('LOGIN and CRAM-MD5 answer what the server asks', async (t) => {
  const login = await scriptedServer(t, {
    extensions: ['AUTH LOGIN'],
    answer: ({ verb, count }) =>
      verb === 'AUTH'
        ? [`334 ${base64('Username:')}\r\n`, `334 ${base64('Password:')}\r\n`][count - 1]
        : undefined,
  })
  assertHidden((await connected(t, login, { auth })).greeting)
  assert.deepEqual(login.heard.slice(1), [
    '1 AUTH LOGIN',
    `1 ${base64('pigeon')}`,
    `1 ${base64('correct horse')}`,
  ])
  const challenge = '<1.2@test.example>'
  const cram = await scriptedServer(t, {
    extensions: ['AUTH PLAIN CRAM-MD5'],
    answer: ({ verb, count }) =>
      verb === 'AUTH' && count === 1 ? `334 ${base64(challenge)}\r\n` : undefined,
  })
  await connected(t, cram, { auth })
  const digest = createHmac('md5', auth.secret).update(challenge).digest('hex')
  assert.deepEqual(cram.heard.slice(1), ['1 AUTH CRAM-MD5', `1 ${base64(`pigeon ${digest}`)}`])
})

test('a token that does not fit a command line goes alone', async (t) => {
  const token: SmtpAuth = { user: 'pigeon', kind: 'token', secret: 'x'.repeat(2_000) }
  const one = await scriptedServer(t, {
    extensions: ['AUTH XOAUTH2'],
    answer: ({ verb, count }) => (verb === 'AUTH' && count === 1 ? '334 \r\n' : undefined),
  })
  assertHidden((await connected(t, one, { auth: token })).greeting, token.secret)
  assert.equal(one.heard[1], '1 AUTH XOAUTH2')
  assert.match(
    Buffer.from(one.heard[2]?.slice(2) ?? '', 'base64').toString(),
    /^user=pigeon\u0001auth=Bearer x/,
  )
})

for (const [said, end] of [
  ['535 5.7.8 Authentication failed\r\n', 'reply auth 535'],
  ['454 4.7.0 Temporary failure\r\n', 'reply auth 454'],
  ['421 4.3.2 Closing\r\n', 'reply auth 421'],
  [{ do: 'cut' }, 'broken auth'],
  [{ do: 'stall' }, 'timeout auth'],
  ['334 \r\n', 'broken auth'],
] as const) {
  test(`${JSON.stringify(said)} to AUTH is a failed opening: ${end}`, async (t) => {
    const one = await scriptedServer(t, {
      extensions: ['AUTH PLAIN'],
      answer: ({ verb }) => (verb === 'AUTH' ? said : undefined),
    })
    const opened = await dial(one, {
      auth,
      ...(end.startsWith('timeout') && { timeouts: { ...LONG, ehloMs: 1_000 } }),
    })
    assert.equal(endOf(opened), end)
    assertHidden(textOf(opened))
  })
}

test('a server that offers no way to log in gets no mail, and the transcript says what it offers', async (t) => {
  for (const [extensions, offered] of [
    [['PIPELINING'], 'none'],
    [['AUTH GSSAPI NTLM'], 'GSSAPI, NTLM'],
  ] as const) {
    const opened = await dial(await scriptedServer(t, { extensions }), { auth })
    assert.equal(endOf(opened), 'broken auth')
    assert.match(textOf(opened), new RegExp(`it offers ${offered}\\)`))
  }
})

test('without TLS nothing secret goes to another machine, unless somebody has allowed it', async (t) => {
  const one = await scriptedServer(t, { extensions: ['AUTH PLAIN'] })
  const wire = await openWire({ address: '127.0.0.1', port: one.port, connectMs: 5_000, clock: systemClock })
  t.after(() => wire.end('the test is over'))
  const transcript = createTranscript()
  const greeting = await greet(
    wire,
    { host: 'x', ehloName: 'x.example', tls: 'none', timeouts: LONG, now: new Date() },
    transcript,
  )
  assert.ok(greeting.kind === 'ready')
  const logInTo = (address: string, as: SmtpAuth) =>
    logIn(wire, { address, auth: as, timeouts: LONG }, greeting, transcript)
  for (const address of ['192.0.2.1', '2001:db8::1', '10.127.0.1']) {
    const end = await logInTo(address, auth)
    assert.equal(inWords(end?.result), 'broken auth')
  }
  assert.match(transcript.text(), /not sent without TLS: use a port of the relay/)
  assert.ok(!one.heard.some((line) => line.includes('AUTH')))
  assert.equal(await logInTo('192.0.2.1', { ...auth, allowWithoutTls: true }), undefined)
})

test('a server that only says that it knows the password is not believed', async (t) => {
  const one = await scriptedServer(t, { extensions: ['AUTH SCRAM-SHA-256'] })
  const opened = await dial(one, { auth })
  assert.equal(endOf(opened), 'broken auth')
  assert.match(textOf(opened), /C: AUTH SCRAM-SHA-256 \(secret\)/)
})

test('with TLS from the first octet there is no STARTTLS, and the log-in is inside', async (t) => {
  const one = await scriptedServer(t, { tls, isImplicitTls: true, extensions: ['STARTTLS', 'AUTH PLAIN'] })
  const connection = await connected(t, one, { auth, isImplicitTls: true, tls: 'required' })
  assert.equal(connection.isTls, true)
  assert.deepEqual((await send(connection, attempt('a@x.example'))).map(inWords), ['reply dot 250'])
  assert.deepEqual(
    one.heard.slice(0, 2).map((line) => line.split(' ')[1]),
    ['EHLO', 'AUTH'],
  )
})

test('a server without TLS behind a port for it is a failed opening, not plain text', async (t) => {
  const one = await scriptedServer(t, { extensions: ['AUTH PLAIN'] })
  const opened = await dial(one, { auth, isImplicitTls: true, tls: 'opportunistic' })
  assert.equal(endOf(opened), 'broken tls')
  assert.equal(one.connections(), 1)
})

function relay(port: number, more: Partial<SendRoute>): SendRoute {
  const hosts = [{ name: 'relay.test.example', priority: 0, addresses: ['127.0.0.1'] }]
  return { lane: 'relay', hosts, port, tls: 'required', ehloName: 'client.example', ...more }
}

test('messages of different log-ins never share a connection', async (t) => {
  const one = await scriptedServer(t, { tls, extensions: ['PIPELINING', 'STARTTLS', 'AUTH PLAIN'] })
  const wrong = (event: ScriptedEvent) =>
    event.verb === 'AUTH' && event.line.endsWith(base64('\0pigeon\0wrong')) ? '535 5.7.8 No\r\n' : undefined
  const two = await scriptedServer(t, { tls, extensions: ['STARTTLS', 'AUTH PLAIN'], answer: wrong })
  const pool = createSmtpPool({
    clock: systemClock,
    timeouts: { ...RFC_5321_TIMEOUTS, quitMs: 500 },
    defaults: { maxConnections: 5, maxMessagesPerConnection: 100, connectionRates: [], idleMs: 60_000 },
    maxConnections: 10,
    maxWaitMs: 60_000,
    backOffBaseMs: 60_000,
    backOffMaxMs: 60_000,
  })
  t.after(() => pool.close(0))
  const over = (port: number, as: SmtpAuth) =>
    pool.send(relay(port, { auth: as }), attempt('a@x.example').message).then(inWords)
  assert.equal(await over(one.port, auth), 'reply dot 250')
  assert.equal(await over(one.port, auth), 'reply dot 250')
  assert.equal(one.connections(), 1)
  assert.equal(await over(two.port, auth), 'reply dot 250')
  assert.equal(await over(two.port, { ...auth, secret: 'wrong' }), 'reply auth 535')
  assert.ok(!loginKey(auth).includes(auth.secret))
})
