import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import test from 'node:test'
import { PROGRAM_WORDS } from './program-words.ts'
import { readReturnedMail } from './read-returned-mail.ts'
import { RECIPIENT_SHAPES } from './text-shapes.ts'
import { exim, office365, postfix, qmail, sendmail } from './sample-formats.ts'
import { sampleComplaints } from './sample-complaints.ts'

/** Far above what a mail takes on a busy machine, far below what a bad expression takes. */
const BOUNDED_MS = 5_000
/** A second for what is quadratic, hours for what is worse. */
const PUMPED_CHARS = 64 * 1024
const MEBIBYTE = 1024 * 1024

const REFUSED = [{ recipient: 'a@receiver.example', reply: '550 5.1.1 <a@receiver.example>: User unknown' }]

function readWithin(octets: Buffer, what: string): ReturnType<typeof readReturnedMail> {
  const startedAt = performance.now()
  const found = readReturnedMail(octets)
  const ms = performance.now() - startedAt
  assert.ok(ms < BOUNDED_MS, `${what}: ${ms} ms`)
  return found
}

test('a mail cut off anywhere is read without an error, and never says more than the whole', () => {
  for (const text of [exim(REFUSED), sampleComplaints()[0] ?? '']) {
    const whole = readReturnedMail(Buffer.from(text))
    for (let end = 0; end < text.length; end += 1) {
      const { kind, recipients } = readReturnedMail(Buffer.from(text.slice(0, end)))
      assert.ok(recipients.length <= 2, `${kind} at ${end}`)
    }
    assert.equal(whole.recipients.length, 1)
  }
})

test('octets turned at random are read without an error', () => {
  let seed = 7
  const random = (below: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
    return seed % below
  }
  for (const text of [postfix(REFUSED), sendmail(REFUSED), qmail(REFUSED), office365(REFUSED)]) {
    for (let n = 0; n < 100; n += 1) {
      const octets = Buffer.from(text)
      for (let turned = 0; turned < 20; turned += 1) octets[random(octets.length)] = random(256)
      assert.ok(readReturnedMail(octets).recipients.length <= 20)
    }
  }
})

test('parts in parts in parts end at a depth', () => {
  const deep = Array.from(
    { length: 5_000 },
    (_, n) => `Content-Type: multipart/mixed; boundary=b${n}\n\n--b${n}\n`,
  ).join('')
  assert.equal(readWithin(Buffer.from(`From: x@y.example\n${deep}\nend`), 'deep').kind, 'unknown')
})

test('many parts, many fields, many recipients and long lines are bounded', () => {
  const hostile: Record<string, string> = {
    parts: `Content-Type: multipart/mixed; boundary=b\n\n${'--b\n\nx\n'.repeat(100_000)}`,
    boundaries: `Content-Type: multipart/mixed; boundary=b\n\n${'\n--bb'.repeat(200_000)}`,
    fields: `${'X-A: b\n'.repeat(100_000)}\n\n`,
    folded: `Subject: a${'\n b'.repeat(200_000)}\n\n`,
    recipients: `From: MAILER-DAEMON@x.example\nContent-Type: message/delivery-status\n\n${'Final-Recipient: rfc822; a@b.example\nAction: failed\nStatus: 5.1.1\n\n'.repeat(10_000)}`,
    words: `From: MAILER-DAEMON@x.example\nSubject: Undelivered\n\n${'<a@b.example>: 550 no\n'.repeat(40_000)}`,
    line: `From: MAILER-DAEMON@x.example\nSubject: Undelivered\n\n${'a@'.repeat(400_000)}`,
    encoded: `Subject: ${'=?utf-8?b?YQ==?= '.repeat(50_000)}\n\n`,
  }
  for (const [name, text] of Object.entries(hostile)) {
    const { recipients } = readWithin(Buffer.from(text), name)
    assert.ok(recipients.length <= 1_001, name)
  }
})

test('texts made to keep an expression busy are read in bounded time', () => {
  const pumps = [
    'a',
    ' ',
    '-',
    '=',
    '<',
    '@',
    '.',
    '5',
    '550 ',
    'a@b',
    '"',
    ':',
    'x.',
    '<<<',
    '5.1.',
    '\n ',
    '\n-',
    'user ',
    'host ',
    '(',
    '\\',
    '&#1;',
    '<p',
    '=20',
    '\u001b$B',
  ]
  for (const pump of pumps) {
    const body = pump.repeat(Math.ceil(PUMPED_CHARS / pump.length))
    for (const head of [
      'From: MAILER-DAEMON@x.example\nSubject: Undelivered mail\n\n',
      'From: MAILER-DAEMON@x.example\nContent-Type: text/html\nSubject: Undelivered mail\n\n<html>',
      'Content-Type: message/delivery-status\n\nFinal-Recipient: rfc822; a@b.example\nStatus: 5.0.0\nDiagnostic-Code: smtp; 550 ',
      'Subject: ',
    ])
      readWithin(Buffer.from(head + body), JSON.stringify(pump))
  }
})

test('of a mail of 100 MB only the beginning is read', () => {
  const octets = Buffer.alloc(100 * MEBIBYTE, 'x\n')
  octets.write(postfix(REFUSED))
  const before = process.memoryUsage().heapUsed
  const found = readWithin(octets, '100 MB')
  assert.deepEqual([found.kind, found.recipients[0]?.class], ['bounce', 'unknown_user'])
  assert.ok(process.memoryUsage().heapUsed - before < 64 * MEBIBYTE)
})

test('each program is known by its words, and its expressions are bounded', () => {
  for (const rule of PROGRAM_WORDS) {
    for (const sample of rule.samples) {
      const first = PROGRAM_WORDS.find(({ text }) => text.test(sample.toLowerCase()))
      assert.equal(first, rule, sample)
    }
    const source = rule.text.source.replaceAll(/\\./g, 'x').replaceAll(/\[[^\]]*\]/g, 'x')
    assert.doesNotMatch(source, /\)(?:[*+]|\{\d+,)|\.[*+]/, source)
    assert.match(rule.source, /^https?:\/\/\S+$/)
  }
})

test('each shape takes its samples, and no shape before it in its group does', () => {
  for (const shapes of RECIPIENT_SHAPES) {
    for (const shape of shapes) {
      for (const sample of shape.samples) {
        const first = shapes.find(({ line }) => line.test(sample))
        assert.equal(first?.id, shape.id, sample)
        assert.equal(first?.line.exec(sample)?.groups?.to, 'x@y.example', sample)
      }
    }
  }
})
