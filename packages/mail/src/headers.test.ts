import assert from 'node:assert/strict'
import test from 'node:test'
import { decodeWords } from 'postal-mime'
import {
  addressHeader,
  encodedWords,
  formatAddress,
  formatDate,
  messageId,
  structuredHeader,
  textHeader,
} from './headers.ts'
import { MailError } from './mail-error.ts'
import { SCRIPTS } from './sample-messages.ts'

/** The value of a header as a reader sees it: unfolded (RFC 5322 2.2.3), decoded. */
function valueOf(header: string): string {
  const unfolded = header.replace(/\r\n(?=[ \t])/g, '').replace(/\r\n$/, '')
  return decodeWords(unfolded.slice(unfolded.indexOf(':') + 1).replace(/^ /, ''))
}

test('an encoded-word has at most 75 characters and whole characters only', () => {
  for (const { subject } of SCRIPTS) {
    for (const firstRoom of [75, 68, 40, 5]) {
      const words = encodedWords(subject.repeat(3), firstRoom)
      for (const word of words) {
        assert.ok(word.length <= 75, word)
        assert.doesNotMatch(decodeWords(word), /\ufffd/)
      }
      assert.equal(decodeWords(words.join(' ')), subject.repeat(3))
    }
  }
})

test('the shorter of the two encodings is taken', () => {
  assert.match(encodedWords('Grüße aus der Werkstatt')[0] ?? '', /^=\?UTF-8\?Q\?/)
  assert.match(encodedWords('您的订单已发货')[0] ?? '', /^=\?UTF-8\?B\?/)
})

test('a subject of any kind is read as it was written, in lines of at most 78', () => {
  const subjects = [
    '',
    'plain',
    'x'.repeat(300),
    'x'.repeat(3_000),
    'word '.repeat(60).trim(),
    ' leading and trailing ',
    'two  spaces   three',
    'a\ttab',
    'literal =?UTF-8?Q?word?= here',
    'é',
    'one é two é three',
    `${'plain '.repeat(20)}é${' plain'.repeat(20)}`,
    'bell \u0007 and escape \u001b[31m',
    'line separator \u2028 next \u0085',
    '🏳️‍🌈'.repeat(40),
    '"quotes", (comments) <and> @signs; \\ backslash',
  ]
  for (const subject of subjects) {
    const header = textHeader('Subject', subject)
    assert.equal(valueOf(header), subject)
    for (const line of header.split('\r\n'))
      assert.ok(line.length <= 78 || /^(Subject:)? ?x+$/.test(line), line)
    assert.doesNotMatch(header.slice(0, -2), /\r\n[ \t]*(\r\n|$)/, 'no line of blanks only')
  }
})

test('random text comes out as written', () => {
  const pieces = ['a', 'word', ' ', '  ', '\t', 'é', '🕊', '中文', '=?', '?=', '_', '"', 'x'.repeat(80)]
  let seed = 9
  const next = (limit: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
    return Math.floor((seed / 2_147_483_648) * limit)
  }
  for (let round = 0; round < 3_000; round += 1) {
    const text = Array.from({ length: next(25) }, () => pieces[next(pieces.length)] ?? '').join('')
    assert.equal(valueOf(textHeader('X-Any', text)), text, JSON.stringify(text))
  }
})

test('a name is an atom, a quoted string or encoded-words, as it needs', () => {
  assert.equal(formatAddress({ email: 'A@Example.com' }), 'A@example.com')
  assert.equal(formatAddress({ name: ' ', email: 'a@example.com' }), 'a@example.com')
  assert.equal(formatAddress({ name: 'Jo Smith', email: 'a@example.com' }), 'Jo Smith <a@example.com>')
  assert.equal(formatAddress({ name: 'Smith, Jo', email: 'a@example.com' }), '"Smith, Jo" <a@example.com>')
  assert.equal(
    formatAddress({ name: 'a "b" \\', email: 'a@example.com' }),
    '"a \\"b\\" \\\\" <a@example.com>',
  )
  assert.equal(
    formatAddress({ name: 'Zoë Example of Mailville', email: 'a@bücher.example' }),
    '=?UTF-8?Q?Zo=C3=AB_Example_of_Mailville?= <a@xn--bcher-kva.example>',
  )
})

test('a name cannot add an address or a header', () => {
  for (const name of ['a\r\nb', 'a\0', '\n']) {
    assert.throws(() => formatAddress({ name, email: 'a@example.com' }), MailError, JSON.stringify(name))
  }
  assert.equal(
    formatAddress({ name: 'x <evil@example.org>,', email: 'a@example.com' }),
    '"x <evil@example.org>," <a@example.com>',
  )
  for (const email of ['', 'a', 'a@b, c@d', 'a@example.com>', 'a b@example.com']) {
    assert.throws(() => formatAddress({ email }), MailError, email)
  }
})

test('many recipients are folded between addresses', () => {
  const header = addressHeader(
    'To',
    Array.from({ length: 20 }, (_, i) => ({ name: `Person ${i}`, email: `p${i}@example.com` })),
  )
  for (const line of header.split('\r\n')) assert.ok(line.length <= 78)
  assert.equal(valueOf(header).split(', ').length, 20)
})

test('a structured value is ASCII, and no word of it passes 998 octets', () => {
  assert.equal(
    structuredHeader('List-Unsubscribe-Post', 'List-Unsubscribe=One-Click'),
    'List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n',
  )
  assert.throws(() => structuredHeader('List-Id', 'é'), MailError)
  assert.throws(() => structuredHeader('References', 'x'.repeat(1_100)), MailError)
  assert.throws(() => structuredHeader('Bad Name', 'x'), MailError)
  assert.throws(() => structuredHeader('X', 'a\r\n b'), MailError)
})

test('dates are RFC 5322 in UTC', () => {
  assert.equal(formatDate(new Date('2026-02-03T04:05:06.789Z')), 'Tue, 03 Feb 2026 04:05:06 +0000')
  assert.throws(() => formatDate(new Date(Number.NaN)), MailError)
})

test('a message id is made of a dot-atom and a domain', () => {
  assert.equal(messageId('abc.1', 'Bücher.example'), '<abc.1@xn--bcher-kva.example>')
  for (const id of ['', 'a b', 'a..b', 'a>', 'é', 'a@b'])
    assert.throws(() => messageId(id, 'example.com'), MailError)
  assert.throws(() => messageId('a', 'exa mple.com'), MailError)
})
