import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { dotStuff } from '@pigeon/mail/smtp-data.ts'
import { manualClock } from '@pigeon/server/test/manual-clock.ts'
import { startScriptedApi, type ApiStep } from '@pigeon/server/test/scripted-api.ts'
import { waitFor } from '@pigeon/server/test/wait-for.ts'
import { Value } from 'typebox/value'
import type { OutgoingMessage, SendResult, SendRoute, Transport } from '#delivery/transport/transport.ts'
import { systemClock } from '#platform/clock.ts'
import { createRelay, type RelayDeps } from './create-relay.ts'
import { officialEndpoint, RelayConfig } from './relay-config.ts'

const message: OutgoingMessage = {
  mailFrom: 'a@x.example',
  rcptTo: 'b@y.example',
  data: dotStuff(Buffer.from('From: a@x.example\r\nTo: b@y.example\r\nSubject: s\r\n\r\nhello\r\n')),
  beforeFinalDot: () => Promise.resolve(),
}
const route = { lane: 'google', ehloName: 'mail.x.example' }
const smarthost = { kind: 'smarthost', name: 'out', host: '127.0.0.1', port: 587, tls: 'required' } as const
const postmark = { kind: 'postmark', name: 'pm', serverToken: 'T', messageStream: 'outbound' } as const
const gmail = { kind: 'gmail', name: 'g', account: 'a@x.example' } as const

/** A transport that says the same to every message. */
function saying(result: SendResult, routes: SendRoute[] = []): Transport {
  const at = new Date(0)
  const session = {
    mxHost: 'h',
    mxAddress: null,
    isTls: true,
    tlsTries: [],
    transcript: 'S: hi',
    startedAt: at,
    endedAt: at,
  }
  return {
    send: async (route) => {
      routes.push(route)
      return { ...result, ...session }
    },
    limit: () => undefined,
    connections: () => 0,
    close: () => Promise.resolve(),
  }
}

function reply(phase: 'mail' | 'rcpt' | 'dot', code: number, text: string): SendResult {
  return { kind: 'reply', phase, reply: { code, lines: [text], text } }
}

function deps(more: Partial<RelayDeps> = {}): RelayDeps {
  return {
    clock: systemClock,
    alert: () => {},
    smtp: saying(reply('dot', 250, 'Ok')),
    accessTokenOf: () => async () => 'token',
    allowPrivate: true,
    ...more,
  }
}

async function api(t: TestContext, answer: (n: number) => ApiStep) {
  const one = await startScriptedApi({ answer: (_request, n) => answer(n) })
  t.after(() => one.close())
  return one
}

test('a configuration is checked by its shape', () => {
  assert.ok(Value.Check(RelayConfig, smarthost))
  assert.ok(Value.Check(RelayConfig, postmark))
  for (const bad of [
    { ...postmark, serverToken: '' },
    { ...postmark, apiKey: 'of another' },
    { ...smarthost, port: 0 },
    { ...smarthost, host: 'a b' },
    { kind: 'ses', name: 'ses', region: 'eu-west-1.evil.example/', accessKeyId: 'A', secretAccessKey: 'S' },
    { ...postmark, kind: 'pigeon' },
  ]) {
    assert.ok(!Value.Check(RelayConfig, bad), JSON.stringify(bad))
  }
})

test('each provider is spoken to where it says, by region', () => {
  const ses = {
    kind: 'ses',
    name: 's',
    region: 'ap-southeast-2',
    accessKeyId: 'A',
    secretAccessKey: 'S',
  } as const
  const mailgun = { kind: 'mailgun', name: 'm', domain: 'd.example', apiKey: 'K' } as const
  const sendgrid = { kind: 'sendgrid', name: 's', apiKey: 'K' } as const
  assert.equal(officialEndpoint(ses), 'https://email.ap-southeast-2.amazonaws.com')
  assert.equal(officialEndpoint({ ...mailgun, region: 'us' }), 'https://api.mailgun.net')
  assert.equal(officialEndpoint({ ...mailgun, region: 'eu' }), 'https://api.eu.mailgun.net')
  assert.equal(officialEndpoint({ ...sendgrid, region: 'global' }), 'https://api.sendgrid.com')
  assert.equal(officialEndpoint({ ...sendgrid, region: 'eu' }), 'https://api.eu.sendgrid.com')
  assert.equal(officialEndpoint(postmark), 'https://api.postmarkapp.com')
  assert.equal(officialEndpoint(gmail), 'https://gmail.googleapis.com')
})

