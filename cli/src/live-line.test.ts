import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bar, createLiveLine } from './live-line.ts'

function recorder(isTTY: boolean, columns: number) {
  const written: string[] = []
  const stream = { isTTY, columns, write: (text: string | Uint8Array) => written.push(String(text)) }
  return { written, stream }
}

test('on a terminal the line is rewritten in place and cut at its width', () => {
  const { written, stream } = recorder(true, 6)
  const line = createLiveLine(stream)
  line.update('one')
  line.update('a longer line')
  line.end()
  assert.deepEqual(written, ['\r\u001b[2Kone', '\r\u001b[2Ka lon', '\r\u001b[2Ka lon', '\n'])
})

test('a terminal of unknown width is taken for 80 columns', () => {
  const { written, stream } = recorder(true, 0)
  createLiveLine(stream).update('whole')
  assert.deepEqual(written, ['\r\u001b[2Kwhole'])
})

test('elsewhere there is a line every five seconds and one at the end', () => {
  const { written, stream } = recorder(false, 0)
  let nowMs = 0
  const line = createLiveLine(stream, () => nowMs)
  line.update('first')
  nowMs = 4_999
  line.update('too soon')
  nowMs = 5_000
  line.update('second')
  line.end('last')
  assert.deepEqual(written, ['first\n', 'second\n', 'last\n'])
})

test('a bar is full at one, empty at zero, and never longer', () => {
  assert.equal(bar(0), '░'.repeat(24))
  assert.equal(bar(1), '█'.repeat(24))
  assert.equal(bar(7), bar(1))
  assert.equal(bar(0.5), '█'.repeat(12) + '░'.repeat(12))
})
