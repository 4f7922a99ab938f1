import assert from 'node:assert/strict'
import test from 'node:test'
import { BOUNCE_CLASSES, type BounceClass, type SmtpPhase } from './bounce-class.ts'
import { classifyReply } from './classify-reply.ts'

type Sample = readonly [expected: BounceClass, reply: string, phase?: SmtpPhase]

/** Replies in the wording of widely used servers and mailbox providers. */
const SAMPLES: readonly Sample[] = [
  [
    'unknown_user',
    '550 5.1.1 The email account that you tried to reach does not exist. Please try double-checking',
  ],
  [
    'unknown_user',
    '550 5.1.1 <x@y.example>: Recipient address rejected: User unknown in local recipient table',
  ],
  [
    'unknown_user',
    '550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient x@y.example not found by SMTP address lookup',
  ],
  ['unknown_user', '550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302).'],
  [
    'unknown_user',
    "554 delivery error: dd This user doesn't have a yahoo.com account (x@yahoo.com) [0]",
    'body',
  ],
  ['unknown_user', '550 5.4.1 Recipient address rejected: Access denied.'],
  ['unknown_user', '550 Unrouteable address'],
  ['unknown_user', '550 No such user here'],
  ['unknown_user', '550 5.1.1 no'],
  ['host_unknown', '550 5.1.2 The domain y.example was not found'],
  ['host_unknown', '556 5.1.10 Domain does not accept mail (nullMX)'],
  ['host_unknown', '550 5.1.2 no'],
  ['mailbox_full', '452 4.2.2 The email account that you tried to reach is over quota.'],
  ['mailbox_full', "552 5.2.2 <x@y.example>: user's mailbox is full"],
  ['mailbox_full', '554 5.2.2 mailbox full; STOREDRV.Deliver.Exception:QuotaExceededException', 'body'],
  ['mailbox_full', '552 5.2.2 no'],
  ['mailbox_full', '552 no', 'body'],
  ['greylisted', '450 4.2.0 <x@y.example>: Recipient address rejected: Greylisted, see postgrey help'],
  ['greylisted', '451 4.7.1 Greylisting in action, please come back later'],
  [
    'rate_limited',
    '421 4.7.28 Gmail has detected an unusual rate of unsolicited mail originating from your IP',
    'body',
  ],
  ['rate_limited', '450 4.2.1 The user you are trying to contact is receiving mail too quickly.'],
  ['rate_limited', '421 4.3.2 Too many concurrent connections from your IP', 'connect'],
  ['rate_limited', '451 4.7.500 Server busy. Please try again later from [192.0.2.1]'],
  ['rate_limited', '450 4.7.28 no'],
  ['spam', '550 5.7.1 Our system has detected that this message is likely unsolicited mail.', 'body'],
  ['spam', '554 5.7.1 Spam message rejected', 'body'],
  ['blocked', '550 5.7.1 Service unavailable, Client host [192.0.2.1] blocked using Spamhaus', 'mail'],
  [
    'blocked',
    "550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent; part of their network is on our block list (S3150).",
    'mail',
  ],
  [
    'blocked',
    '553 5.7.1 [BL21] Connections will not be accepted from 192.0.2.1, because the ip is in our list',
    'connect',
  ],
  ['blocked', '550 5.7.606 Access denied, banned sending IP [192.0.2.1]', 'mail'],
  [
    'reputation',
    '421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to user complaints',
    'mail',
  ],
  [
    'reputation',
    '451 4.7.650 The mail server [192.0.2.1] has been temporarily deferred due to IP reputation.',
    'mail',
  ],
  ['auth_failure', '550 5.7.26 This message fails to pass SPF checks for example.com', 'body'],
  [
    'auth_failure',
    "550 5.7.26 Unauthenticated email from example.com is not accepted due to domain's DMARC policy.",
    'body',
  ],
  ['auth_failure', '550 5.7.20 no', 'body'],
  ['ptr_missing', '450 4.7.25 Client host rejected: cannot find your hostname, [192.0.2.1]', 'rcpt'],
  ['ptr_missing', '554 Bad DNS PTR resource record', 'connect'],
  ['ptr_missing', '550 5.7.25 no'],
  ['relaying_denied', '554 5.7.1 <x@y.example>: Relay access denied'],
  ['relaying_denied', '550 5.7.64 TenantAttribution; Relay Access Denied'],
  ['message_too_big', '552 5.3.4 Message size exceeds fixed limit', 'mail'],
  ['message_too_big', '552 5.2.3 no', 'body'],
  ['virus', '554 5.7.1 This message contains a virus (Eicar-Test)', 'body'],
  [
    'security',
    '552 5.7.0 This message was blocked because its content presents a potential security issue.',
    'body',
  ],
  ['content', '550 5.6.0 Message content rejected', 'body'],
  ['content', '554 5.6.1 no', 'body'],
  ['policy', '550 5.7.1 [CS01] Message rejected due to local policy.', 'body'],
  ['policy', '554 5.7.9 Message not accepted for policy reasons.', 'body'],
  ['policy', '550 5.1.8 no', 'mail'],
  ['policy', '550 5.7.1 no', 'body'],
  ['rejected', '550 Message was rejected', 'body'],
  ['inactive', '550 5.2.1 The email account that you tried to reach is disabled.'],
  [
    'inactive',
    '554 30 Sorry, your message to x@yahoo.com cannot be delivered. This mailbox is disabled (554.30).',
    'body',
  ],
  ['inactive', '550 5.2.1 no'],
  ['moved', '551 User has moved; please try <new@y.example>'],
  ['moved', '551 5.1.6 no'],
  ['tls', '530 5.7.0 Must issue a STARTTLS command first', 'mail'],
  ['tls', '550 5.7.10 no', 'mail'],
  ['system', '450 Requested mail action not taken: mailbox unavailable'],
  ['system', '451 4.3.0 Temporary lookup failure'],
  ['system', '554 5.3.0 Internal server error', 'body'],
  ['policy', '450 4.1.8 <a@example.com>: Sender address rejected: Domain not found'],
  ['policy', '550 5.7.1 You are not allowed to send from this address', 'mail'],
  ['system', '452 4.3.1 Insufficient system storage', 'mail'],
  ['system', '421 4.3.0 no', 'mail'],
  ['system', '421 no', 'mail'],
  ['network', '421 4.4.2 example.com Error: timeout exceeded', 'body'],
  ['network', '451 4.4.1 no'],
  ['expired', '550 5.4.7 no', 'body'],
  ['protocol', '503 5.5.1 Bad sequence of commands', 'data'],
  ['protocol', '503 5.5.1 no', 'data'],
  ['protocol', '500 no', 'ehlo'],
  ['syntax', '501 5.1.3 Bad recipient address syntax'],
  ['syntax', '553 5.1.3 no'],
  ['other', '550 xyzzy'],
  ['other', '599 9.9.9 '],
]

