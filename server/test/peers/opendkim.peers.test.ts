import assert from 'node:assert/strict'
import { createPrivateKey } from 'node:crypto'
import { test } from 'node:test'
import { dkimTxtRecord, generateDkimKeys } from '@pigeon/mail/dkim-keys.ts'
import { createDkimSigner } from '@pigeon/mail/dkim.ts'
import { buildMessage } from '@pigeon/mail/mime.ts'
import { newsletter, SCRIPTS } from '@pigeon/mail/sample-messages.ts'
import { openDkim } from './opendkim.ts'

const pairs = await generateDkimKeys()
const RECORDS = new Map([
  ['r1._domainkey.example.com', dkimTxtRecord(pairs.rsa.publicKey)],
  ['e1._domainkey.example.com', dkimTxtRecord(pairs.ed25519.publicKey)],
])
const signer = createDkimSigner({
  domain: 'example.com',
  keys: [
    { selector: 'r1', algorithm: 'rsa-sha256', privateKey: createPrivateKey(pairs.rsa.privateKey) },
    { selector: 'e1', algorithm: 'ed25519-sha256', privateKey: createPrivateKey(pairs.ed25519.privateKey) },
  ],
})

function signed(message: Buffer): Buffer {
  const header = signer.sign(message, { timestampSeconds: Math.floor(Date.now() / 1000) })
  return Buffer.concat([Buffer.from(header, 'latin1'), message])
}

function samples(): Buffer[] {
  const letter = newsletter()
  const texts = SCRIPTS.map(({ name, subject, body }) => {
    const from = { name, email: 'news@example.com' }
    return buildMessage({ ...letter, from, subject, text: body, html: `<p>${body}</p>` })
  })
  return [buildMessage(letter), ...texts]
}

function replaced(message: Buffer, from: string, to: string): Buffer {
  const text = message.toString('latin1')
  assert.ok(text.includes(from), `${from} is in the message`)
  return Buffer.from(text.replace(from, to), 'latin1')
}

test('OpenDKIM verifies both signatures of messages in five scripts', async (t) => {
  const dkim = await openDkim(t, RECORDS)
  const expected = [
    { selector: 'r1', algorithm: 'rsa-sha256', result: 'pass' },
    { selector: 'e1', algorithm: 'ed25519-sha256', result: 'pass' },
  ].filter((one) => dkim.algorithms.includes(one.algorithm))
  assert.ok(expected.length > 0)
  if (expected.length === 1) t.diagnostic('This OpenDKIM does not know Ed25519: only RSA was verified.')
  for (const message of samples()) {
    const found = await dkim.verify(signed(message))
    assert.deepEqual(
      found.filter((one) => dkim.algorithms.includes(one.algorithm)),
      expected,
    )
  }
})

test('OpenDKIM refuses a changed body, a changed subject, a second From, and a key of somebody else', async (t) => {
  const dkim = await openDkim(t, RECORDS)
  const message = signed(buildMessage(newsletter()))
  const forgeries = [
    replaced(message, 'three new pieces arrived', 'four new pieces arrived'),
    replaced(message, 'Subject: Three', 'Subject: Four'),
    replaced(message, 'Subject: ', 'From: ceo@example.com\r\nSubject: '),
    replaced(message, 'List-Unsubscribe-Post: List', 'List-Unsubscribe-Post: Last'),
  ]
  for (const [n, forgery] of forgeries.entries()) {
    const found = await dkim.verify(forgery)
    assert.equal(found.length, 2)
    assert.ok(
      found.every((one) => one.result !== 'pass'),
      `forgery ${n}: ${JSON.stringify(found)}`,
    )
  }
  const others = await generateDkimKeys()
  const stranger = await openDkim(
    t,
    new Map([
      ['r1._domainkey.example.com', dkimTxtRecord(others.rsa.publicKey)],
      ['e1._domainkey.example.com', dkimTxtRecord(others.ed25519.publicKey)],
    ]),
  )
  assert.ok((await stranger.verify(message)).every((one) => one.result !== 'pass'))
})
