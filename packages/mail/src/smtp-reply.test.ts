import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import test from 'node:test'
import { MailError } from './mail-error.ts'
import {
  createReplyParser,
  MAX_REPLY_LINE_OCTETS,
  MAX_REPLY_LINES,
  parseEhlo,
  type Reply,
} from './smtp-reply.ts'

function readAll(text: string, step = text.length || 1): Reply[] {
  const parser = createReplyParser()
  const octets = Buffer.from(text)
  const replies: Reply[] = []
  for (let i = 0; i < octets.length; i += step) replies.push(...parser.push(octets.subarray(i, i + step)))
  return replies
}

const SESSION =
  '220 mx.example.net ESMTP\r\n250-mx.example.net\r\n250-SIZE 35882577\r\n250 PIPELINING\r\n' +
  '550-5.1.1 The account does not exist.\r\n550-5.1.1 Check it, \u0434\u0430\r\n550 5.1.1 https://x.example/\r\n354 Go\n250\r\n'

test('a session is read the same in chunks of any size', () => {
  const whole = readAll(SESSION)
  assert.deepEqual(
    whole.map((one) => one.code),
    [220, 250, 550, 354, 250],
  )
  for (const step of [1, 2, 3, 7, 50]) assert.deepEqual(readAll(SESSION, step), whole)
})

test('the enhanced code is taken out of every line of the text', () => {
  const reply = readAll(SESSION)[2]
  assert.equal(reply?.enhanced, '5.1.1')
  assert.equal(reply.text, 'The account does not exist. Check it, \u0434\u0430 https://x.example/')
  assert.equal(reply.lines[0], '5.1.1 The account does not exist.')
})

test('a reply can be stored: it holds no control characters', () => {
  const [reply] = readAll('550 5.7.1 a\0b\u001b[31m\rc\r\n')
  assert.match(reply?.text ?? '', /^a\ufffdb\ufffd\[31m\ufffdc$/)
})

test('the read buffer may be used again after a push', () => {
  const parser = createReplyParser()
  const chunk = Buffer.from('250 o')
  assert.deepEqual(parser.push(chunk), [])
  chunk.fill(0)
  assert.equal(parser.push(Buffer.from('k\r\n'))[0]?.text, 'ok')
})

test('what is not SMTP, and what has no end, is an error that stays', () => {
  const bad = [
    'HTTP/1.1 400 Bad Request\r\n',
    '\r\n',
    '99 low\r\n',
    '650 high\r\n',
    '2500 long\r\n',
    '250-a\r\n251 b\r\n',
    'x'.repeat(MAX_REPLY_LINE_OCTETS + 1),
    `250 ${'x'.repeat(MAX_REPLY_LINE_OCTETS)}\r\n`,
    '250-x\r\n'.repeat(MAX_REPLY_LINES + 1),
  ]
  for (const text of bad) {
    const parser = createReplyParser()
    assert.throws(() => parser.push(Buffer.from(text)), MailError, text.slice(0, 20))
    assert.throws(() => parser.push(Buffer.from('250 ok\r\n')), MailError)
  }
})

test('replies before a fault are not lost, and the fault is known at once', () => {
  const parser = createReplyParser()
  assert.equal(parser.push(Buffer.from('250 ok\r\njunk\r\n')).length, 1)
  assert.equal(parser.failure()?.code, 'smtp_bad_reply')
  assert.throws(() => parser.push(Buffer.alloc(0)), MailError)
})

test('junk never makes the parser fail in another way', () => {
  let seed = 5
  const next = (limit: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
    return Math.floor((seed / 2_147_483_648) * limit)
  }
  for (let round = 0; round < 3_000; round += 1) {
    const parser = createReplyParser()
    const junk = Buffer.from(
      Array.from({ length: next(60) }, () => (next(3) === 0 ? next(256) : 48 + next(6))),
    )
    try {
      for (const reply of parser.push(
        Buffer.concat([Buffer.from('250-'), junk, Buffer.from('\r\n250 x\r\n')]),
      )) {
        parseEhlo(reply)
      }
    } catch (error) {
      assert.ok(error instanceof MailError)
    }
  }
})

test('the features of EHLO are read in any case, with the old AUTH= as well', () => {
  const [reply] = readAll(
    '250-mx.example.net Hello\r\n250-pipelining\r\n250-SIZE 1000\r\n250-STARTTLS\r\n250-8BITMIME\r\n250-AUTH PLAIN login\r\n' +
      '250-AUTH=PLAIN XOAUTH2\r\n250-SMTPUTF8\r\n250-dsn\r\n250 CHUNKING\r\n',
  )
  assert.ok(reply)
  assert.deepEqual(parseEhlo(reply), {
    pipelining: true,
    starttls: true,
    size: 1_000,
    smtputf8: true,
    eightBitMime: true,
    chunking: true,
    dsn: true,
    auth: ['PLAIN', 'LOGIN', 'XOAUTH2'],
  })
  const [bare] = readAll('250 PIPELINING\r\n')
  assert.ok(bare)
  assert.deepEqual(parseEhlo(bare), {
    pipelining: false,
    starttls: false,
    smtputf8: false,
    eightBitMime: false,
    chunking: false,
    dsn: false,
    auth: [],
  })
})
