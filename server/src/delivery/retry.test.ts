import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Reply } from '@pigeon/mail/smtp-reply.ts'
import { nextAttempt, outcomeOf, outcomeOfMx, outcomeOfTlsRefusal, type AttemptContext } from './retry.ts'
import type { RelayAnswer, SendPhase, SendResult } from './transport/transport.ts'

const now = new Date('2026-03-01T12:00:00Z')
const HOUR = 3_600_000

function context(more: Partial<AttemptContext> = {}): AttemptContext {
  const plan = { firstMs: 300_000, maxMs: 4 * HOUR, absentAgainMs: 600_000 }
  return {
    provider: 'mx.y.example',
    attempt: 1,
    lastClass: null,
    lastReply: null,
    now,
    expiresAt: new Date(now.getTime() + 72 * HOUR),
    plan,
    random: () => 0.5,
    ...more,
  }
}

function replied(phase: SendPhase, code: number, text: string, enhanced?: string): SendResult {
  const reply: Reply = {
    code,
    lines: [enhanced === undefined ? text : `${enhanced} ${text}`],
    text,
    ...(enhanced === undefined ? {} : { enhanced }),
  }
  return { kind: 'reply', phase, reply }
}

function answered(verdict: RelayAnswer['verdict'], more: Partial<RelayAnswer> = {}): RelayAnswer {
  return {
    kind: 'answer',
    verdict,
    class: null,
    text: 'HTTP 200',
    relayId: null,
    retryAfterMs: 0,
    inDoubt: false,
    ...more,
  }
}

test('waits double from the first to the longest', () => {
  const minutes = [1, 2, 3, 4, 5, 6, 7, 8].map((attempt) => {
    const at = nextAttempt(context({ attempt }))
    return at === 'expired' ? at : (at.getTime() - now.getTime()) / 60_000
  })
  assert.deepEqual(minutes, [5, 10, 20, 40, 80, 160, 240, 240])
})

test('the jitter is a quarter to both sides', () => {
  const least = nextAttempt(context({ random: () => 0 }))
  const most = nextAttempt(context({ random: () => 0.999_999 }))
  assert.equal(least !== 'expired' && least.getTime() - now.getTime(), 225_000)
  assert.ok(most !== 'expired' && Math.round((most.getTime() - now.getTime()) / 1000) === 375)
})

test('a try after the end of the life of a message is not made', () => {
  assert.equal(nextAttempt(context({ expiresAt: new Date(now.getTime() + 300_000) })), 'expired')
  assert.notEqual(nextAttempt(context({ expiresAt: new Date(now.getTime() + 300_001) })), 'expired')
  assert.equal(nextAttempt(context(), 73 * HOUR), 'expired')
})

test('a rehearsal tries after one second and ends within thirty', () => {
  let at = now
  const expiresAt = new Date(now.getTime() + 30_000)
  const plan = { firstMs: 1_000, maxMs: 4 * HOUR, absentAgainMs: 1_000 }
  for (let attempt = 1; attempt < 20; attempt += 1) {
    const next = nextAttempt(context({ attempt, now: at, expiresAt, plan }))
    if (next === 'expired') return assert.equal(attempt, 5)
    at = next
  }
  return assert.fail('never expired')
})

test('250 after the final dot, and only there, is delivered', () => {
  const outcome = outcomeOf(replied('dot', 250, 'Ok: queued as 1', '2.0.0'), context())
  assert.deepEqual(outcome, {
    type: 'delivered',
    code: 250,
    enhanced: '2.0.0',
    class: null,
    reply: '250 2.0.0 Ok: queued as 1',
    retryAt: null,
    inDoubt: false,
    action: 'none',
  })
  assert.equal(outcomeOf(replied('data', 250, 'Ok'), context()).type, 'deferred')
})

