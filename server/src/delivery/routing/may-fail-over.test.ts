import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RelayAnswer, SendResult } from '#delivery/transport/transport.ts'
import { mayFailOver } from './may-fail-over.ts'

function answer(verdict: RelayAnswer['verdict'], inDoubt = false): SendResult {
  return { kind: 'answer', verdict, class: null, text: '', relayId: null, retryAfterMs: 0, inDoubt }
}

function unsent(reason: Extract<SendResult, { kind: 'unsent' }>['reason']): SendResult {
  return { kind: 'unsent', reason, error: '', retryAfterMs: 0 }
}

function reply(phase: 'mail' | 'dot', code: number, isRelay: boolean): SendResult {
  const said = { code, lines: [''], text: '' }
  return { kind: 'reply', phase, reply: said, ...(isRelay ? { isRelay } : {}) }
}

test('what is in doubt never goes to another source', () => {
  for (const kind of ['broken', 'timeout'] as const) {
    assert.equal(mayFailOver({ kind, phase: 'dot', error: '', dotSent: true }), false)
  }
  assert.equal(mayFailOver(answer('deferred', true)), false)
  assert.equal(mayFailOver(reply('dot', 354, true)), false)
})

test('what was not taken may go to another source', () => {
  assert.equal(mayFailOver({ kind: 'broken', phase: 'connect', error: '', dotSent: false }), true)
  assert.equal(mayFailOver({ kind: 'timeout', phase: 'data', error: '', dotSent: false }), true)
  assert.equal(mayFailOver(answer('deferred')), true)
  for (const reason of ['no_connection', 'limited', 'suspended', 'sender_refused'] as const) {
    assert.equal(mayFailOver(unsent(reason)), true, reason)
  }
  assert.equal(mayFailOver(reply('mail', 451, true)), true)
})

test('what was taken or judged stays where it is', () => {
  for (const verdict of ['sent', 'bounced', 'failed'] as const) {
    assert.equal(mayFailOver(answer(verdict)), false, verdict)
  }
  assert.equal(mayFailOver(reply('dot', 250, true)), false)
  assert.equal(mayFailOver(reply('mail', 550, true)), false)
  for (const reason of ['invalid_envelope', 'journal_failed', 'closing'] as const) {
    assert.equal(mayFailOver(unsent(reason)), false, reason)
  }
})

test('a receiver that says not now is asked again by the retry plan, not over another source', () => {
  assert.equal(mayFailOver(reply('mail', 451, false)), false)
})