function parts(reply: string): { code: number; enhanced?: string; text: string } {
  const [, code = '', enhanced, text = ''] = /^(\d{3}) (?:(\d\.\d+\.\d+) )?(.*)$/.exec(reply) ?? []
  return enhanced === undefined ? { code: Number(code), text } : { code: Number(code), enhanced, text }
}

test('replies of real servers fall into their classes', () => {
  for (const [expected, reply, phase = 'rcpt'] of SAMPLES) {
    assert.equal(classifyReply({ ...parts(reply), phase }).class, expected, reply)
  }
})

test('what may pass is transient whatever the class says', () => {
  const permanent = (reply: string, phase: SmtpPhase): boolean =>
    classifyReply({ ...parts(reply), phase }).permanent
  assert.equal(permanent('550 5.1.1 User unknown', 'rcpt'), true)
  assert.equal(permanent('550 xyzzy', 'body'), true)
  assert.equal(permanent('450 4.1.1 User unknown', 'rcpt'), false)
  assert.equal(permanent('421 4.7.0 blocked', 'rcpt'), false)
  assert.equal(permanent('503 5.5.1 Bad sequence of commands', 'rcpt'), false)
  assert.equal(permanent('552 5.5.3 Too many recipients', 'rcpt'), false)
  assert.equal(permanent('552 5.2.2 Mailbox full', 'rcpt'), false)
  assert.equal(permanent('552 5.2.2 Mailbox full', 'body'), true)
  assert.equal(permanent('550 Greylisted, try again in 5 minutes', 'rcpt'), false)
  assert.equal(permanent('554 No SMTP service here', 'connect'), false)
  assert.equal(permanent('535 5.7.8 Authentication failed', 'auth'), false)
})

test('before RCPT a refusal never says anything of the recipient', () => {
  for (const text of ['User unknown', 'Sender verify failed: no such user', 'Mailbox full', 'Unknown host']) {
    const { class: found } = classifyReply({ code: 550, enhanced: '5.1.1', text, phase: 'mail' })
    assert.ok(['policy', 'other', 'rejected'].includes(found), `${text}: ${found}`)
  }
})

test('a hostile reply takes no time', () => {
  const texts = [
    'mailbox '.repeat(5_000),
    'user is '.repeat(5_000),
    'a'.repeat(100_000),
    'message '.repeat(9_000),
  ]
  const started = process.cpuUsage()
  for (const text of texts) classifyReply({ code: 550, text, phase: 'rcpt' })
  const { user } = process.cpuUsage(started)
  assert.ok(user < 200_000, `${user} microseconds`)
})

test('junk is classified without an error', () => {
  for (const text of ['', '\0', '\ud800', '🕊', '((((', '[', '\\', ' '.repeat(10_000)]) {
    for (const code of [0, 200, 421, 550, 999, Number.NaN, -1]) {
      const { class: found, permanent } = classifyReply({ code, enhanced: text, text, phase: 'body' })
      assert.ok(BOUNCE_CLASSES.includes(found))
      assert.equal(permanent, code === 550)
    }
  }
})