test('5xx to the recipient or the content is bounced, 4xx is deferred with a time', () => {
  const bounced = outcomeOf(replied('rcpt', 550, 'No such user', '5.1.1'), context())
  assert.deepEqual([bounced.type, bounced.class, bounced.code], ['bounced', 'unknown_user', 550])
  assert.equal(outcomeOf(replied('dot', 554, 'Refused'), context()).type, 'bounced')
  const deferred = outcomeOf(replied('rcpt', 451, 'Try again later', '4.3.0'), context())
  assert.equal(deferred.type, 'deferred')
  assert.equal(deferred.retryAt, new Date(now.getTime() + 300_000).toISOString())
})

test('a refusal before the message was spoken of is about us: deferred, whatever its code', () => {
  for (const phase of ['banner', 'ehlo', 'tls'] as const) {
    assert.equal(
      outcomeOf(replied(phase, 554, 'No SMTP service here', '5.3.2'), context()).type,
      'deferred',
      phase,
    )
  }
})

test('a connection lost after the final dot is deferred, and in doubt', () => {
  const lost: SendResult = { kind: 'broken', phase: 'dot', error: 'ECONNRESET', dotSent: true }
  assert.deepEqual([outcomeOf(lost, context()).type, outcomeOf(lost, context()).inDoubt], ['deferred', true])
  const early: SendResult = { kind: 'timeout', phase: 'rcpt', error: 'no answer in time', dotSent: false }
  assert.deepEqual(
    [outcomeOf(early, context()).type, outcomeOf(early, context()).inDoubt],
    ['deferred', false],
  )
})

test('what was not sent is returned or failed by its reason, and waits for its host without counting an attempt', () => {
  const unsent = (reason: 'no_connection' | 'invalid_envelope' | 'journal_failed' | 'closing') =>
    outcomeOf({ kind: 'unsent', reason, error: 'because', retryAfterMs: 900_000 }, context())
  const waits = unsent('no_connection')
  assert.deepEqual([waits.type, waits.retryAt], ['returned', new Date(now.getTime() + 900_000).toISOString()])
  const late = outcomeOf(
    { kind: 'unsent', reason: 'no_connection', error: 'because', retryAfterMs: 1 },
    context({ expiresAt: now }),
  )
  assert.deepEqual([late.type, late.class], ['failed', 'expired'])
  assert.deepEqual([unsent('invalid_envelope').type, unsent('invalid_envelope').class], ['failed', 'syntax'])
  assert.equal(unsent('journal_failed').type, 'returned')
  assert.equal(unsent('closing').type, 'returned')
})

test('a message that a relay took is sent, not delivered', () => {
  const taken = { ...replied('dot', 250, 'Ok: queued as 1'), isRelay: true } as const
  assert.deepEqual([outcomeOf(taken, context()).type, outcomeOf(taken, context()).code], ['sent', 250])
  const sent = outcomeOf(answered('sent', { text: 'HTTP 202 id=abc' }), context())
  assert.deepEqual([sent.type, sent.code, sent.reply], ['sent', null, 'HTTP 202 id=abc'])
})

test('what a relay refuses is bounced or failed as its API means it, with no code of HTTP in the place of an SMTP one', () => {
  const bounced = outcomeOf(answered('bounced', { class: 'inactive' }), context())
  assert.deepEqual([bounced.type, bounced.class, bounced.code], ['bounced', 'inactive', null])
  assert.equal(outcomeOf(answered('failed', { class: 'content' }), context()).type, 'failed')
})

test('an answer that leaves it open is deferred, and may be in doubt', () => {
  const later = outcomeOf(answered('deferred', { class: 'system', retryAfterMs: HOUR }), context())
  assert.deepEqual([later.type, later.class, later.inDoubt], ['deferred', 'system', false])
  assert.equal(later.retryAt, new Date(now.getTime() + HOUR).toISOString())
  assert.equal(outcomeOf(answered('deferred', { inDoubt: true }), context()).inDoubt, true)
})

