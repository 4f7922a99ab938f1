import assert from 'node:assert/strict'
import { test } from 'node:test'
import { verpAddress } from '@pigeon/mail/verp.ts'
import { addresseesOf } from './addressees.ts'
import { readInboundAddress } from './inbound-address.ts'

const KEYS = { verp: Buffer.alloc(32, 1), unsubscribe: Buffer.alloc(32, 2) }
const PLACES = { domain: undefined, complaintAddresses: new Set<string>(), replyDomains: new Set<string>() }
const MESSAGE = '0195d0e4-7a11-7c3e-8f55-0242ac120002'
const OURS = verpAddress(KEYS.verp, MESSAGE, 'sender.example', 'bounces')
const FORGED = verpAddress(KEYS.unsubscribe, MESSAGE, 'sender.example', 'bounces')

function kinds(text: string): readonly string[] {
  const found = addresseesOf(Buffer.from(text), (address) => readInboundAddress(KEYS, PLACES, address))
  return found.map(({ to }) => ('messageId' in to ? `${to.kind} ${to.messageId}` : to.kind))
}

test('a mail is for the address that any field of its header names, once', () => {
  for (const name of ['Delivered-To', 'X-Original-To', 'Envelope-To', 'To', 'Cc'])
    assert.deepEqual(
      kinds(`${name}: <${OURS}>\r\nTo: "x" <${OURS.toUpperCase()}>\r\n\r\n`),
      [`bounce ${MESSAGE}`],
      name,
    )
})

test('what names no address of ours, or a forged one, is told by what it brings back', () => {
  for (const text of [
    '',
    'To: ann@sender.example\r\n\r\n',
    `To: ${FORGED}\r\n\r\n`,
    `Subject: x\r\n\r\nTo: ${OURS}\r\n`,
  ])
    assert.deepEqual(kinds(text), ['complaints'], text)
})
