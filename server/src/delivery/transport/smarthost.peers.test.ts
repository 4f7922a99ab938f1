/** Our SMTP client against Postfix as a smarthost that wants a log-in, and against the extensions that Postfix offers. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { buildMessage } from '@pigeon/mail/mime.ts'
import { newsletter } from '@pigeon/mail/sample-messages.ts'
import { dotStuff } from '@pigeon/mail/smtp-data.ts'
import { failuresOnly } from '@pigeon/mail/smtp-dsn.ts'
import { MAILBOX_DOMAIN, startPostfix, WRAPPED } from '@pigeon/server/test/peers/postfix.ts'
import { inWords } from '@pigeon/server/test/smtp-dialing.ts'
import { waitFor } from '@pigeon/server/test/wait-for.ts'
import { systemClock } from '#platform/clock.ts'
import { createSmtpPool } from './smtp-pool.ts'
import { RFC_5321_TIMEOUTS, type SendRoute, type SmtpAuth, type Transport } from './transport.ts'

const LOOKS_WITHIN_MS = 60_000
const PASSWORD = 'correct hörse'
const auth: SmtpAuth = { user: `pigeon@${MAILBOX_DOMAIN}`, kind: 'password', secret: PASSWORD }
/** Nobody sends here who has not logged in, over TLS. */
const CLOSED = [
  'smtpd_sasl_auth_enable = yes',
  'smtpd_tls_auth_only = yes',
  'smtpd_recipient_restrictions = permit_sasl_authenticated, reject',
]

function pool(t: TestContext): Transport {
  const one = createSmtpPool({
    clock: systemClock,
    timeouts: { ...RFC_5321_TIMEOUTS, quitMs: 2_000 },
    defaults: { maxConnections: 2, maxMessagesPerConnection: 50, connectionRates: [], idleMs: 5_000 },
    maxConnections: 50,
    maxWaitMs: 60_000,
    backOffBaseMs: 1_000,
    backOffMaxMs: 60_000,
  })
  t.after(() => one.close(0))
  return one
}

function route(port: number, more: Partial<SendRoute> = {}): SendRoute {
  const hosts = [{ name: 'mx.inbox.example', priority: 10, addresses: ['127.0.0.1'] }]
  return { lane: `at ${port}`, hosts, port, tls: 'required', ehloName: 'out.example.com', ...more }
}

function send(to: Transport, where: SendRoute, rcptTo: string, message: Buffer) {
  const beforeFinalDot = (): Promise<void> => Promise.resolve()
  const dsn = failuresOnly('0198c0de')
  return to.send(where, {
    mailFrom: 'bounces+1@example.com',
    rcptTo,
    data: dotStuff(message),
    dsn,
    beforeFinalDot,
  })
}

const MECHANISMS = ['plain', 'login', 'cram-md5', 'scram-sha-256'] as const

test('a smarthost takes mail from who has logged in, with each mechanism that it may ask for', async (t) => {
  const services = Object.fromEntries(
    MECHANISMS.map((name) => [name, [...CLOSED, `smtpd_sasl_mechanism_filter = ${name}`]]),
  )
  const postfix = await startPostfix(t, services, { pigeon: PASSWORD })
  const client = pool(t)
  for (const [n, name] of MECHANISMS.entries()) {
    const where = route(postfix.ports[name] ?? 0, { auth })
    const result = await send(client, where, `reader${n}@${MAILBOX_DOMAIN}`, buildMessage(newsletter()))
    assert.equal(inWords(result), 'reply dot 250', result.transcript)
    assert.match(
      result.transcript,
      new RegExp(`TLS is on\n[^]*C: AUTH ${name.toUpperCase()}[^]*S: 235 2\\.7\\.0`),
    )
    assert.ok(!result.transcript.includes(Buffer.from(PASSWORD).toString('base64')))
  }
  await waitFor('four messages', async () => (await postfix.messages()).length === 4, LOOKS_WITHIN_MS)
})

