/** Our SMTP client against a real Postfix: what it says to us, and what it stores of what we send. */
import assert from 'node:assert/strict'
import { createPrivateKey } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { dkimTxtRecord, generateDkimKeys } from '@pigeon/mail/dkim-keys.ts'
import { createDkimSigner } from '@pigeon/mail/dkim.ts'
import { buildMessage } from '@pigeon/mail/mime.ts'
import { newsletter, SCRIPTS } from '@pigeon/mail/sample-messages.ts'
import { dotStuff } from '@pigeon/mail/smtp-data.ts'
import { openDkim } from '@pigeon/server/test/peers/opendkim.ts'
import { startGreylist } from '@pigeon/server/test/peers/greylist.ts'
import { MAILBOX_DOMAIN, startPostfix } from '@pigeon/server/test/peers/postfix.ts'
import { waitFor } from '@pigeon/server/test/wait-for.ts'
import { systemClock } from '#platform/clock.ts'
import { outcomeOf, type AttemptOutcome } from '#delivery/retry.ts'
import { createSmtpPool, type SmtpPoolOptions } from './smtp-pool.ts'
import {
  RFC_5321_TIMEOUTS,
  type SendResult,
  type SendRoute,
  type SendSession,
  type Transport,
} from './transport.ts'

const LOOKS_WITHIN_MS = 60_000
const pairs = await generateDkimKeys()
const signer = createDkimSigner({
  domain: 'example.com',
  keys: [
    { selector: 'r1', algorithm: 'rsa-sha256', privateKey: createPrivateKey(pairs.rsa.privateKey) },
    { selector: 'e1', algorithm: 'ed25519-sha256', privateKey: createPrivateKey(pairs.ed25519.privateKey) },
  ],
})

function pool(t: TestContext, maxConnections: number, more: Partial<SmtpPoolOptions> = {}): Transport {
  const one = createSmtpPool({
    clock: systemClock,
    timeouts: { ...RFC_5321_TIMEOUTS, quitMs: 2_000 },
    defaults: { maxConnections, maxMessagesPerConnection: 50, connectionRates: [], idleMs: 5_000 },
    maxConnections: 50,
    maxWaitMs: 60_000,
    backOffBaseMs: 1_000,
    backOffMaxMs: 60_000,
    ...more,
  })
  t.after(() => one.close(0))
  return one
}

function route(port: number, more: Partial<SendRoute> = {}): SendRoute {
  return {
    lane: 'postfix',
    hosts: [{ name: 'mx.inbox.example', priority: 10, addresses: ['127.0.0.1'] }],
    port,
    tls: 'opportunistic',
    ehloName: 'out.example.com',
    ...more,
  }
}

/** A newsletter in one of five scripts or with emoji, with lines that begin with dots, signed. */
function letter(n: number): Buffer {
  const { name, subject, body } = SCRIPTS[n % SCRIPTS.length] ?? SCRIPTS[0]
  const message = buildMessage({
    ...newsletter(),
    from: { name, email: 'news@example.com' },
    to: { name, email: reader(n) },
    subject: `${subject} ${n}`,
    messageId: `<${n}.${Date.now()}@example.com>`,
    text: `.\n..two dots\n${body}\n.\n\nFrom here on: ${n}\n`,
  })
  const header = signer.sign(message, { timestampSeconds: Math.floor(Date.now() / 1000) })
  return Buffer.concat([Buffer.from(header, 'latin1'), message])
}

function reader(n: number): string {
  return `reader${n}@${MAILBOX_DOMAIN}`
}

function send(to: Transport, where: SendRoute, rcptTo: string, message: Buffer) {
  const mailFrom = 'bounces+1@example.com'
  return to.send(where, {
    mailFrom,
    rcptTo,
    data: dotStuff(message),
    beforeFinalDot: () => Promise.resolve(),
  })
}

/** What delivery makes of it. */
function judged(result: SendResult): AttemptOutcome & { readonly reply: string } {
  const now = new Date()
  const plan = { firstMs: 1_000, maxMs: 60_000, absentAgainMs: 60_000 }
  const expiresAt = new Date(now.getTime() + 3_600_000)
  const outcome = outcomeOf(result, {
    provider: 'postfix.example',
    attempt: 1,
    lastClass: null,
    lastReply: null,
    now,
    expiresAt,
    plan,
    random: () => 0.5,
  })
  return { ...outcome, reply: outcome.reply ?? '' }
}

