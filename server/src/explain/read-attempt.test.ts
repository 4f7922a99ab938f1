import assert from 'node:assert/strict'
import { test } from 'node:test'
import { phaseOf, readAttempt } from './read-attempt.ts'

const PIPELINED = `* connecting to mx.example [192.0.2.25]:25
S: 220 mx.example ESMTP
C: EHLO mail.example.org
S: 250-mx.example
S: 250 PIPELINING
C: MAIL FROM:<a@example.org>
C: RCPT TO:<b@gmail.example>
C: DATA
S: 250 2.1.0 OK
S: 550-5.1.1 The email account that you tried to reach does not exist.
S: 550 5.1.1 Please try
S: 503 5.5.1 No recipients
`

test('a reply answers the oldest command that has none, also when they were on the wire together', () => {
  assert.equal(phaseOf(PIPELINED, 550), 'rcpt')
  assert.equal(phaseOf(PIPELINED, 503), 'data')
  assert.equal(phaseOf('S: 421 4.7.0 Not you\n', 421), 'connect')
})

test('content belongs to the final dot, in octets as well as in a chunk', () => {
  const start = 'C: MAIL FROM:<>\nC: RCPT TO:<b@c.example>\nS: 250 OK\nS: 250 OK\n'
  assert.equal(phaseOf(`${start}C: DATA\nS: 354 Go\nC: <900 octets>\nS: 554 5.7.1 Spam\n`, 554), 'body')
  assert.equal(phaseOf(`${start}C: BDAT 900 LAST\nC: <900 octets>\nS: 554 5.7.1 Spam\n`, 554), 'body')
})

test('a refusal is read with its rule and where the wording of that stands', () => {
  const reply = '550 5.1.1 The email account that you tried to reach does not exist.'
  const read = readAttempt({ code: 550, reply, transcript: PIPELINED, provider: 'google' })
  assert.equal(read.phase, 'rcpt')
  assert.equal(read.rule?.class, 'unknown_user')
  assert.match(read.rule?.source ?? '', /./)
})

test('what no server refused, and words that no rule knows, have no rule', () => {
  assert.deepEqual(readAttempt({ code: 250, reply: '250 OK', transcript: '', provider: 'google' }), {
    phase: null,
    rule: null,
  })
  const broken = { code: 0, reply: 'connect: ETIMEDOUT', transcript: '', provider: 'google' }
  assert.deepEqual(readAttempt(broken), { phase: null, rule: null })
  const odd = { code: 599, reply: '599 Zwei Kraniche', transcript: '', provider: 'site.example' }
  assert.equal(readAttempt(odd).rule, null)
})
