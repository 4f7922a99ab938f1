import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTranscript, MAX_TRANSCRIPT_CHARS } from './transcript.ts'

test('replies of several lines are shown as they came', () => {
  const transcript = createTranscript()
  transcript.client('EHLO me.example')
  transcript.server({ code: 250, lines: ['mx.example', 'PIPELINING'], text: 'mx.example PIPELINING' })
  transcript.remark('TLS is on')
  assert.equal(transcript.text(), 'C: EHLO me.example\nS: 250-mx.example\nS: 250 PIPELINING\n* TLS is on\n')
})

test('it is bounded, line and whole, and says where it was cut', () => {
  const transcript = createTranscript()
  transcript.client('x'.repeat(100_000))
  assert.ok(transcript.text().length < 1_100)
  for (let i = 0; i < 1_000; i += 1) transcript.client('y'.repeat(100))
  assert.ok(transcript.text().length <= MAX_TRANSCRIPT_CHARS + 20)
  assert.match(transcript.text(), /\* \(cut here\)\n$/)
})
