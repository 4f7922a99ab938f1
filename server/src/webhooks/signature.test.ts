import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Webhook } from 'standardwebhooks'
import { newSecret, signatureOf } from './signature.ts'

const timestamp = Math.floor(Date.now() / 1000)
const body = '{"event":"email.delivered","data":{"email":"ü@example.com"}}'

function headersOf(secrets: readonly string[]) {
  return {
    'webhook-id': 'msg_1',
    'webhook-timestamp': String(timestamp),
    'webhook-signature': signatureOf(secrets, { id: 'msg_1', timestamp, body }),
  }
}

test('the library of Standard Webhooks verifies what is signed, and nothing that was changed', () => {
  const secret = newSecret()
  const verifier = new Webhook(secret)
  assert.deepEqual(verifier.verify(body, headersOf([secret])), JSON.parse(body))
  assert.throws(() => verifier.verify(`${body} `, headersOf([secret])))
  assert.throws(() => verifier.verify(body, { ...headersOf([secret]), 'webhook-id': 'msg_2' }))
  assert.throws(() => new Webhook(newSecret()).verify(body, headersOf([secret])))
})

test('while a secret is exchanged, receivers that know either of the two accept', () => {
  const [next, before] = [newSecret(), newSecret()]
  for (const secret of [next, before])
    assert.deepEqual(new Webhook(secret).verify(body, headersOf([next, before])), JSON.parse(body))
})
