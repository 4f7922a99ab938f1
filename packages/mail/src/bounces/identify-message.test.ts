import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import test from 'node:test'
import { unsubscribeToken } from '@pigeon/mail/token.ts'
import { verpAddress } from '@pigeon/mail/verp.ts'
import { identifyMessage } from './identify-message.ts'
import { readReturnedMail } from './read-returned-mail.ts'
import type { OriginalMessage } from './returned-mail.ts'
import { sampleComplaints } from './sample-complaints.ts'
import { postfix, SAMPLE_ORIGINAL } from './sample-formats.ts'

const KEYS = { verp: Buffer.alloc(32, 1), unsubscribe: Buffer.alloc(32, 2) }
const MESSAGE = '0195d0e4-7a11-7c3e-8f55-0242ac120002'
const TENANT = '0195d0e4-0000-7c3e-8f55-0242ac120009'
const OTHERS = { verp: Buffer.alloc(32, 8), unsubscribe: Buffer.alloc(32, 9) }

function originalOf(text: string): OriginalMessage {
  return readReturnedMail(Buffer.from(text)).original
}

/** A message of ours, signed with these keys, as it comes back. */
function ours(keys: typeof KEYS): string {
  const url = `https://mail.example/u/${unsubscribeToken(keys.unsubscribe, { tenantId: TENANT, messageId: MESSAGE })}`
  return SAMPLE_ORIGINAL.replace(
    'news@sender.example',
    verpAddress(keys.verp, MESSAGE, 'bounce.example'),
  ).concat(`\nList-Unsubscribe: <${url}>`)
}

const REFUSED = [{ recipient: 'a@receiver.example', reply: '550 5.1.1 User unknown' }]

test('the address that a bounce came to names its message, whatever stands in it', () => {
  const address = verpAddress(KEYS.verp, MESSAGE, 'bounce.example').toUpperCase()
  const original = originalOf(postfix(REFUSED))
  assert.deepEqual(identifyMessage(KEYS, original, address), {
    kind: 'message',
    messageId: MESSAGE,
    by: 'verp',
  })
})

test('a collector that does not know the envelope finds the address in the header of the bounce or of the message', () => {
  const inBounce = `Delivered-To: ${verpAddress(KEYS.verp, MESSAGE, 'bounce.example')}\n${postfix(REFUSED)}`
  for (const text of [inBounce, postfix(REFUSED, ours(KEYS))])
    assert.deepEqual(identifyMessage(KEYS, originalOf(text)), {
      kind: 'message',
      messageId: MESSAGE,
      by: 'verp',
    })
})

test('a complaint from which the recipient was removed finds its message by the token of the unsubscribe link', () => {
  for (const text of sampleComplaints(ours(KEYS).replace(/^Return-Path: .*\n/, ''))) {
    assert.deepEqual(identifyMessage(KEYS, originalOf(text)), {
      kind: 'message',
      tenantId: TENANT,
      messageId: MESSAGE,
      by: 'token',
    })
  }
})

test('an address or a token that looks like ours and is not is refused, and nothing else in that mail is believed', () => {
  const forged = verpAddress(OTHERS.verp, MESSAGE, 'bounce.example')
  assert.deepEqual(identifyMessage(KEYS, originalOf(postfix(REFUSED, ours(KEYS))), forged), {
    kind: 'forged',
  })
  assert.deepEqual(identifyMessage(KEYS, originalOf(postfix(REFUSED, ours(OTHERS)))), { kind: 'forged' })
  const tokenOnly = ours(OTHERS).replace(/^Return-Path: .*\n/, '')
  assert.deepEqual(identifyMessage(KEYS, originalOf(postfix(REFUSED, tokenOnly))), { kind: 'forged' })
})

test('without anything that we signed a mail names no message', () => {
  const original = originalOf(postfix(REFUSED))
  assert.equal(original.messageId, `<${MESSAGE}@sender.example>`)
  assert.deepEqual(identifyMessage(KEYS, original, 'bounces+1@sender.example'), { kind: 'unnamed' })
})
