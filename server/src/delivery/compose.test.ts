import assert from 'node:assert/strict'
import { createPrivateKey } from 'node:crypto'
import { test } from 'node:test'
import { dkimVerify } from 'mailauth'
import PostalMime from 'postal-mime'
import { createDkimSigner } from '@pigeon/mail/dkim.ts'
import { dkimTxtRecord, generateDkimKeys, txtStrings } from '@pigeon/mail/dkim-keys.ts'
import { Problem } from '#platform/problem.ts'
import type { CompiledTemplate } from '#templates/template.ts'
import { composeMessage, prepareContent, type Recipient } from './compose.ts'

const pairs = await generateDkimKeys()
const records: Readonly<Record<string, string[]>> = {
  'r1._domainkey.shop.example': txtStrings(dkimTxtRecord(pairs.rsa.publicKey)),
  'e1._domainkey.shop.example': txtStrings(dkimTxtRecord(pairs.ed25519.publicKey)),
}
const signer = createDkimSigner({
  domain: 'shop.example',
  keys: [
    { selector: 'r1', algorithm: 'rsa-sha256', privateKey: createPrivateKey(pairs.rsa.privateKey) },
    { selector: 'e1', algorithm: 'ed25519-sha256', privateKey: createPrivateKey(pairs.ed25519.privateKey) },
  ],
})
const date = new Date('2026-03-01T12:00:00Z')

function content(compiled: Partial<CompiledTemplate> = {}, subject: string | null = null) {
  return prepareContent({
    tenantId: '0190a0a0-0000-7000-8000-000000000001',
    campaignId: '0190a0a0-0000-7000-8000-000000000002',
    campaignName: 'Spring',
    messageClass: 'bulk',
    listId: '0190a0a0-0000-7000-8000-000000000003',
    from: { name: 'Büro Shop', email: 'news@shop.example' },
    replyTo: { email: 'help@shop.example' },
    compiled: {
      subject: 'Hello {{ first_name }}',
      html: '<p>Dear {{ first_name }} of {{ city }}</p>\n.dot\n<a href="{{ unsubscribe_url }}">leave</a>',
      text: 'Dear {{ first_name }}\n.dot\n{{ unsubscribe_url }}',
      variables: [{ name: 'first_name', default: 'friend' }],
      lines: {},
      ...compiled,
    },
    subject,
    signer,
  })
}

function recipient(more: Partial<Recipient> = {}): Recipient {
  return {
    messageId: '0190a0a0-0000-7000-8000-00000000000a',
    recipient: 'Anna.Muster@dest.example',
    firstName: 'Ańna 😀',
    lastName: null,
    attributes: { city: 'Zürich', nested: { deep: [1, 'two', null] } },
    unsubscribeUrl: 'https://track.example/u/token',
    ...more,
  }
}

function data(composed: ReturnType<typeof composeMessage>): Buffer {
  assert.equal(composed.kind, 'composed', composed.kind === 'failed' ? composed.error : '')
  return composed.kind === 'composed' ? composed.data : Buffer.alloc(0)
}

/** What a receiver keeps: without the final dot and the dots that were put before dots. */
function received(sent: Buffer): Buffer {
  assert.ok(sent.toString('latin1').endsWith('\r\n.\r\n'))
  return Buffer.from(sent.toString('latin1').slice(0, -3).replace(/^\.\./gm, '.'), 'latin1')
}

test('a message is personalised, and both signatures pass in an independent verifier', async () => {
  const raw = received(data(composeMessage(content(), recipient(), date)))
  const found = await dkimVerify(raw, {
    curTime: date,
    resolver: (name: string) => Promise.resolve([records[name] ?? []]),
  })
  assert.deepEqual(found.results.map((one) => `${one.selector} ${one.status.result}`).sort(), [
    'e1 pass',
    'r1 pass',
  ])
  const mail = await PostalMime.parse(raw)
  assert.equal(mail.subject, 'Hello Ańna 😀')
  assert.equal(mail.from?.name, 'Büro Shop')
  assert.equal(mail.to?.[0]?.address, 'Anna.Muster@dest.example')
  assert.equal(mail.replyTo?.[0]?.address, 'help@shop.example')
  assert.match(
    mail.html ?? '',
    /Dear Ańna 😀 of Zürich<\/p>\n\.dot\n<a href="https:\/\/track\.example\/u\/token">/,
  )
  assert.match(mail.text ?? '', /^Dear Ańna 😀\n\.dot\nhttps:\/\/track\.example\/u\/token/)
})

