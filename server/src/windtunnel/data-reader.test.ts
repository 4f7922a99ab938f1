import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createDataReader, undoDotStuffing } from './data-reader.ts'

const WIRE =
  'Subject: x\r\n\r\n..one dot\r\n...\r\nbare\n.\nfeeds\n.\r\nend\r\n.\r\nMAIL FROM:<a@b.example>\r\n'
const CONTENT = 'Subject: x\r\n\r\n.one dot\r\n..\r\nbare\n.\nfeeds\n.\r\nend\r\n'
const REST = 'MAIL FROM:<a@b.example>\r\n'

function read(chunks: readonly string[], maxBytes = 1000): { content: string | undefined; rest: string } {
  const reader = createDataReader(maxBytes)
  let rest = ''
  let isDone = false
  for (const chunk of chunks) {
    if (isDone) {
      rest += chunk
      continue
    }
    const progress = reader.push(Buffer.from(chunk, 'latin1'))
    if (!progress.done) continue
    isDone = true
    rest = progress.rest.toString('latin1')
  }
  assert.ok(isDone, 'the end was not found')
  return { content: reader.content()?.toString('latin1'), rest }
}

test('data ends at CRLF dot CRLF wherever the chunks are cut in two', () => {
  for (let cut = 0; cut <= WIRE.length; cut++) {
    assert.deepEqual(
      read([WIRE.slice(0, cut), WIRE.slice(cut)]),
      { content: CONTENT, rest: REST },
      `cut at ${cut}`,
    )
  }
})

test('data ends at CRLF dot CRLF for every size of chunks', () => {
  for (let size = 1; size <= 9; size++) {
    const chunks = WIRE.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? []
    assert.deepEqual(read(chunks), { content: CONTENT, rest: REST }, `chunks of ${size}`)
  }
})

test('a message may be empty', () => {
  assert.deepEqual(read(['.\r\n']), { content: '', rest: '' })
  assert.deepEqual(read(['.', '\r', '\n', 'QUIT\r\n']), { content: '', rest: 'QUIT\r\n' })
})

test('no bare line feed or bare carriage return around the dot ends the data', () => {
  for (const smuggled of ['\n.\n', '\n.\r\n', '\r\n.\n', '\r.\r', '\r\n.\r', '\r.\r\n']) {
    const { content, rest } = read([`a${smuggled}MAIL FROM:<x@y.example>\r\n.\r\n`])
    assert.match(content ?? '', /MAIL FROM/)
    assert.equal(rest, '')
  }
})

test('a message above the limit is read to its end and not kept', () => {
  assert.deepEqual(read(['x'.repeat(600), 'x'.repeat(600), '\r\n.\r\nQUIT\r\n']), {
    content: undefined,
    rest: 'QUIT\r\n',
  })
  assert.equal(read([`${'x'.repeat(998)}\r\n.\r\n`]).content?.length, 1000)
  assert.equal(read([`${'x'.repeat(999)}\r\n.\r\n`]).content, undefined)
})

test('one dot is taken from lines that begin with one and from no others', () => {
  const undo = (text: string) => undoDotStuffing(Buffer.from(text)).toString()
  assert.equal(undo('..\r\n'), '.\r\n')
  assert.equal(undo('a.b\r\n..\r\n.c\r\n'), 'a.b\r\n.\r\nc\r\n')
  assert.equal(undo('\r\n...'), '\r\n..')
  assert.equal(undo('no dots'), 'no dots')
})
