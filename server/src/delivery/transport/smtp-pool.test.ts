import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { dotStuff } from '@pigeon/mail/smtp-data.ts'
import {
  startScriptedSmtp,
  type ScriptedSmtp,
  type ScriptedSmtpOptions,
} from '@pigeon/server/test/scripted-smtp.ts'
import { waitFor } from '@pigeon/server/test/wait-for.ts'
import { systemClock } from '#platform/clock.ts'
import { createSmtpPool, type SmtpPoolOptions } from './smtp-pool.ts'
import {
  RFC_5321_TIMEOUTS,
  type OutgoingMessage,
  type SendResult,
  type SendRoute,
  type SendSession,
  type Transport,
} from './transport.ts'

async function server(t: TestContext, options: ScriptedSmtpOptions = {}): Promise<ScriptedSmtp> {
  const one = await startScriptedSmtp(options)
  t.after(() => one.close())
  return one
}

function pool(
  t: TestContext,
  limits: { connections?: number; messages?: number; idleMs?: number } = {},
  more: Partial<SmtpPoolOptions> = {},
): Transport {
  const one = createSmtpPool({
    clock: systemClock,
    timeouts: { ...RFC_5321_TIMEOUTS, quitMs: 500, dotMs: 2_000 },
    defaults: {
      maxConnections: limits.connections ?? 3,
      maxMessagesPerConnection: limits.messages ?? 100,
      connectionRates: [],
      idleMs: limits.idleMs ?? 2_000,
    },
    maxConnections: 50,
    maxWaitMs: 5_000,
    backOffBaseMs: 60_000,
    backOffMaxMs: 600_000,
    ...more,
  })
  t.after(() => one.close(0))
  return one
}

function route(port: number, more: Partial<SendRoute> = {}): SendRoute {
  return {
    lane: 'test',
    hosts: [{ name: 'mx.test.example', priority: 10, addresses: ['127.0.0.1'] }],
    port,
    tls: 'none',
    ehloName: 'client.example',
    ...more,
  }
}

function message(rcptTo: string, more: Partial<OutgoingMessage> = {}): OutgoingMessage {
  return {
    mailFrom: 'a@sender.example',
    rcptTo,
    data: dotStuff(Buffer.from(`Subject: ${rcptTo}\r\n\r\nhello\r\n`)),
    beforeFinalDot: () => Promise.resolve(),
    ...more,
  }
}

function sendMany(one: Transport, to: SendRoute, count: number, name = 'u') {
  return Promise.all(Array.from({ length: count }, (_, i) => one.send(to, message(`${name}${i}@x.example`))))
}

function inWords(result: SendResult & SendSession): string {
  if (result.kind === 'reply') return `reply ${result.phase} ${result.reply.code}`
  if (result.kind === 'unsent') return `unsent ${result.reason}`
  if (result.kind === 'answer') return `answer ${result.verdict}`
  return `${result.kind} ${result.phase}${result.dotSent ? ' in doubt' : ''}`
}

test('everybody gets the message once, over no more connections than the limit, which are reused', async (t) => {
  const mx = await server(t)
  const results = await sendMany(pool(t), route(mx.port), 200)
  assert.deepEqual(new Set(results.map(inWords)), new Set(['reply dot 250']))
  const got = mx.accepted.flatMap((one) => one.rcptTo)
  assert.equal(got.length, 200)
  assert.equal(new Set(got).size, 200)
  assert.ok(mx.mostOpen() <= 3, `${mx.mostOpen()} connections at a time`)
  assert.equal(mx.connections(), 3)
  assert.equal(results[0]?.mxHost, 'mx.test.example')
  assert.equal(results[0]?.mxAddress, '127.0.0.1')
})

test('a connection carries as many messages as allowed, and then says QUIT', async (t) => {
  const mx = await server(t)
  const results = await sendMany(pool(t, { connections: 1, messages: 10 }), route(mx.port), 35)
  assert.ok(results.every((one) => inWords(one) === 'reply dot 250'))
  assert.equal(mx.connections(), 4)
  assert.equal(mx.heard.filter((line) => line.endsWith('QUIT')).length, 3)
  assert.equal(mx.mostOpen(), 1)
})

