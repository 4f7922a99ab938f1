import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseEntry, readFeedbackId, readWantedFields } from './mail-entry.ts'

const wanted = (text: string) => readWantedFields(Buffer.from(text))

test('fields are found in any case, unfolded, and only in the header section', () => {
  const fields = wanted(
    'From: a@x.example\r\nMESSAGE-ID:\r\n <1@x.example>\r\nsubject: Hello\r\n\tagain\r\nFeedback-ID: c:t:n:pigeon\r\n\r\nSubject: not this\r\n',
  )
  assert.deepEqual(fields, { messageId: '<1@x.example>', subject: 'Hello again', feedbackId: 'c:t:n:pigeon' })
})

test('the first of two fields counts, and names that only begin alike do not', () => {
  assert.equal(wanted('Subject: one\r\nSubject: two\r\n\r\n').subject, 'one')
  assert.equal(wanted('Subjective: no\r\nX-Subject: no\r\nSubject : no\r\n\r\n').subject, undefined)
})

test('junk has no fields and does not throw', () => {
  for (const junk of ['', '\r\n', '\n\n\n', 'Subject', ':', '\u0000'.repeat(1000), 'x'.repeat(100_000)]) {
    assert.deepEqual(wanted(junk), { messageId: undefined, subject: undefined, feedbackId: undefined })
  }
})

test('Feedback-ID names campaign and tenant when it has four parts', () => {
  assert.deepEqual(readFeedbackId('camp-1:ten-1:newsletter:pigeon'), { campaign: 'camp-1', tenant: 'ten-1' })
  assert.deepEqual(readFeedbackId(' :ten-1: transactional :pigeon'), { campaign: null, tenant: 'ten-1' })
  for (const other of [undefined, '', 'a:b:c', 'a:b:c:d:e'])
    assert.deepEqual(readFeedbackId(other), { campaign: null, tenant: null })
})

test('a torn or foreign line is no entry', () => {
  for (const line of ['', '{', '{"sequence":1}', 'null', '[]', '{"sequence":"1"'])
    assert.equal(parseEntry(line), undefined)
})
