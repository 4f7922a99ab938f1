import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { randomBytes } from 'node:crypto'
import test from 'node:test'
import { base64Lines, encodeText, quotedPrintable } from './transfer-encoding.ts'

/** RFC 2045 6.7, read strictly: any character that may not be there fails. */
function decodeQuotedPrintable(text: string): Buffer {
  for (const line of text.split('\r\n')) {
    assert.ok(line.length <= 76, `${line.length} characters`)
    assert.match(line, /^(?:[\t !-<>-~]|=[0-9A-F]{2})*=?$/)
    assert.doesNotMatch(line, /[ \t]$/)
  }
  return Buffer.from(
    text
      .replaceAll('=\r\n', '')
      .replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  )
}

test('quoted-printable decodes to the same octets, whatever they are, with CRLF for every line end', () => {
  for (let round = 0; round < 300; round += 1) {
    const octets = randomBytes(round)
    const lines = Buffer.from(octets.toString('latin1').replace(/\r\n?|\n/g, '\r\n'), 'latin1')
    assert.deepEqual(decodeQuotedPrintable(quotedPrintable(octets)), lines)
  }
})

test('a text larger than the room that is kept comes out whole, and the next one too', () => {
  for (const text of ['é\n'.repeat(300_000), 'short é', 'ж'.repeat(400_000)]) {
    const { encoding, body } = encodeText(text)
    const decoded = encoding === 'base64' ? Buffer.from(body, 'base64') : decodeQuotedPrintable(body)
    assert.equal(decoded.toString('utf8'), text.replaceAll('\n', '\r\n'))
  }
})

test('quoted-printable keeps lines short at every length, with blanks, signs and accents near the end', () => {
  for (let length = 60; length < 90; length += 1) {
    for (const end of ['', ' ', '\t', '=', 'é', '🕊', ' \r\n', 'é\r\nx', '\r\n', '  \r\n\r\n']) {
      const octets = Buffer.from('a'.repeat(length) + end)
      assert.deepEqual(decodeQuotedPrintable(quotedPrintable(octets)), octets)
    }
  }
})

test('the octets of one character stay on one line', () => {
  for (const line of quotedPrintable(Buffer.from('🕊é'.repeat(200))).split('=\r\n')) {
    assert.doesNotMatch(decodeQuotedPrintable(line).toString('utf8'), /\ufffd/)
  }
})

test('base64 has lines of 76', () => {
  for (const length of [0, 1, 56, 57, 58, 114, 1_000]) {
    const octets = randomBytes(length)
    const lines = base64Lines(octets).split('\r\n')
    assert.ok(lines.every((line, i) => (i === lines.length - 1 ? line.length <= 76 : line.length === 76)))
    assert.deepEqual(Buffer.from(lines.join(''), 'base64'), octets)
  }
})

test('a text goes as it is up to lines of 998 octets', () => {
  assert.equal(encodeText('x'.repeat(998)).encoding, '7bit')
  assert.equal(encodeText('x'.repeat(999)).encoding, 'quoted-printable')
  assert.equal(encodeText('nul \0').encoding, 'quoted-printable')
  assert.equal(encodeText('a\rb\nc\r\nd').body, 'a\r\nb\r\nc\r\nd')
})
