import assert from 'node:assert/strict'
import { test } from 'node:test'
import { identifyMessage } from '@pigeon/mail/bounces/identify-message.ts'
import { readReturnedMail } from '@pigeon/mail/bounces/read-returned-mail.ts'
import { unsubscribeToken } from '@pigeon/mail/token.ts'
import { verpAddress } from '@pigeon/mail/verp.ts'
import { BOUNCE_FORMATS, COMPLAINT_FORMATS } from './afterwards.schema.ts'
import { writeAutoReply } from './write-answer.ts'
import { writeBounce } from './write-bounce.ts'
import { writeComplaint } from './write-complaint.ts'

const KEYS = { verp: Buffer.alloc(32, 1), unsubscribe: Buffer.alloc(32, 2) }
const TENANT = '0195d0e4-7a11-7c3e-8f55-0242ac120001'
const MESSAGE = '0195d0e4-7a11-7c3e-8f55-0242ac120002'
const RECIPIENT = 'ann@plain.example'
const TOKEN = unsubscribeToken(KEYS.unsubscribe, { tenantId: TENANT, messageId: MESSAGE })

const WHAT_CAME = {
  recipient: RECIPIENT,
  mailFrom: verpAddress(KEYS.verp, MESSAGE, 'in.news.example'),
  ip: '127.0.0.1',
  host: 'mx.plain.example',
  subject: 'Grüße aus dem Garten',
  header: [
    'From: News <news@news.example>',
    `To: Ann <${RECIPIENT}>`,
    'Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe_aus_dem_Garten?=',
    `Message-ID: <${MESSAGE}@news.example>`,
    `List-Unsubscribe: <https://mail.news.example/u/${TOKEN}>`,
  ].join('\n'),
  at: new Date('2026-11-22T10:00:00Z'),
  id: 'A1B2C3',
}

const REFUSALS = [
  { reply: `550 5.1.1 <${RECIPIENT}>: User unknown`, status: '5.1.1', class: 'unknown_user', hard: true },
  {
    reply: '552 5.2.2 Mailbox is full / Quota exceeded',
    status: '5.2.2',
    class: 'mailbox_full',
    hard: false,
  },
] as const

for (const format of BOUNCE_FORMATS)
  test(`a report as ${format} writes it is read: who, why, for good or not, and which message`, () => {
    for (const refusal of REFUSALS) {
      const text = writeBounce(format, { ...WHAT_CAME, ...refusal })
      assert.doesNotMatch(text, /(?<!\r)\n/, 'no bare line feed')
      const read = readReturnedMail(Buffer.from(text))
      assert.equal(read.kind, 'bounce')
      assert.deepEqual(
        read.recipients.map(({ recipient, class: found, hard }) => ({ recipient, class: found, hard })),
        [{ recipient: RECIPIENT, class: refusal.class, hard: refusal.hard }],
      )
      const identity = identifyMessage(KEYS, read.original)
      assert.deepEqual(identity, { kind: 'message', messageId: MESSAGE, by: 'verp' })
    }
  })

for (const format of COMPLAINT_FORMATS)
  test(`a complaint in the form ${format} is read, and names the message by what we signed`, () => {
    const text = writeComplaint(format, {
      ...WHAT_CAME,
      to: 'fbl@in.news.example',
      from: 'fbl@plain.example',
    })
    assert.doesNotMatch(text, /(?<!\r)\n/, 'no bare line feed')
    const read = readReturnedMail(Buffer.from(text))
    assert.equal(read.kind, 'complaint')
    assert.equal(read.recipients[0]?.recipient.includes(RECIPIENT), format !== 'arf_redacted')
    assert.equal(text.includes(RECIPIENT), format !== 'arf_redacted')
    const identity = identifyMessage(KEYS, read.original)
    assert.deepEqual(identity, { kind: 'message', messageId: MESSAGE, tenantId: TENANT, by: 'token' })
  })

test('an automatic reply is read as one, and never as a bounce', () => {
  const text = writeAutoReply({
    ...WHAT_CAME,
    to: 'news@news.example',
    messageId: `<${MESSAGE}@news.example>`,
  })
  assert.equal(readReturnedMail(Buffer.from(text)).kind, 'auto_reply')
})