test('a wrong password, a wrong user and no log-in at all are refused each in its own way', async (t) => {
  const postfix = await startPostfix(t, { relay: CLOSED }, { pigeon: PASSWORD })
  const client = pool(t)
  const rcpt = `reader1@${MAILBOX_DOMAIN}`
  const message = buildMessage(newsletter())
  for (const wrong of [{ secret: 'wrong' }, { user: `nobody@${MAILBOX_DOMAIN}` }]) {
    const where = route(postfix.ports.relay, { lane: JSON.stringify(wrong), auth: { ...auth, ...wrong } })
    const result = await send(client, where, rcpt, message)
    assert.equal(inWords(result), 'reply auth 535', result.transcript)
  }
  const result = await send(client, route(postfix.ports.relay), rcpt, message)
  assert.equal(inWords(result), 'reply rcpt 554', result.transcript)
})

test('TLS is resumed from one connection to the next, and mail comes in through TLS from the first octet', async (t) => {
  const postfix = await startPostfix(t, { mx: [], wrapped: [WRAPPED] })
  const client = pool(t)
  const message = buildMessage(newsletter())
  const transcripts: string[] = []
  for (const n of [1, 2]) {
    // A provider of its own has connections of its own.
    const where = route(postfix.ports.mx, { lane: String(n) })
    transcripts.push((await send(client, where, `reader${n}@${MAILBOX_DOMAIN}`, message)).transcript)
  }
  assert.deepEqual(
    transcripts.map((text) => /TLS is on.*/.exec(text)?.[0]),
    ['TLS is on', 'TLS is on, resumed'],
  )
  const wrapped = route(postfix.ports.wrapped, { isImplicitTls: true })
  const result = await send(client, wrapped, `reader3@${MAILBOX_DOMAIN}`, message)
  assert.deepEqual([inWords(result), result.isTls], ['reply dot 250', true])
})

test('Postfix takes chunks, octets above 127 and addresses outside ASCII, and stores what was sent', async (t) => {
  const postfix = await startPostfix(t, { mx: [] })
  const client = pool(t)
  const recipient = `läser1@${MAILBOX_DOMAIN}`
  const reader = `reader2@${MAILBOX_DOMAIN}`
  const letter = (to: string): Buffer =>
    Buffer.from(
      `From: news@example.com\r\nTo: ${to}\r\nSubject: Chunks\r\nContent-Type: text/plain; charset=utf-8\r\n` +
        'Date: Thu, 01 Jan 2026 00:00:00 +0000\r\nMessage-ID: <1@example.com>\r\nMIME-Version: 1.0\r\n' +
        'Content-Transfer-Encoding: 8bit\r\n\r\n.\r\n..två\r\nдва\r\n',
    )
  const results = [
    await send(client, route(postfix.ports.mx), recipient, letter(recipient)),
    await send(client, route(postfix.ports.mx), reader, letter(reader)),
  ]
  assert.deepEqual(results.map(inWords), ['reply dot 250', 'reply dot 250'])
  const [first, second] = results.map((one) => one.transcript)
  assert.match(first ?? '', /C: MAIL FROM:<[^>]*> SIZE=\d+ BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=0198c0de\n/)
  assert.match(first ?? '', /C: RCPT TO:<läser1@[^>]*> NOTIFY=FAILURE ORCPT=utf-8;läser1@/)
  assert.match(first ?? '', /C: BDAT 24\nC: <24 octets>\nS: 250 [^\n]*\nC: BDAT \d+ LAST\n/)
  assert.match(second ?? '', /BODY=8BITMIME RET=HDRS[^]*C: BDAT \d+ LAST\n/)
  assert.doesNotMatch(second ?? '', /SMTPUTF8|DATA/)
  await waitFor('both messages', async () => (await postfix.messages()).length === 2, LOOKS_WITHIN_MS)
  for (const stored of await postfix.messages()) {
    const recipientIn = Buffer.from(stored.recipient, 'latin1').toString()
    assert.equal(stored.content.toString(), letter(recipientIn).toString())
  }
})
