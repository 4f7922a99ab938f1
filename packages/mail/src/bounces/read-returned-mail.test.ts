import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import test from 'node:test'
import { BOUNCE_CLASSES, type BounceClass } from '@pigeon/mail/bounce-class.ts'
import { readReturnedMail } from './read-returned-mail.ts'
import type { ReturnedMail } from './returned-mail.ts'
import { SAMPLE_BOUNCES, SAMPLE_RECIPIENT } from './sample-bounces.ts'
import { SAMPLE_AUTO_REPLIES, SAMPLE_NO_BOUNCES, sampleComplaints } from './sample-complaints.ts'
import { exim, gmail, office365, postfix, qmail, SAMPLE_ORIGINAL, sendmail } from './sample-formats.ts'

function read(text: string): ReturnedMail {
  return readReturnedMail(Buffer.from(text))
}

const UNKNOWN = { recipient: 'a@receiver.example', reply: '550 5.1.1 <a@receiver.example>: User unknown' }
const FULL = { recipient: 'b@receiver.example', reply: '552 5.2.2 <b@receiver.example>: mailbox is full' }

test('there are three samples at least of every class that a bounce can have', () => {
  const notInBounces: readonly BounceClass[] = ['vacation', 'feedback']
  for (const name of BOUNCE_CLASSES.filter((each) => !notInBounces.includes(each))) {
    const replies = new Set(SAMPLE_BOUNCES.filter((each) => each.class === name).map(({ reply }) => reply))
    assert.ok(replies.size >= 3, `${name}: ${replies.size}`)
  }
  assert.ok(sampleComplaints().length >= 3)
  assert.ok(SAMPLE_AUTO_REPLIES.length >= 3)
})

test('in whatever format a bounce comes, its recipient, class and permanence are found', () => {
  for (const sample of SAMPLE_BOUNCES) {
    const { kind, recipients } = read(sample.text)
    const where = `${sample.reply}\n${sample.text.slice(0, 200)}`
    assert.equal(kind, 'bounce', where)
    assert.deepEqual(
      recipients.map(({ recipient, class: found, hard }) => [recipient, found, hard]),
      [[SAMPLE_RECIPIENT, sample.class, sample.hard]],
      where,
    )
  }
})

test('CR, LF and CRLF end lines alike', () => {
  for (const format of [postfix, sendmail, exim, qmail, gmail, office365]) {
    const text = format([UNKNOWN, FULL])
    const expected = read(text)
    assert.deepEqual(read(text.replaceAll('\n', '\r\n')), expected)
    assert.deepEqual(read(text.replaceAll('\n', '\r')), expected)
  }
})

test('each of several recipients has its own reason', () => {
  for (const format of [postfix, sendmail, exim, qmail, office365]) {
    assert.deepEqual(
      read(format([UNKNOWN, FULL])).recipients.map((each) => [
        each.recipient,
        each.status,
        each.replyCode,
        each.class,
        each.hard,
      ]),
      [
        ['a@receiver.example', '5.1.1', 550, 'unknown_user', true],
        ['b@receiver.example', '5.2.2', 552, 'mailbox_full', false],
      ],
    )
  }
})

test('what is delayed, relayed or delivered is no bounce', () => {
  for (const [action, kind] of [
    ['delayed', 'delayed'],
    ['relayed', 'delivered'],
    ['delivered', 'delivered'],
    ['expanded', 'delivered'],
  ] as const) {
    const reply = action === 'delayed' ? '451 4.1.1 User unknown' : '250 2.1.5 Ok'
    const found = read(postfix([{ recipient: 'a@receiver.example', reply, action }]))
    assert.deepEqual([found.kind, found.recipients[0]?.hard], [kind, false], action)
  }
  const mixed = read(
    postfix([{ recipient: 'c@receiver.example', reply: '250 2.0.0 Ok', action: 'delivered' }, UNKNOWN]),
  )
  assert.deepEqual(
    [mixed.kind, mixed.recipients.map(({ action }) => action)],
    ['bounce', ['delivered', 'failed']],
  )
})

test('a warning in words that a server goes on trying is no bounce either', () => {
  const text = gmail([{ recipient: 'a@receiver.example', reply: '450 4.2.2 mailbox full' }])
    .replace('failed permanently', 'has been delayed')
    .replace('permanent failure', 'temporary failure')
  assert.equal(read(text).kind, 'delayed')
})

test('the real code is found in the words when Status says 5.0.0', () => {
  const vague = postfix([UNKNOWN]).replace('Status: 5.1.1', 'Status: 5.0.0')
  assert.equal(read(vague).recipients[0]?.status, '5.1.1')
  const inText = vague.replace(/Diagnostic-Code: .*\n/, '')
  assert.deepEqual(
    read(inText).recipients.map(({ status, class: found }) => [status, found]),
    [['5.1.1', 'unknown_user']],
  )
})