function types(results: readonly (SendResult & SendSession)[]): string[] {
  return [...new Set(results.map((one) => judged(one).type))]
}

test('500 signed messages in five scripts arrive over TLS as they were written, once each, and still verify', async (t) => {
  const postfix = await startPostfix(t, { mx: [] })
  const letters = Array.from({ length: 500 }, (_, n) => letter(n))
  const client = pool(t, 10)
  const results = await Promise.all(
    letters.map((one, n) => send(client, route(postfix.ports.mx), reader(n), one)),
  )
  assert.deepEqual(types(results), ['delivered'])
  assert.ok(results.every((one) => one.isTls))
  assert.match(results[0]?.transcript ?? '', /STARTTLS/)
  const stored = await waitFor(
    '500 messages in the mailbox',
    async () => {
      const found = await postfix.messages()
      return found.length >= 500 ? found : undefined
    },
    LOOKS_WITHIN_MS,
  )
  assert.equal(stored.length, 500)
  const byRecipient = new Map(stored.map((one) => [one.recipient, one]))
  for (const [n, sent] of letters.entries()) {
    const found = byRecipient.get(reader(n))
    assert.ok(found?.content.equals(sent), `message ${n} is not what was sent:\n${String(found?.content)}`)
  }
  assert.match(stored[0]?.added ?? '', /^Return-Path: <bounces\+1@example\.com>/m)
  const dkim = await openDkim(
    t,
    new Map([
      ['r1._domainkey.example.com', dkimTxtRecord(pairs.rsa.publicKey)],
      ['e1._domainkey.example.com', dkimTxtRecord(pairs.ed25519.publicKey)],
    ]),
  )
  for (const one of stored.slice(0, SCRIPTS.length * 2)) {
    const verdicts = (await dkim.verify(one.content)).filter((each) =>
      dkim.algorithms.includes(each.algorithm),
    )
    assert.ok(
      verdicts.length > 0 && verdicts.every((each) => each.result === 'pass'),
      JSON.stringify(verdicts),
    )
  }
})

test('an unknown user is a bounce in the words of Postfix, and costs the others on the connection nothing', async (t) => {
  const postfix = await startPostfix(t, { mx: [] })
  const client = pool(t, 1)
  const to = route(postfix.ports.mx)
  const [before, unknown, after] = await Promise.all([
    send(client, to, reader(1), letter(1)),
    send(client, to, `nobody@${MAILBOX_DOMAIN}`, letter(2)),
    send(client, to, reader(3), letter(3)),
  ])
  assert.deepEqual(types([before, after]), ['delivered'])
  const outcome = judged(unknown)
  assert.equal(outcome.type, 'bounced')
  assert.equal(outcome.class, 'unknown_user')
  assert.equal(outcome.code, 550)
  assert.equal(outcome.enhanced, '5.1.1')
  assert.match(outcome.reply, /^550 5\.1\.1 <nobody@inbox\.example>.*User unknown/)
})

test('a domain that Postfix does not serve is refused as relaying', async (t) => {
  const postfix = await startPostfix(t, { mx: [] })
  const outcome = judged(
    await send(pool(t, 1), route(postfix.ports.mx), 'reader1@elsewhere.example', letter(1)),
  )
  assert.equal(outcome.type, 'bounced')
  assert.equal(outcome.class, 'relaying_denied')
  assert.match(outcome.reply, /^554 5\.7\.1 .*Relay access denied/)
})

test('who is greylisted waits, and is taken when it comes again', async (t) => {
  const greylist = await startGreylist(t)
  const postfix = await startPostfix(t, {
    mx: [
      `smtpd_recipient_restrictions = reject_unauth_destination, check_policy_service inet:127.0.0.1:${greylist.port}`,
    ],
  })
  const client = pool(t, 2)
  const attempt = () =>
    Promise.all([1, 2, 3].map((n) => send(client, route(postfix.ports.mx), reader(n), letter(n))))
  const first = (await attempt()).map(judged)
  for (const outcome of first) {
    assert.equal(outcome.type, 'deferred')
    assert.equal(outcome.class, 'greylisted')
    assert.match(outcome.reply, /^450 4\.2\.0 .*Greylisted/)
    assert.equal(outcome.inDoubt, false)
  }
  assert.deepEqual(types(await attempt()), ['delivered'])
  assert.equal(greylist.asked().length, 6)
})

