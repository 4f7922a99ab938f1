import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { verpAddress } from '@pigeon/mail/verp.ts'
import { createTestCertificate } from '@pigeon/server/test/scripted-smtp.ts'
import { waitFor } from '@pigeon/server/test/wait-for.ts'
import { systemClock } from '#platform/clock.ts'
import { createLog } from '#platform/log.ts'
import { converse } from '#windtunnel/conversation.ts'
import { readInboundAddress } from './inbound-address.ts'
import { startInboundSmtp, type InboundSmtpSettings } from './start-inbound-smtp.ts'
import type { InboundMail } from './take-in.ts'

const KEYS = { verp: Buffer.alloc(32, 1), unsubscribe: Buffer.alloc(32, 2) }
const MESSAGE = '0195d0e4-7a11-7c3e-8f55-0242ac120002'
const OURS = verpAddress(KEYS.verp, MESSAGE, 'in.example', 'bounces')
const FORGED = verpAddress(Buffer.alloc(32, 9), MESSAGE, 'in.example', 'bounces')
const PLACES = {
  domain: 'in.example',
  complaintAddresses: new Set<string>(),
  replyDomains: new Set<string>(),
}
const MAX_BYTES = 2_000
const MAIL = 'Subject: x\r\n\r\n..dot\r\n.\r\n'

interface Options extends Partial<InboundSmtpSettings> {
  readonly takeIn?: (mail: InboundMail) => Promise<unknown>
}

/** The server, and a visitor that has said EHLO. */
async function serve(t: TestContext, { takeIn, ...more }: Options = {}) {
  const mails: InboundMail[] = []
  const server = await startInboundSmtp(
    {
      clock: systemClock,
      log: createLog({ level: 'silent', role: 'test' }),
      readAddress: (address) => readInboundAddress(KEYS, PLACES, address),
      takeIn: takeIn ?? (async (mail) => void mails.push(mail)),
    },
    {
      host: '127.0.0.1',
      port: 0,
      name: 'in.example',
      maxBytes: MAX_BYTES,
      maxConnections: 10,
      connectionsPerAddress: 10,
      mailsPerMinute: 100,
      tls: createTestCertificate('in.example'),
      idleMs: 60_000,
      sessionMs: 60_000,
      ...more,
    },
  )
  t.after(() => server.stop())
  const visit = async () => {
    const visitor = await converse('127.0.0.1', server.port)
    t.after(async () => visitor.end())
    return visitor
  }
  const greeted = async () => {
    const visitor = await visit()
    const features = await visitor.say('EHLO mx.receiver.example\r\n')
    const send = async (mail: string, to = OURS) => {
      await visitor.say('MAIL FROM:<>\r\n')
      const taken = await visitor.say(`RCPT TO:<${to}>\r\n`)
      if (!taken.startsWith('250')) return taken
      await visitor.say('DATA\r\n')
      return visitor.say(mail)
    }
    return { ...visitor, features, send }
  }
  return { server, mails, visit, greeted }
}

test('mail to a signed address is taken as it was, with or without a sender', async (t) => {
  const { mails, greeted } = await serve(t)
  const visitor = await greeted()
  assert.match(await visitor.send(MAIL), /^250 2\.0\.0 /)
  await visitor.say('MAIL FROM:<daemon@receiver.example> BODY=8BITMIME\r\n')
  await visitor.say(`RCPT TO:<${OURS.toUpperCase()}>\r\n`)
  await visitor.say('RCPT TO:<abuse@in.example>\r\n')
  await visitor.say('DATA\r\n')
  assert.match(await visitor.say(MAIL), /^250 /)
  assert.deepEqual(
    mails.map(({ mailFrom, recipients, content }) => [
      mailFrom,
      recipients.map(({ to }) => to.kind),
      content.toString(),
    ]),
    [
      ['', ['bounce'], 'Subject: x\r\n\r\n.dot\r\n'],
      ['daemon@receiver.example', ['bounce', 'complaints'], 'Subject: x\r\n\r\n.dot\r\n'],
    ],
  )
})

test('nothing is relayed, and a forged address is none of ours', async (t) => {
  const { mails, greeted } = await serve(t)
  const visitor = await greeted()
  await visitor.say('MAIL FROM:<abuse@in.example>\r\n')
  for (const address of [
    'ann@gmail.com',
    'ann@in.example',
    'abuse@in.example@gmail.com',
    'abuse%gmail.com@in.example',
  ])
    assert.match(await visitor.say(`RCPT TO:<${address}>\r\n`), /^5\d\d /, address)
  assert.match(await visitor.say(`RCPT TO:<${FORGED}>\r\n`), /^550 5\.1\.1 /)
  assert.match(await visitor.say('DATA\r\n'), /^503 /)
  assert.match(await visitor.say('AUTH PLAIN AGEAYg==\r\n'), /^5\d\d /)
  assert.equal(mails.length, 0)
})