test('unknown is hard when a recipient was refused, and soft when content was, or when only anybody says so', () => {
  const hardness = (text: string): boolean | undefined => read(text).recipients[0]?.hard
  const bare = { recipient: 'a@receiver.example', reply: '550 no such user' }
  assert.equal(hardness(postfix([bare])), true)
  assert.equal(hardness(postfix([bare]).replaceAll('RCPT TO command', 'end of DATA command')), false)
  assert.equal(hardness(qmail([bare])), false)
  assert.equal(hardness(qmail([{ ...bare, reply: '550 <a@receiver.example>: no such user' }])), true)
  const noHost = { recipient: 'a@receiver.example', reply: 'Host or domain name not found.' }
  assert.equal(hardness(postfix([noHost])), true)
  assert.equal(hardness(postfix([noHost]).replace('Status: 5.0.0', 'Status: 4.4.3')), false)
})

test('the address that was sent to is kept beside the one that refused', () => {
  const text = postfix([UNKNOWN]).replace(
    'Original-Recipient: rfc822;a@',
    'Original-Recipient: rfc822;alias@',
  )
  const [found] = read(text).recipients
  assert.deepEqual(
    [found?.recipient, found?.originalRecipient, found?.remoteMta],
    ['a@receiver.example', 'alias@receiver.example', 'mx.receiver.example'],
  )
  assert.equal(read(text).reportingMta, 'relay.example')
})

test('a report for international mail is read (RFC 6533)', () => {
  const text = postfix([UNKNOWN])
    .replace('message/delivery-status', 'message/global-delivery-status')
    .replace(
      'Final-Recipient: rfc822; a@receiver.example',
      'Final-Recipient: utf-8; \\x{5C71}@receiver.example',
    )
  assert.equal(read(text).recipients[0]?.recipient, '山@receiver.example')
})

test('the returned header is found, alone in its part, below the text, and in quoted-printable', () => {
  for (const format of [postfix, exim, qmail, gmail]) {
    const { original } = read(format([UNKNOWN], SAMPLE_ORIGINAL))
    assert.equal(original.messageId, '<0195d0e4-7a11-7c3e-8f55-0242ac120002@sender.example>')
    assert.deepEqual(original.headers.get('subject'), ['Seeds for November'])
  }
})

test('a complaint is read with its recipient, or with the one of the message that came back, or without', () => {
  const found = sampleComplaints().map(read)
  assert.deepEqual(
    found.map(({ kind, feedback, recipients }) => [
      kind,
      feedback?.type,
      recipients[0]?.recipient,
      recipients[0]?.class,
    ]),
    [
      ['complaint', 'abuse', SAMPLE_RECIPIENT, 'feedback'],
      ['complaint', 'abuse', SAMPLE_RECIPIENT, 'feedback'],
      ['complaint', 'fraud', 'redacted@provider.example', 'feedback'],
    ],
  )
  assert.equal(found[0]?.feedback?.sourceIp, '192.0.2.7')
})

test('a mail program that unsubscribes its reader complains', () => {
  const found = read(
    'From: a@receiver.example\nSubject: unsubscribe\nAuto-Submitted: auto-replied\n\nThis mail program sent this email to unsubscribe from the message.\n',
  )
  assert.deepEqual(
    [found.kind, found.feedback?.type, found.recipients[0]?.recipient],
    ['complaint', 'opt-out', 'a@receiver.example'],
  )
})

test('a notification of SES is read from its JSON', () => {
  const bounce = {
    notificationType: 'Bounce',
    bounce: {
      bounceType: 'Permanent',
      bounceSubType: 'General',
      bouncedRecipients: [
        {
          emailAddress: 'a@receiver.example',
          action: 'failed',
          status: '5.1.1',
          diagnosticCode: 'smtp; 550 5.1.1 user unknown',
        },
      ],
    },
  }
  const head = 'From: no-reply@sns.amazonaws.com\nSubject: AWS Notification Message\n\n'
  const direct = read(`${head}${JSON.stringify(bounce)}\n\n--\nUnsubscribe here.\n`)
  const wrapped = read(
    `${head}${JSON.stringify({ Type: 'Notification', Message: JSON.stringify(bounce) }, null, 1)}\n`,
  )
  for (const { kind, recipients } of [direct, wrapped]) {
    assert.deepEqual(
      [kind, recipients[0]?.recipient, recipients[0]?.class, recipients[0]?.hard],
      ['bounce', 'a@receiver.example', 'unknown_user', true],
    )
  }
})

test('programs that answer for people are recognised, and none of their addresses bounces', () => {
  for (const text of SAMPLE_AUTO_REPLIES) {
    const { kind, recipients } = read(text)
    assert.deepEqual([kind, recipients], ['auto_reply', []], text)
  }
})

test('what people write is no bounce, whatever they quote', () => {
  for (const text of SAMPLE_NO_BOUNCES) assert.equal(read(text).kind, 'unknown', text)
})