test('a server that closes without a word after 20 messages costs no message its attempt', async (t) => {
  const mx = await server(t, {
    answer: (event) => (event.verb === 'MAIL' && event.count === 21 ? { do: 'cut' } : undefined),
  })
  const results = await sendMany(pool(t), route(mx.port), 100)
  assert.deepEqual(new Set(results.map(inWords)), new Set(['reply dot 250']))
  assert.equal(new Set(mx.accepted.flatMap((one) => one.rcptTo)).size, 100)
  assert.equal(mx.accepted.length, 100)
})

test('421 after the content of one message loses and doubles nobody', async (t) => {
  const mx = await server(t, {
    answer: (event) =>
      event.verb === 'CONTENT' && event.count % 7 === 0
        ? { say: '421 4.7.0 Try later\r\n', do: 'cut' }
        : undefined,
  })
  const results = await sendMany(pool(t), route(mx.port), 100)
  const delivered = results.filter((one) => inWords(one) === 'reply dot 250').length
  const refused = results.filter((one) => inWords(one) === 'reply dot 421').length
  assert.equal(delivered + refused, 100)
  assert.ok(refused > 0)
  assert.equal(mx.accepted.length, delivered)
})

test('when the best host is down the next one gets the mail, and the dead one is left alone', async (t) => {
  const mx = await server(t, { address: '127.0.0.2' })
  const to = route(mx.port, {
    hosts: [
      { name: 'dead.test.example', priority: 10, addresses: ['127.0.0.3'] },
      { name: 'alive.test.example', priority: 20, addresses: ['127.0.0.2'] },
    ],
  })
  const one = pool(t, { messages: 1, connections: 1 })
  const first = await one.send(to, message('a@x.example'))
  assert.equal(inWords(first), 'reply dot 250')
  assert.equal(first.mxHost, 'alive.test.example')
  const second = await one.send(to, message('b@x.example'))
  assert.doesNotMatch(second.transcript, /dead/)
})

test('a host that is not ready (4xx banner) is passed over for the next', async (t) => {
  const busy = await server(t, {
    answer: (event) => (event.verb === 'BANNER' ? '450 4.3.2 Not now\r\n' : undefined),
  })
  const to = route(busy.port, {
    hosts: [{ name: 'busy.test.example', priority: 10, addresses: ['127.0.0.1', '127.0.0.4'] }],
  })
  const result = await pool(t).send(to, message('a@x.example'))
  assert.equal(result.kind, 'broken')
  assert.equal(result.mxAddress, '127.0.0.4')
  assert.equal(busy.connections(), 1)
})

test('when no host answers, one message has the reason, the others are told when to come back', async (t) => {
  const mx = await server(t)
  await mx.close()
  const one = pool(t)
  const results = await sendMany(one, route(mx.port), 5)
  assert.equal(results.filter((each) => inWords(each) === 'broken connect').length, 1)
  const waiting = results.filter((each) => each.kind === 'unsent')
  assert.equal(waiting.length, 4)
  const later = await one.send(route(mx.port), message('z@x.example'))
  assert.equal(inWords(later), 'unsent no_connection')
  assert.ok(later.kind === 'unsent' && later.retryAfterMs > 50_000)
})

test('a banner that refuses (554) is an answer for the message that waited for it', async (t) => {
  const mx = await server(t, {
    answer: (event) => (event.verb === 'BANNER' ? '554 5.7.1 Your address is listed\r\n' : undefined),
  })
  const result = await pool(t).send(route(mx.port), message('a@x.example'))
  assert.equal(inWords(result), 'reply banner 554')
  assert.match(result.transcript, /S: 554 5\.7\.1 Your address is listed/)
  assert.equal(result.mxHost, 'mx.test.example')
})

test('"too many connections" makes the pool use those it has, and every message arrives', async (t) => {
  const mx = await server(t, {
    answer: (event) =>
      event.verb === 'BANNER' && event.connection > 2 ? '421 4.7.0 Too many connections\r\n' : undefined,
  })
  const results = await sendMany(pool(t, { connections: 8 }), route(mx.port), 60)
  assert.deepEqual(new Set(results.map(inWords)), new Set(['reply dot 250']))
  assert.equal(mx.accepted.length, 60)
})