test('campaign mail can be left with one click, and says whose it is', async () => {
  const mail = await PostalMime.parse(received(data(composeMessage(content(), recipient(), date))))
  const header = (name: string) => mail.headers.find((one) => one.key === name)?.value
  assert.equal(header('message-id'), '<0190a0a0-0000-7000-8000-00000000000a@shop.example>')
  assert.equal(header('date'), 'Sun, 01 Mar 2026 12:00:00 +0000')
  assert.equal(header('list-unsubscribe'), '<https://track.example/u/token>')
  assert.equal(header('list-unsubscribe-post'), 'List-Unsubscribe=One-Click')
  assert.equal(header('list-id'), '<0190a0a0-0000-7000-8000-000000000003.shop.example>')
  assert.equal(
    header('feedback-id'),
    '0190a0a0-0000-7000-8000-000000000002:0190a0a0-0000-7000-8000-000000000001:bulk:pigeon',
  )
})

test('links are made the message’s own, and mail unsubscribes as well, where the campaign has both', async () => {
  const marked = {
    ...content(),
    mark: (html: string, to: { messageId: string }, at: Date) =>
      `${html}<!-- ${to.messageId} ${at.getTime()} -->`,
    unsubscribeAddress: (messageId: string) => `u-${messageId}@in.example`,
  }
  const mail = await PostalMime.parse(received(data(composeMessage(marked, recipient(), date))))
  assert.ok((mail.html ?? '').includes(`<!-- ${recipient().messageId} ${date.getTime()} -->`))
  assert.equal(
    mail.headers.find((one) => one.key === 'list-unsubscribe')?.value,
    `<https://track.example/u/token>, <mailto:u-${recipient().messageId}@in.example>`,
  )
})

test("the campaign's subject stands in for the template's, and a declared default for a missing name", async () => {
  const raw = received(
    data(
      composeMessage(
        content({}, '{{ campaign.name }} for {{ first_name }}'),
        recipient({ firstName: null }),
        date,
      ),
    ),
  )
  assert.equal((await PostalMime.parse(raw)).subject, 'Spring for friend')
})

test('a template of text only makes a message of text only', async () => {
  const raw = received(data(composeMessage(content({ html: '' }), recipient(), date)))
  const mail = await PostalMime.parse(raw)
  assert.equal(mail.html, undefined)
  assert.match(mail.text ?? '', /Dear Ańna/)
})

test('attributes of a contact cannot add a header', async () => {
  const evil = 'x\r\nBcc: victim@dest.example\r\n\r\nbody'
  const raw = received(
    data(composeMessage(content(), recipient({ firstName: evil, attributes: { city: evil } }), date)),
  )
  const mail = await PostalMime.parse(raw)
  assert.ok(!mail.headers.some((one) => one.key === 'bcc'))
  assert.ok(!/[\r\n]/.test(mail.subject ?? ''))
})

test('a recipient or a link that cannot stand in a message is that message’s failure, not an exception', () => {
  for (const bad of [
    recipient({ recipient: 'a@x\r\nBcc: b@x.example' }),
    recipient({ unsubscribeUrl: 'https://x/\r\nX: y' }),
  ]) {
    assert.equal(composeMessage(content(), bad, date).kind, 'failed')
  }
})

test('an endless loop in a template ends as a failure of the message', () => {
  const endless = content({
    text: '{% for i in (1..100000) %}{% for j in (1..100000) %}x{% endfor %}{% endfor %}',
  })
  const composed = composeMessage(endless, recipient(), date)
  assert.equal(composed.kind, 'failed')
})

test('a template that is not valid is refused when the campaign is prepared', () => {
  assert.throws(() => content({ text: '{% if %}' }), Problem)
})

test('a template that never ends stops the process for a few messages only: the others fail at once', () => {
  const endless = '{% for i in (1..100000) %}{% for j in (1..100000) %}{{ i }}{% endfor %}{% endfor %}'
  const campaign = content({ html: endless })
  const slow = Array.from({ length: 3 }, () => composeMessage(campaign, recipient(), date))
  const startedAt = performance.now()
  const others = Array.from({ length: 100 }, () => composeMessage(campaign, recipient(), date))
  assert.ok(performance.now() - startedAt < 500, 'nothing is rendered any more')
  for (const composed of [...slow, ...others]) {
    assert.equal(composed.kind, 'failed')
    assert.match(composed.kind === 'failed' ? composed.error : '', /html, line 1/)
  }
})
