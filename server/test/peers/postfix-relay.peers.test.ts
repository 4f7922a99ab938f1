import assert from 'node:assert/strict'
import { test } from 'node:test'
import { freePorts } from '#roles/free-ports.ts'
import { waitFor } from '@pigeon/server/test/wait-for.ts'
import { captureMessage, startCountingSinks } from './counting-sinks.ts'
import { startPostfixRelay } from './postfix-relay.ts'
import { createSigningKey, signatureBits } from './signing-key.ts'
import { sendFromSource } from './smtp-source.ts'

const ADDRESS = '127.20.91.1'
const MESSAGES = 50

test('Postfix with OpenDKIM relays each message once, with a signature of RSA-2048', async (t) => {
  const [port = 0] = await freePorts(1)
  const key = createSigningKey('news.example')
  const relay = await startPostfixRelay(t, { address: ADDRESS, port }, key)
  const send = (messages: number): Promise<void> =>
    sendFromSource({
      port: relay.port,
      from: 'news@news.example',
      to: 'reader@inbox.example',
      messages,
      octets: 2_000,
      sessions: 5,
    })
  const message = await captureMessage(ADDRESS, port, () => send(1))
  assert.equal(signatureBits(message), 2048)
  assert.match(message, /^From: <news@news\.example>$/m)
  const sinks = await startCountingSinks([ADDRESS], port)
  t.after(sinks.stop)
  await send(MESSAGES)
  await waitFor('every message at the sink', async () => (await sinks.counts()).received === MESSAGES, 60_000)
})