test('an endpoint inside our own network is refused', () => {
  const config = { ...postmark, endpoint: 'https://169.254.169.254' }
  assert.throws(() => createRelay(deps({ allowPrivate: false }), config), { code: 'relays.bad_endpoint' })
})

test('a name that leads into our own network is not connected to', async () => {
  const relay = createRelay(
    deps({
      allowPrivate: false,
      lookup: (_host, _how, callback) => callback(null, [{ address: '127.0.0.1', family: 4 }]),
    }),
    { ...postmark, endpoint: 'https://rebound.example' },
  )
  const result = await relay.send(route, message)
  assert.equal(result.kind === 'broken' && result.error, 'rebound.example has no public address')
  await relay.close(0)
})

test('a password needs TLS, and a user name to go with it', () => {
  const config = { ...smarthost, username: 'u', password: 'p', tls: 'opportunistic' } as const
  assert.throws(() => createRelay(deps({ allowPrivate: false }), config), {
    code: 'relays.password_in_plain',
  })
  assert.throws(() => createRelay(deps(), { ...smarthost, username: 'u' }), {
    code: 'relays.half_credentials',
  })
})

test('a smarthost is a route to its own address, in the lane it is given, with its credentials', async () => {
  const routes: SendRoute[] = []
  const smtp = saying(reply('dot', 250, 'Ok: queued as 7'), routes)
  const relay = createRelay(deps({ smtp }), { ...smarthost, username: 'u', password: 'p' })
  const result = await relay.send(route, message)
  assert.deepEqual(routes, [
    {
      lane: route.lane,
      hosts: [{ name: '127.0.0.1', priority: 0, addresses: ['127.0.0.1'] }],
      port: 587,
      tls: 'required',
      ehloName: 'mail.x.example',
      auth: { user: 'u', kind: 'password', secret: 'p' },
    },
  ])
  assert.equal(result.kind === 'reply' && result.isRelay, true)
  assert.equal(result.transcript, 'S: hi')
})

test('a smarthost on port 465 is spoken to over TLS from the first octet', async () => {
  const routes: SendRoute[] = []
  const relay = createRelay(deps({ smtp: saying(reply('dot', 250, 'Ok'), routes) }), {
    ...smarthost,
    port: 465,
    tls: 'implicit',
  })
  await relay.send(route, message)
  assert.deepEqual([routes[0]?.isImplicitTls, routes[0]?.tls], [true, 'required'])
})

for (const [what, said, reason, state] of [
  ['asks for credentials', reply('mail', 530, 'Authentication required'), 'suspended', 'down'],
  ['does not take ours', reply('mail', 535, 'Authentication failed'), 'suspended', 'down'],
  ['does not relay for the sender', reply('rcpt', 554, 'Relay access denied'), 'sender_refused', 'healthy'],
  ['has had too many', reply('mail', 451, 'Too many messages, rate limit exceeded'), 'limited', 'down'],
] as const) {
  test(`a smarthost that ${what} is no fault of the message`, async () => {
    const relay = createRelay(deps({ smtp: saying(said) }), smarthost)
    const result = await relay.send(route, message)
    assert.equal(result.kind === 'unsent' && result.reason, reason)
    assert.equal(relay.health().state, state)
  })
}

test('a smarthost that refuses one recipient is healthy', async () => {
  const relay = createRelay(deps({ smtp: saying(reply('rcpt', 450, 'Mailbox is busy')) }), smarthost)
  const result = await relay.send(route, message)
  assert.equal(result.kind, 'reply')
  assert.equal(relay.health().state, 'healthy')
})

test('a smarthost in doubt stays in doubt', async () => {
  const lost = { kind: 'broken', phase: 'dot', error: 'ECONNRESET', dotSent: true } as const
  const relay = createRelay(deps({ smtp: saying(lost) }), smarthost)
  const result = await relay.send(route, message)
  assert.equal(result.kind === 'broken' && result.dotSent, true)
})

test('a token that is too old is renewed once, in the same attempt', async (t) => {
  const one = await api(t, (n) => (n === 1 ? { status: 401 } : { status: 200, body: '{"id":"i"}' }))
  let dots = 0
  const relay = createRelay(
    deps({
      accessTokenOf:
        () =>
        async ({ isRefused }) =>
          isRefused ? 'new' : 'old',
    }),
    { ...gmail, endpoint: `http://127.0.0.1:${one.port}` },
  )
  t.after(() => relay.close(0))
  const beforeFinalDot = async (): Promise<void> => {
    dots += 1
  }
  const result = await relay.send(route, { ...message, beforeFinalDot })
  assert.equal(result.kind === 'answer' && result.verdict, 'sent')
  assert.deepEqual(
    one.requests.map((request) => request.headers.authorization),
    ['Bearer old', 'Bearer new'],
  )
  assert.equal(dots, 1)
})

