import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import test from 'node:test'
import { MailError } from './mail-error.ts'
import {
  commandBdat,
  commandMail,
  commandRcpt,
  dotStuff,
  normaliseLineEnds,
  undoDotStuff,
} from './smtp-data.ts'

/** What a receiver makes of the octets after DATA (RFC 5321 4.5.2). */
function unstuff(wire: string): string {
  const end = wire.startsWith('.\r\n') ? 0 : wire.indexOf('\r\n.\r\n') + 2
  assert.equal(end + 3, wire.length, 'the final dot is at the end and nowhere else')
  return wire.slice(0, end).replace(/^\./, '').replaceAll('\r\n.', '\r\n')
}

test('a receiver reads what was stuffed, and only the end ends it', () => {
  const pieces = ['.', '..', 'a', '\r\n', '\r\n.', '\r\n.\r\n', ' ', '=']
  let seed = 3
  const next = (limit: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
    return Math.floor((seed / 2_147_483_648) * limit)
  }
  for (let round = 0; round < 5_000; round += 1) {
    const text = Array.from({ length: next(12) }, () => pieces[next(pieces.length)] ?? '').join('')
    const complete = text === '' || text.endsWith('\r\n') ? text : `${text}\r\n`
    const stuffed = dotStuff(Buffer.from(text))
    assert.equal(unstuff(stuffed.toString()), complete, JSON.stringify(text))
    assert.equal(undoDotStuff(stuffed).toString(), complete, JSON.stringify(text))
  }
})

test('a message without dots at line starts gets its end only', () => {
  assert.equal(dotStuff(Buffer.from('a: b\r\n\r\nx.\r\n')).toString(), 'a: b\r\n\r\nx.\r\n.\r\n')
  assert.equal(dotStuff(Buffer.from('x')).toString(), 'x\r\n.\r\n')
  assert.equal(dotStuff(Buffer.from('.\r\n')).toString(), '..\r\n.\r\n')
})

test('lone CR and LF become CRLF, so that no smuggled end of data is left', () => {
  const smuggled = 'a\n.\nb\r.\rc\r\n.\r\n\r\r\nd\n'
  assert.equal(
    normaliseLineEnds(Buffer.from(smuggled)).toString(),
    'a\r\n.\r\nb\r\n.\r\nc\r\n.\r\n\r\n\r\nd\r\n',
  )
  const clean = Buffer.from('a\r\n\r\nb\r\n')
  assert.equal(normaliseLineEnds(clean), clean)
  assert.equal(normaliseLineEnds(Buffer.from('a\r')).toString(), 'a\r\n')
})

test('envelope commands carry their parameters', () => {
  assert.equal(commandMail('b-x@bounce.example.com'), 'MAIL FROM:<b-x@bounce.example.com>\r\n')
  assert.equal(
    commandMail('a@b.c', { size: 1_234, body8bit: true }),
    'MAIL FROM:<a@b.c> SIZE=1234 BODY=8BITMIME\r\n',
  )
  assert.equal(commandMail(''), 'MAIL FROM:<>\r\n')
  assert.equal(commandRcpt('"a..b"@b.c'), 'RCPT TO:<"a..b"@b.c>\r\n')
  assert.equal(commandBdat(12, false) + commandBdat(0, true), 'BDAT 12\r\nBDAT 0 LAST\r\n')
})

test('an envelope address that could end its path or its line is refused', () => {
  const bad = [
    'a@b.c\r\nRCPT TO:<x@y.z',
    'a\n@b.c',
    'a\0@b.c',
    'a>@b.c',
    '<a@b.c',
    'a b@c.d',
    'josé',
    'josé@b c',
    'jo\u00a0sé@b.c',
    'jo\u2028sé@b.c',
    'jo\u0085sé@b.c',
    'jo\u202esé@b.c',
    'jo>sé@b.c',
    'josé\r\n@b.c',
    'jo\ud800@b.c',
    `${'é'.repeat(126)}@b.c`,
    'a'.repeat(255),
  ]
  for (const address of bad) {
    assert.throws(() => commandRcpt(address), MailError, address)
    assert.throws(() => commandMail(address), MailError, address)
  }
  assert.throws(() => commandRcpt(''), MailError)
})