test('providers that have one server share the connections it allows, and neither waits for ever', async (t) => {
  let isFull = (): boolean => false
  const mx = await server(t, {
    answer: (event) =>
      event.verb === 'BANNER' && isFull() ? '421 4.7.0 Too many connections\r\n' : undefined,
  })
  isFull = () => mx.open() > 1
  const one = pool(t)
  const other = route(mx.port, {
    lane: 'other',
    hosts: [{ name: 'mx.other.example', priority: 5, addresses: ['127.0.0.1'] }],
  })
  const results = await Promise.all([sendMany(one, route(mx.port), 60, 'a'), sendMany(one, other, 60, 'b')])
  assert.deepEqual(new Set(results.flat().map(inWords)), new Set(['reply dot 250']))
  // Whoever has it now is idle: it leaves when the other one needs the place.
  const last = [
    await one.send(other, message('c@x.example')),
    await one.send(route(mx.port), message('d@x.example')),
  ]
  assert.deepEqual(last.map(inWords), ['reply dot 250', 'reply dot 250'])
})

test('two MX sets of one provider share its limit, and neither waits for ever', async (t) => {
  const mx = await server(t)
  const first = route(mx.port)
  const second = route(mx.port, {
    hosts: [{ name: 'other.test.example', priority: 5, addresses: ['127.0.0.1'] }],
  })
  const one = pool(t, { connections: 1 })
  const results = await Promise.all([sendMany(one, first, 60, 'a'), sendMany(one, second, 60, 'b')])
  assert.ok(results.flat().every((each) => inWords(each) === 'reply dot 250'))
  assert.equal(mx.mostOpen(), 1)
  const order = mx.accepted.map((each) => each.rcptTo[0]?.at(0))
  assert.ok(order.indexOf('b') <= 20, 'the second set had its turn after a fair share of the first')
})

test('a server that offers CHUNKING and does not know BDAT gets every message once, over the connection it has', async (t) => {
  const one = await server(t, {
    extensions: ['PIPELINING', 'CHUNKING'],
    answer: (event) => (event.verb === 'BDAT' ? '500 5.5.1 What?\r\n' : undefined),
  })
  const results = await sendMany(pool(t, { connections: 1 }), route(one.port), 20)
  assert.deepEqual([...new Set(results.map(inWords))], ['reply dot 250'])
  assert.deepEqual([one.connections(), one.accepted.length], [1, 20])
  assert.equal(new Set(one.accepted.flatMap((each) => each.rcptTo)).size, 20)
  assert.equal(one.heard.filter((line) => line.includes('BDAT')).length, 1)
})

test('an idle connection is closed with QUIT after its time', async (t) => {
  const mx = await server(t)
  await pool(t, { idleMs: 30 }).send(route(mx.port), message('a@x.example'))
  await waitFor('the idle connection to be closed', () => mx.open() === 0 && mx.heard.includes('1 QUIT'))
})

test('an idle connection that the server closes is not used again', async (t) => {
  const mx = await server(t)
  const one = pool(t)
  await one.send(route(mx.port), message('a@x.example'))
  await mx.close()
  const again = await server(t)
  assert.equal(inWords(await one.send(route(again.port), message('b@x.example'))), 'reply dot 250')
})

test('closing ends what has begun and gives the rest back', async (t) => {
  const mx = await server(t, { answer: (event) => (event.verb === 'CONTENT' ? { do: 'stall' } : undefined) })
  const one = pool(t, { connections: 2 })
  const sent = sendMany(one, route(mx.port), 6)
  await waitFor('two connections', () => mx.heard.filter((line) => line.includes(' <')).length === 2)
  assert.equal(one.connections('test'), 2)
  const closed = one.close(20)
  assert.equal(inWords(await one.send(route(mx.port), message('late@x.example'))), 'unsent closing')
  await closed
  const words = (await sent).map(inWords).sort()
  assert.equal(words.filter((each) => each === 'broken dot in doubt').length, 2)
  assert.equal(one.connections('test'), 0)
})

test('a message that waits too long for a busy provider is given back', async (t) => {
  const mx = await server(t, { answer: (event) => (event.verb === 'CONTENT' ? { do: 'stall' } : undefined) })
  const one = pool(t, { connections: 1, idleMs: 20 }, { maxWaitMs: 50 })
  const words = (await sendMany(one, route(mx.port), 4)).map(inWords)
  assert.deepEqual(words.filter((each) => each === 'unsent no_connection').length, 3)
  assert.equal(words[0], 'timeout dot in doubt')
})
