import assert from 'node:assert/strict'
import { test } from 'node:test'
import { undoDotStuffing } from './dot-unstuff.ts'
import { dotStuff } from './smtp-data.ts'

for (const [what, message] of [
  ['text without dots', 'Subject: a\r\n\r\nhello\r\n'],
  ['lines that begin with dots', 'Subject: a\r\n\r\n.\r\n..\r\n...end\r\n.\r\n'],
  ['a first line that begins with a dot', '.first\r\n\r\n.\r\n'],
  ['no octet at all', ''],
  ['a dot alone', '.\r\n'],
  ['dots inside lines', 'a.b\r\nc..d\r\n'],
] as const) {
  test(`undoing dot-stuffing gives back ${what}`, () => {
    assert.equal(undoDotStuffing(dotStuff(Buffer.from(message))).toString(), message)
  })
}

test('a last line without its end gets one', () => {
  assert.equal(undoDotStuffing(dotStuff(Buffer.from('a\r\n.b'))).toString(), 'a\r\n.b\r\n')
})

test('random octets come back as they were', () => {
  let seed = 7
  const next = (): number => (seed = (seed * 48_271) % 2_147_483_647)
  for (let round = 0; round < 200; round += 1) {
    const pieces = ['.', '..', '\r\n', 'x', '\r\n.', '\r', '\n']
    const text = Array.from({ length: next() % 40 }, () => pieces[next() % pieces.length]).join('')
    const message = `${text}\r\n`
    assert.equal(undoDotStuffing(dotStuff(Buffer.from(message))).toString(), message)
  }
})

test('data without its final dot is refused: it may be half a message', () => {
  assert.throws(() => undoDotStuffing(Buffer.from('Subject: a\r\n\r\nhel')), { code: 'no_final_dot' })
})