test('a server that defers everybody defers, whatever was tried before', async (t) => {
  const postfix = await startPostfix(t, { mx: ['smtpd_recipient_restrictions = defer'] })
  const outcome = judged(await send(pool(t, 1), route(postfix.ports.mx), reader(1), letter(1)))
  assert.equal(outcome.type, 'deferred')
  assert.ok((outcome.code ?? 0) >= 400 && (outcome.code ?? 0) < 500, outcome.reply)
  assert.ok(outcome.retryAt !== null)
})

test('a message above the size limit is a bounce for its size, before or after its content was sent', async (t) => {
  const postfix = await startPostfix(t, {
    mx: ['message_size_limit = 6000'],
    // It says no size, so that the content must be sent first.
    silent: ['message_size_limit = 6000', 'smtpd_discard_ehlo_keywords = size'],
  })
  const client = pool(t, 1)
  for (const port of [postfix.ports.mx, postfix.ports.silent]) {
    const outcome = judged(await send(client, route(port, { lane: String(port) }), reader(1), letter(1)))
    assert.equal(outcome.type, 'bounced', outcome.reply)
    assert.equal(outcome.class, 'message_too_big')
    assert.match(outcome.reply, /5\.3\.4 /)
  }
})

test('a limit on connections is learned, and everybody gets the mail over those that are allowed', async (t) => {
  const postfix = await startPostfix(t, { mx: ['smtpd_client_connection_count_limit = 2'] })
  const client = pool(t, 10)
  const results = await Promise.all(
    Array.from({ length: 60 }, (_, n) => send(client, route(postfix.ports.mx), reader(n), letter(n))),
  )
  assert.deepEqual(types(results), ['delivered'])
  assert.match(await postfix.log(), /Connection concurrency limit exceeded/)
  await waitFor(
    '60 messages in the mailbox',
    async () => (await postfix.messages()).length === 60,
    LOOKS_WITHIN_MS,
  )
})

test('what we write has no bare line feed, which Postfix would refuse', async (t) => {
  const postfix = await startPostfix(t, { mx: [] })
  const client = pool(t, 1)
  const lines = 'one\ntwo\r\nthree\rfour\n'
  const message = buildMessage({ ...newsletter(), text: lines, html: `<p>${lines}</p>` })
  assert.deepEqual(types([await send(client, route(postfix.ports.mx), reader(1), message)]), ['delivered'])
  // It does refuse: the same message with one.
  const bare = Buffer.from(message.toString('latin1').replace('MIME-Version: 1.0\r\n', 'MIME-Version: 1.0\n'))
  const refused = judged(await send(client, route(postfix.ports.mx), reader(2), bare))
  assert.notEqual(refused.type, 'delivered')
  assert.match(refused.reply, /550 5\.5\.2 .*bare <LF>/)
})

test('a required TLS is used, and a server without it gets nothing', async (t) => {
  const postfix = await startPostfix(t, { mx: [], plain: ['smtpd_tls_security_level = none'] })
  const client = pool(t, 1)
  const over = await send(
    client,
    route(postfix.ports.mx, { tls: 'required', lane: 'a' }),
    reader(1),
    letter(1),
  )
  assert.equal(judged(over).type, 'delivered')
  assert.equal(over.isTls, true)
  const opportunistic = await send(client, route(postfix.ports.plain, { lane: 'b' }), reader(2), letter(2))
  assert.equal(judged(opportunistic).type, 'delivered')
  assert.equal(opportunistic.isTls, false)
  const plain = await send(
    client,
    route(postfix.ports.plain, { tls: 'required', lane: 'c' }),
    reader(3),
    letter(3),
  )
  assert.equal(judged(plain).type, 'deferred')
})
