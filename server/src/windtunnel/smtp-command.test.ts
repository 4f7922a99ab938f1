import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseSmtpCommand } from './smtp-command.ts'

test('paths are read with their parameters, in any case and with blanks after the colon', () => {
  const command = parseSmtpCommand('mail from: <b+1=x@news.example> SIZE=1234 body=8BITMIME SMTPUTF8')
  assert.ok(command.verb === 'MAIL')
  assert.equal(command.address, 'b+1=x@news.example')
  assert.deepEqual(Object.fromEntries(command.parameters), { SIZE: '1234', BODY: '8BITMIME', SMTPUTF8: '' })
})

test('the null reverse-path, a quoted local part and a bare postmaster are addresses', () => {
  const address = (line: string) => {
    const command = parseSmtpCommand(line)
    return 'address' in command ? command.address : command.verb
  }
  assert.equal(address('MAIL FROM:<>'), '')
  assert.equal(address('RCPT TO:<"a b"@x.example>'), '"a b"@x.example')
  assert.equal(address('RCPT TO:<"a>b"@x.example> NOTIFY=NEVER'), '"a>b"@x.example')
  assert.equal(address('RCPT TO:<postmaster>'), 'postmaster')
})

test('what is no command of SMTP is malformed or unknown, and nothing throws', () => {
  const expected = new Map([
    ['MAIL TO:<a@x.example>', 'malformed'],
    ['MAIL FROM:a@x.example', 'malformed'],
    ['MAIL', 'malformed'],
    ['RCPT TO:<>', 'malformed'],
    ['RCPT TO:<nobody>', 'malformed'],
    ['RCPT TO:<a@x.example', 'malformed'],
    ['RCPT TO:<a@x.example><b@x.example>', 'malformed'],
    ['DATA now', 'malformed'],
    ['EHLO', 'malformed'],
    ['', 'unknown'],
    ['GET / HTTP/1.1', 'unknown'],
    ['\u0000\u0001\u0002', 'unknown'],
    [' '.repeat(4000), 'unknown'],
  ])
  for (const [line, verb] of expected)
    assert.equal(parseSmtpCommand(line).verb, verb, JSON.stringify(line.slice(0, 40)))
})

test('a hostile line takes no longer than its length', () => {
  const startedAt = performance.now()
  for (const filling of [' a'.repeat(2000), '"'.repeat(4000), '\\"'.repeat(2000), '<'.repeat(4000)]) {
    parseSmtpCommand(`RCPT TO:<${filling}`)
    parseSmtpCommand(`RCPT TO:<a@x.example>${filling}`)
  }
  assert.ok(performance.now() - startedAt < 500)
})
