import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readReturnedMail } from '@pigeon/mail/bounces/read-returned-mail.ts'
import { unsubscribeToken } from '@pigeon/mail/token.ts'
import { verpAddress } from '@pigeon/mail/verp.ts'
import { autoReply, complaint, delayed, notDelivered } from '@pigeon/server/test/returned-mails.ts'
import { readNews, type MailToRead } from './read-news.ts'

const KEYS = { verp: Buffer.alloc(32, 1), unsubscribe: Buffer.alloc(32, 2) }
const OTHERS = { verp: Buffer.alloc(32, 8), unsubscribe: Buffer.alloc(32, 9) }
const MESSAGE = '0195d0e4-7a11-7c3e-8f55-0242ac120002'
const TENANT = '0195d0e4-0000-7c3e-8f55-0242ac120009'
const BOUNCE = { kind: 'bounce', messageId: MESSAGE } as const

function read(text: string, to: MailToRead['to'] = BOUNCE) {
  const content = Buffer.from(text)
  const mail = readReturnedMail(content)
  return readNews(KEYS, { content, mail, to, via: 'smtp', at: new Date('2026-02-01T00:00:00Z') })
}

function told(text: string, to: MailToRead['to'] = BOUNCE) {
  const news = read(text, to)
  assert.ok(news.kind === 'told', JSON.stringify(news))
  return news.event
}

test('a report of failure is a bounce of the message that its address names, whoever it says did not get it', () => {
  for (const recipient of ['ann@receiver.example', 'forwarded@elsewhere.example']) {
    const event = told(notDelivered({ recipient }))
    assert.ok(event.type === 'bounced')
    assert.deepEqual(
      [event.messageId, event.class, event.isHard, event.code, event.enhanced, event.via, event.reportingMta],
      [MESSAGE, 'unknown_user', true, 550, '5.1.1', 'smtp', 'mx.receiver.example'],
    )
    assert.match(event.reply ?? '', /User unknown/)
  }
})

test('the same mail tells the same, another mail something else', () => {
  const once = told(notDelivered({ recipient: 'ann@receiver.example' }))
  assert.equal(told(notDelivered({ recipient: 'ann@receiver.example' })).id, once.id)
  assert.match(once.id, /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  assert.notEqual(told(notDelivered({ recipient: 'bob@receiver.example' })).id, once.id)
})

test('what is delayed, or was answered by a program, tells nothing', () => {
  assert.deepEqual(read(delayed()), { kind: 'ignored', why: 'delayed' })
  for (const to of [BOUNCE, { kind: 'replies' }, { kind: 'unsubscribe', messageId: MESSAGE }] as const)
    assert.deepEqual(read(autoReply(), to), { kind: 'ignored', why: 'auto_reply' })
})

test('a complaint with the recipient taken out names its message by our signed token or address', () => {
  const url = `https://mail.example/u/${unsubscribeToken(KEYS.unsubscribe, { tenantId: TENANT, messageId: MESSAGE })}`
  const byToken = told(complaint({ fields: `List-Unsubscribe: <${url}>` }), { kind: 'complaints' })
  assert.ok(byToken.type === 'complained')
  assert.deepEqual(
    [byToken.messageId, byToken.tenantId, byToken.feedbackType, byToken.reporter],
    [MESSAGE, TENANT, 'abuse', 'Loop/1.0'],
  )
  const address = verpAddress(KEYS.verp, MESSAGE, 'in.example', 'bounces')
  assert.equal(
    told(complaint({ fields: `Return-Path: <${address}>` }), { kind: 'complaints' }).messageId,
    MESSAGE,
  )
})

test('a report with the signature of another installation, or with none, changes nothing and is kept', () => {
  const address = verpAddress(OTHERS.verp, MESSAGE, 'in.example', 'bounces')
  const forged = [
    complaint({ fields: `Return-Path: <${address}>` }),
    notDelivered({ recipient: 'ann@receiver.example', fields: `Return-Path: <${address}>` }),
  ]
  for (const text of forged)
    assert.deepEqual(read(text, { kind: 'complaints' }), { kind: 'kept', why: 'forged' })
  assert.deepEqual(read(complaint({}), { kind: 'complaints' }), { kind: 'kept', why: 'unnamed' })
})

test('any mail to an address for unsubscribing unsubscribes; replies and what nobody understands are kept', () => {
  const plain = 'From: Ann <ann@receiver.example>\r\nSubject: stop\r\n\r\nPlease.\r\n'
  const to = { kind: 'unsubscribe', messageId: MESSAGE } as const
  assert.deepEqual(read(plain, to), { kind: 'unsubscribe', messageId: MESSAGE })
  assert.deepEqual(read('', to), { kind: 'unsubscribe', messageId: MESSAGE })
  assert.deepEqual(read(plain, { kind: 'replies' }), { kind: 'kept', why: 'reply' })
  assert.deepEqual(read(plain), { kind: 'kept', why: 'unknown' })
})
