import assert from 'node:assert/strict'
import test from 'node:test'
import { writeEnvelope, type EnvelopeInput } from './smtp-envelope.ts'
import { failuresOnly } from './smtp-dsn.ts'
import { parseEhlo } from './smtp-reply.ts'

const message: EnvelopeInput = {
  mailFrom: 'b@sender.example',
  rcptTo: 'a@x.example',
  sizeOctets: 1_000,
  is8Bit: false,
  hasUtf8Header: false,
}

function envelopeFor(extensions: readonly string[], more: Partial<EnvelopeInput> = {}): string {
  const features = parseEhlo({ code: 250, lines: ['mx.example', ...extensions], text: '' })
  const envelope = writeEnvelope(features, { ...message, ...more })
  return envelope.ok ? envelope.mail + envelope.rcpt : `${envelope.lacks}: ${envelope.message}`
}

const PLAIN = 'MAIL FROM:<b@sender.example>\r\nRCPT TO:<a@x.example>\r\n'

test('a server gets only the parameters that it offered', () => {
  const dsn = failuresOnly('1')
  assert.equal(envelopeFor([], { dsn }), PLAIN)
  assert.equal(envelopeFor(['CHUNKING', 'SMTPUTF8', '8BITMIME']), PLAIN)
  assert.equal(
    envelopeFor(['SIZE', 'DSN', '8bitmime'], { dsn, is8Bit: true }),
    'MAIL FROM:<b@sender.example> SIZE=1000 BODY=8BITMIME RET=HDRS ENVID=1\r\n' +
      'RCPT TO:<a@x.example> NOTIFY=FAILURE ORCPT=rfc822;a@x.example\r\n',
  )
})

test('a message above the size that was offered is not sent; a size of 0 is no limit', () => {
  assert.match(envelopeFor(['SIZE 999']), /^SIZE: The message has 1000 octets, .* at most 999/)
  assert.match(envelopeFor(['SIZE 1000']), /SIZE=1000/)
  assert.match(envelopeFor(['SIZE 0']), /SIZE=1000/)
  assert.match(envelopeFor(['SIZE']), /SIZE=1000/)
})

test('octets above 127 go only where 8BITMIME is offered', () => {
  assert.match(envelopeFor([], { is8Bit: true }), /^8BITMIME: .*quoted-printable/)
  assert.match(envelopeFor(['8BITMIME'], { is8Bit: true }), / BODY=8BITMIME\r\n/)
})

test('letters outside ASCII before the @ go only where SMTPUTF8 is offered', () => {
  const rcptTo = 'josé@x.example'
  assert.match(envelopeFor(['8BITMIME'], { rcptTo }), /^SMTPUTF8: .*another address/)
  assert.match(envelopeFor([], { mailFrom: rcptTo }), /^SMTPUTF8: /)
  assert.equal(
    envelopeFor(['SMTPUTF8', '8BITMIME', 'DSN'], { rcptTo, is8Bit: true, dsn: failuresOnly('1') }),
    'MAIL FROM:<b@sender.example> BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=1\r\n' +
      'RCPT TO:<josé@x.example> NOTIFY=FAILURE ORCPT=utf-8;josé@x.example\r\n',
  )
})

test('a header outside ASCII needs SMTPUTF8, whatever the addresses are', () => {
  const utf8 = { is8Bit: true, hasUtf8Header: true }
  assert.match(envelopeFor(['8BITMIME'], utf8), /^SMTPUTF8: /)
  assert.match(envelopeFor(['8BITMIME', 'SMTPUTF8'], utf8), / BODY=8BITMIME SMTPUTF8\r\n/)
})

test('a domain outside ASCII goes everywhere, in A-labels', () => {
  assert.equal(envelopeFor([], { rcptTo: 'a@BÜCHER.example' }), PLAIN.replace('x.e', 'xn--bcher-kva.e'))
  assert.match(envelopeFor(['SMTPUTF8'], { rcptTo: 'é@bücher.example' }), /<é@xn--bcher-kva\.example>/)
})