test('a token that is refused again suspends the relay', async (t) => {
  const one = await api(t, () => ({ status: 401 }))
  const relay = createRelay(deps(), { ...gmail, endpoint: `http://127.0.0.1:${one.port}` })
  t.after(() => relay.close(0))
  const result = await relay.send(route, message)
  assert.equal(result.kind === 'unsent' && result.reason, 'suspended')
  assert.equal(one.requests.length, 2)
})

test('an account whose token cannot be had suspends the relay without a request', async () => {
  const relay = createRelay(deps({ accessTokenOf: () => () => Promise.reject(new Error('revoked')) }), gmail)
  const result = await relay.send(route, message)
  assert.equal(result.kind === 'unsent' && result.reason, 'suspended')
  assert.equal(relay.health().state, 'down')
})

test('a message that is too big for the relay has failed, and nobody is asked', async (t) => {
  const one = await api(t, () => ({ status: 200 }))
  const relay = createRelay(deps(), { ...postmark, endpoint: `http://127.0.0.1:${one.port}` })
  t.after(() => relay.close(0))
  const data = Buffer.alloc(10_000_001, 'x')
  const result = await relay.send(route, { ...message, data })
  assert.deepEqual(result.kind === 'answer' && [result.verdict, result.class], ['failed', 'message_too_big'])
  assert.equal(one.requests.length, 0)
})

test('a message that cannot be taken apart has failed, and the relay is healthy', async () => {
  const relay = createRelay(deps(), postmark)
  const result = await relay.send(route, { ...message, data: dotStuff(Buffer.from('no message\r\n')) })
  assert.deepEqual(result.kind === 'answer' && [result.verdict, result.class], ['failed', 'content'])
  assert.equal(relay.health().state, 'healthy')
})

test('no more requests run at a time than it may, the rest waits, and too many are turned away', async (t) => {
  let inside = 0
  let most = 0
  const one = await api(t, () => ({ status: 200, body: '{"ErrorCode":0,"MessageID":"i"}' }))
  const relay = createRelay(deps(), {
    ...postmark,
    maxConcurrent: 2,
    endpoint: `http://127.0.0.1:${one.port}`,
  })
  t.after(() => relay.close(0))
  const beforeFinalDot = async (): Promise<void> => {
    inside += 1
    most = Math.max(most, inside)
    await new Promise((resolve) => setImmediate(resolve))
    inside -= 1
  }
  assert.equal(relay.capacity(), 2)
  const results = await Promise.all(
    Array.from({ length: 30 }, () => relay.send(route, { ...message, beforeFinalDot })),
  )
  assert.ok(most <= 2, `${most} at a time`)
  assert.equal(results.filter((result) => result.kind === 'answer').length, 22)
  assert.equal(results.filter((result) => result.kind === 'unsent' && result.reason === 'limited').length, 8)
  assert.equal(one.connections(), 2)
})

test('a secret that a relay repeats is cut out whole, wherever its answer is cut', async (t) => {
  const serverToken = 'a-token-that-nobody-must-see'
  const one = await api(t, () => ({ status: 500, body: `${'x'.repeat(490)}${serverToken}` }))
  const relay = createRelay(deps(), { ...postmark, serverToken, endpoint: `http://127.0.0.1:${one.port}` })
  t.after(() => relay.close(0))
  const result = await relay.send(route, message)
  assert.ok(!JSON.stringify([result, relay.health()]).includes('a-token'))
})

test('a close without grace ends what has begun, in doubt when it had left', async (t) => {
  const one = await api(t, () => 'stall')
  const relay = createRelay(deps(), { ...postmark, endpoint: `http://127.0.0.1:${one.port}` })
  const sending = relay.send(route, message)
  await waitFor('the request to arrive', () => one.requests.length === 1)
  await relay.close(0)
  const result = await sending
  assert.equal(result.kind === 'broken' && result.dotSent, true)
})

test('the clock signs requests and reads what a relay says about time', async (t) => {
  const one = await api(t, () => ({
    status: 429,
    headers: { 'retry-after': 'Thu, 01 Jan 2026 00:01:00 GMT' },
  }))
  const clock = manualClock()
  const relay = createRelay(deps({ clock }), { ...postmark, endpoint: `http://127.0.0.1:${one.port}` })
  t.after(() => relay.close(0))
  const result = await relay.send(route, message)
  assert.equal(result.kind === 'unsent' && result.retryAfterMs, 60_000)
})
