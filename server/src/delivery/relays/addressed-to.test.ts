import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addressedTo } from './addressed-to.ts'

function rewritten(header: string, rcptTo = 'b@y.example'): string {
  return addressedTo(Buffer.from(`${header}\r\nSubject: s\r\n\r\nbody\r\n`), rcptTo).toString()
}

for (const header of ['To: b@y.example', 'To: Bob <b@y.example>', 'to: Bob\r\n <B@Y.example>']) {
  test(`a message to its recipient alone stays as it is: ${JSON.stringify(header)}`, () => {
    assert.equal(rewritten(header), `${header}\r\nSubject: s\r\n\r\nbody\r\n`)
  })
}

for (const header of [
  'To: b@y.example, c@y.example',
  'To: c@y.example',
  'To: b@y.example\r\nCc: c@y.example',
  'To: b@y.example\r\nBcc: c@y.example',
  'To: Group: b@y.example;',
  'To: a@y.example,\r\n\tb@y.example',
  'Cc: b@y.example',
  'DKIM-Signature: v=1;\r\n b=abc\r\nTo: c@y.example',
]) {
  test(`other recipients, and signatures over them, go: ${JSON.stringify(header)}`, () => {
    assert.equal(rewritten(header), 'To: b@y.example\r\nSubject: s\r\n\r\nbody\r\n')
  })
}

test('what stands in the body is no header', () => {
  const message = Buffer.from('To: b@y.example\r\n\r\nTo: c@y.example\r\nCc: d@y.example\r\n')
  assert.equal(addressedTo(message, 'b@y.example'), message)
})

test('an address cannot bring a header with it', () => {
  assert.throws(() => rewritten('To: x@y.example', 'b@y.example\r\nBcc: c@y.example'), {
    code: 'bad_address',
  })
})