test('STARTTLS is offered, and mail is taken over it', async (t) => {
  const { mails, greeted } = await serve(t)
  const visitor = await greeted()
  assert.match(visitor.features, /^250[ -]STARTTLS/m)
  assert.match(visitor.features, new RegExp(`^250[ -]SIZE ${MAX_BYTES}`, 'm'))
  await visitor.say('STARTTLS\r\n')
  await visitor.secure()
  assert.doesNotMatch(await visitor.say('EHLO mx.receiver.example\r\n'), /STARTTLS|AUTH/)
  assert.match(await visitor.send(MAIL), /^250 /)
  assert.equal(mails.length, 1)
})

test('commands that came before TLS are not obeyed after it', async (t) => {
  const { mails, greeted } = await serve(t)
  const visitor = await greeted()
  await visitor.say(`STARTTLS\r\nEHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<${OURS}>\r\n`)
  await visitor.secure()
  await visitor.say('EHLO mx.receiver.example\r\n')
  assert.match(await visitor.say('DATA\r\n'), /^503 /)
  assert.equal(mails.length, 0)
})

test('a renewed certificate is shown to those who come after', async (t) => {
  const { server, greeted } = await serve(t)
  const renewed = createTestCertificate('in.example')
  server.renewTls(renewed)
  const visitor = await greeted()
  await visitor.say('STARTTLS\r\n')
  await visitor.secure({ ca: renewed.cert, servername: 'in.example' })
})

test('a bare line feed is refused wherever it stands, and a mail smuggled behind one never begins', async (t) => {
  const { mails, greeted } = await serve(t)
  const smuggled = `MAIL FROM:<>\r\nRCPT TO:<${OURS}>\r\nDATA\r\nSubject: smuggled\r\n`
  for (const end of ['\n.\n', '\n.\r\n', '\r\n.\n', '\r.\r\n']) {
    const visitor = await greeted()
    const reply = await visitor.send(`Subject: x\r\n\r\nText${end}${smuggled}\r\n.\r\n`)
    if (end === '\r.\r\n') assert.match(reply, /^250 /)
    else assert.match(reply, /^550 5\.6\.11 /, JSON.stringify(end))
    assert.match(await visitor.say('NOOP\r\n'), /^250 /)
    visitor.end()
  }
  assert.deepEqual(
    mails.map(({ content }) => content.toString().startsWith('Subject: x\r\n')),
    [true],
  )
})

test('a mail that is too large is refused, announced or not, and the next one is taken', async (t) => {
  const { mails, greeted } = await serve(t)
  const visitor = await greeted()
  assert.match(await visitor.say(`MAIL FROM:<> SIZE=${MAX_BYTES + 1}\r\n`), /^552 /)
  assert.match(await visitor.send(`${'x'.repeat(MAX_BYTES)}\r\n.\r\n`), /^552 5\.3\.4 /)
  assert.match(await visitor.send(MAIL), /^250 /)
  assert.equal(mails.length, 1)
})

test('what could not be stored is not taken, so that it comes again', async (t) => {
  const { greeted } = await serve(t, { takeIn: async () => Promise.reject(new Error('The disk is full.')) })
  const visitor = await greeted()
  const reply = await visitor.send(MAIL)
  assert.match(reply, /^451 4\.3\.0 /)
  assert.doesNotMatch(reply, /disk/)
})

test('connections and mails of one address have limits, and there is room again after a visitor has left', async (t) => {
  const { visit, greeted } = await serve(t, { connectionsPerAddress: 2, mailsPerMinute: 1 })
  const first = await greeted()
  const second = await greeted()
  assert.match((await visit()).greeting, /^421 4\.7\.0 /)
  assert.match(await first.send(MAIL), /^250 /)
  assert.match(await second.say('MAIL FROM:<>\r\n'), /^450 4\.7\.1 /)
  first.end()
  await waitFor('room for another', async () => (await visit()).greeting.startsWith('220'))
})

test('a port that is taken is refused with the setting to change', async (t) => {
  const { server } = await serve(t)
  await assert.rejects(serve(t, { port: server.port }), {
    code: 'inbound.cannot_listen',
    message: /in use by another program\. .* PIGEON_INBOUND_PORT /,
  })
})

test('who says nothing is sent away, and so is who stays for too long, whatever they say', async (t) => {
  const idle = await (await serve(t, { idleMs: 50 })).visit()
  await idle.closed()
  const { mails, greeted } = await serve(t, { sessionMs: 1_500 })
  const busy = await greeted()
  await busy.say('MAIL FROM:<>\r\n')
  await busy.say(`RCPT TO:<${OURS}>\r\n`)
  await busy.say('DATA\r\n')
  busy.write('Subject: x\r\n')
  await busy.closed()
  assert.equal(mails.length, 0)
})