test('a relay that takes nothing now costs no attempt, and is asked again when it said', () => {
  for (const reason of ['limited', 'suspended', 'sender_refused'] as const) {
    const result = { kind: 'unsent', reason, error: 'because', retryAfterMs: 2_000 } as const
    const outcome = outcomeOf(result, context({ attempt: 7 }))
    assert.deepEqual(
      [outcome.type, outcome.retryAt],
      ['returned', new Date(now.getTime() + 2_000).toISOString()],
    )
  }
})

test('the reply of a relay is not read by the rules of the provider of the recipient', () => {
  const reply = { code: 550, lines: ['HL:ITC 192.0.2.1'], text: 'HL:ITC 192.0.2.1' }
  const said = { kind: 'reply', phase: 'rcpt', reply, isRelay: true } as const
  assert.equal(outcomeOf(said, context({ provider: 'netease' })).class, 'other')
})

test('a long reply is cut', () => {
  assert.equal(outcomeOf(replied('rcpt', 451, 'x'.repeat(5_000)), context()).reply?.length, 1_000)
})

test('null MX is bounced, a name must be missing twice and ten minutes apart, DNS in trouble is deferred', () => {
  const nullMx = outcomeOfMx({ kind: 'null_mx', ttl: 60 }, context())
  assert.deepEqual(
    [nullMx.type, nullMx.class, nullMx.code, nullMx.enhanced],
    ['bounced', 'host_unknown', 556, '5.1.10'],
  )
  const missing = { kind: 'no_domain', reason: 'the domain does not exist', ttl: 60 } as const
  // Whatever attempt it is: the first that does not find it is the first.
  for (const attempt of [1, 2]) {
    const first = outcomeOfMx(missing, context({ attempt, lastClass: attempt === 1 ? null : 'greylisted' }))
    assert.deepEqual([first.type, first.class], ['deferred', 'host_unknown'])
    assert.ok(Date.parse(first.retryAt ?? '') - now.getTime() >= 600_000)
  }
  assert.equal(outcomeOfMx(missing, context({ attempt: 2, lastClass: 'host_unknown' })).type, 'failed')
  assert.equal(
    outcomeOfMx({ kind: 'temporary', reason: 'SERVFAIL', ttl: 15 }, context({ attempt: 9 })).type,
    'deferred',
  )
})

test('a reply is read by the rules of the provider that said it', () => {
  const reply = { code: 550, lines: ['HL:ITC 192.0.2.1'], text: 'HL:ITC 192.0.2.1' }
  const said = { kind: 'reply', phase: 'rcpt', reply } as const
  assert.equal(outcomeOf(said, context({ provider: 'netease' })).class, 'rate_limited')
  assert.equal(outcomeOf(said, context({ provider: 'netease' })).type, 'deferred')
  assert.equal(outcomeOf(said, context({ provider: 'mx.y.example' })).class, 'other')
})

test('neither yes nor no to the dot is in doubt: the real answer may come behind it', () => {
  const outcome = outcomeOf(replied('dot', 354, 'Go on'), context())
  assert.deepEqual([outcome.type, outcome.class, outcome.inDoubt], ['deferred', 'protocol', true])
  assert.equal(outcomeOf(replied('mail', 354, 'Go on'), context()).inDoubt, false)
})

test('what a refusal says of the source is told to the lane, what it says of the recipient is not', () => {
  const said = (code: number, enhanced: string, text: string, provider: string) =>
    outcomeOf(replied('rcpt', code, text, enhanced), context({ provider })).action
  assert.equal(
    said(421, '4.7.28', 'Our system has detected an unusual rate of unsolicited mail', 'google'),
    'slow',
  )
  const blocked =
    "Unfortunately, messages from [192.0.2.1] weren't sent. Part of their network is on our block list (S3150)"
  assert.equal(said(550, '5.7.1', blocked, 'microsoft'), 'suspend')
  assert.equal(said(452, '4.2.2', "The recipient's inbox is out of storage space", 'google'), 'none')
  assert.equal(said(450, '4.2.0', 'Greylisted, try again later', 'x.example'), 'none')
})

test('a message above the SIZE of the server has bounced, without a word from it about this message', () => {
  const unfit = {
    kind: 'unsent',
    reason: 'too_big',
    error: 'The message has 9 octets.',
    retryAfterMs: 0,
  } as const
  assert.deepEqual(outcomeOf(unfit, context()), {
    type: 'bounced',
    code: 552,
    enhanced: '5.3.4',
    class: 'message_too_big',
    reply: '552 5.3.4 The message has 9 octets.',
    retryAt: null,
    inDoubt: false,
    action: 'none',
  })
})

test('an extension must be missing twice before the message bounces', () => {
  for (const [reason, found, enhanced] of [
    ['needs_smtputf8', 'syntax', '5.6.7'],
    ['needs_8bitmime', 'content', '5.6.3'],
  ] as const) {
    const unfit = { kind: 'unsent', reason, error: 'It is not offered.', retryAfterMs: 0 } as const
    const first = outcomeOf(unfit, context())
    assert.deepEqual([first.type, first.class, first.reply], ['deferred', found, 'It is not offered.'])
    const second = outcomeOf(unfit, context({ lastClass: found, attempt: 2 }))
    assert.deepEqual([second.type, second.class, second.enhanced], ['bounced', found, enhanced])
  }
})

test('a refused log-in says nothing about the message: it waits, with the reason', () => {
  const refused = outcomeOf(replied('auth', 535, 'Authentication failed', '5.7.8'), context())
  assert.deepEqual([refused.type, refused.class, refused.code], ['deferred', 'security', 535])
  assert.match(refused.reply ?? '', /^The relay did not accept the log-in, .*: 535 5\.7\.8 Authentication/)
  const error = 'the relay offers no way to log in'
  const broken = outcomeOf({ kind: 'broken', phase: 'auth', error, dotSent: false }, context())
  assert.deepEqual([broken.type, broken.class, broken.reply], ['deferred', 'security', `auth: ${error}`])
})

test('TLS that a policy asks for and that was not had is tried again until the message expires, never a bounce', () => {
  const error = 'the certificate of mx.y.example is for other names. Its policy requires it.'
  const broken: SendResult = { kind: 'broken', phase: 'tls', error, dotSent: false }
  for (const outcome of [
    (more: Partial<AttemptContext>) => outcomeOf(broken, context(more)),
    (more: Partial<AttemptContext>) => outcomeOfTlsRefusal(error, context(more)),
  ]) {
    const first = outcome({})
    assert.deepEqual([first.type, first.class, first.reply], ['deferred', 'tls', `tls: ${error}`])
    assert.ok(first.retryAt !== null)
    const last = outcome({ expiresAt: now })
    assert.deepEqual([last.type, last.class], ['failed', 'expired'])
  }
})

test('a message that expires has bounced with what the receiver said last, and failed when nobody said anything', () => {
  const expired = { expiresAt: now, attempt: 9 }
  const said = outcomeOf(replied('rcpt', 452, 'Mailbox full', '4.2.2'), context(expired))
  assert.deepEqual(
    [said.type, said.class, said.code, said.reply, said.retryAt],
    ['bounced', 'expired', 452, '452 4.2.2 Mailbox full', null],
  )
  const broken: SendResult = { kind: 'broken', phase: 'connect', error: 'ECONNREFUSED', dotSent: false }
  const lastReply = { code: 451, enhanced: '4.3.0', reply: '451 4.3.0 Try later' }
  const before = outcomeOf(broken, context({ ...expired, lastReply }))
  assert.deepEqual([before.type, before.class, before.reply], ['bounced', 'expired', '451 4.3.0 Try later'])
  const silent = outcomeOf(broken, context(expired))
  assert.deepEqual([silent.type, silent.class, silent.code], ['failed', 'expired', null])
})
