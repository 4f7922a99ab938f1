import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { test, type TestContext } from 'node:test'
import { connect as secure } from 'node:tls'
import { verpAddress } from '@pigeon/mail/verp.ts'
import { startScriptedSmtp } from '@pigeon/server/test/scripted-smtp.ts'
import { waitFor } from '@pigeon/server/test/wait-for.ts'
import { openGate, type Gate } from './gate.ts'
import { createReader, type Reader } from './reader.ts'

const ADDRESS = '127.10.9.30'
const MESSAGE_ID = '01a202db-c3c7-795f-bf2e-de50254fe0ac'
const FROM = verpAddress(Buffer.alloc(32), MESSAGE_ID, 'news.example', 'bounces')
const ENVELOPE = `MAIL FROM:<${FROM}>\r\nRCPT TO:<ann@one.example>\r\nDATA\r\n`

test('a gate offers TLS, passes a conversation on, and knows the message whose dot it has passed', async (t) => {
  const { gate, receiver, sender } = await converse(t)
  await sender.say(ENVELOPE, '354')
  await sender.say('Subject: Hello\r\n\r\nHello\r\n.\r\n', '250')
  assert.deepEqual(
    receiver.accepted.map((each) => each.rcptTo),
    [['ann@one.example']],
  )
  assert.deepEqual(gate.conversations()[0]?.dotted, { messageId: MESSAGE_ID, recipient: 'ann@one.example' })
})

test('what is held at the dot has not reached the receiver, and what is held after it has', async (t) => {
  const { gate, receiver, sender } = await converse(t)
  let taken = 0
  gate.watch({
    moment: 'taken',
    judge: () => {
      taken += 1
      return 'hold'
    },
  })
  await sender.say(ENVELOPE, '354')
  sender.socket.write('Hello\r\n.\r\n')
  await waitFor('the answer of the receiver', () => taken === 1)
  assert.equal(receiver.accepted.length, 1)

  const second = await dial(t, gate, receiver.port)
  gate.watch({ moment: 'dot', judge: () => 'hold' })
  await second.say(ENVELOPE, '354')
  second.socket.write('Hello\r\n.\r\n')
  second.socket.destroy()
  await waitFor('the conversation to end', () => gate.open() === 1)
  assert.equal(receiver.accepted.length, 1, 'the receiver has the first alone')
})

test('a conversation that has just ended is told until it is forgotten', async (t) => {
  const { gate, receiver, sender } = await converse(t)
  const second = await dial(t, gate, receiver.port)
  second.socket.destroy()
  await waitFor('the second conversation to end', () => gate.open() === 1)
  assert.deepEqual([gate.conversations().length, gate.mostOpen()], [2, 2])
  sender.socket.destroy()
  await waitFor('the first conversation to end', () => gate.open() === 0)
  gate.forget()
  assert.deepEqual([gate.conversations().length, gate.mostOpen()], [0, 0])
})

test('replies to final dots beyond the allowance wait, and a reset ends the connection', async (t) => {
  const { gate, receiver, sender } = await converse(t)
  gate.allow(0)
  await sender.say(ENVELOPE, '354')
  sender.socket.write('Hello\r\n.\r\n')
  await waitFor('the message', () => receiver.accepted.length === 1)
  gate.watch({ moment: 'mail', judge: () => 'reset' })
  gate.allow(1)
  assert.match((await sender.reader.reply()) ?? '', /^250/)
  sender.socket.write(ENVELOPE)
  await waitFor('the connection to end', () => sender.socket.destroyed)
  assert.equal(gate.open(), 0)
})

interface Sender {
  readonly socket: Socket
  readonly reader: Reader
  /** Writes this and hears replies until one has the code. */
  say(text: string, code: string): Promise<void>
}

async function converse(t: TestContext) {
  const receiver = await startScriptedSmtp()
  const gate = await openGate({ address: ADDRESS, port: receiver.port, receiver: '127.0.0.1' })
  t.after(async () => {
    await gate.close()
    await receiver.close()
  })
  return { gate, receiver, sender: await dial(t, gate, receiver.port) }
}

/** A conversation as far as EHLO under TLS. */
async function dial(t: TestContext, gate: Gate, port: number): Promise<Sender> {
  const plain = connect({ host: gate.address, port })
  const first = senderOn(plain)
  assert.match((await first.reader.reply()) ?? '', /^220/)
  plain.write('EHLO test.example\r\n')
  assert.match((await first.reader.reply()) ?? '', /^250-test\.example\r\n250-STARTTLS\r\n/)
  await first.say('STARTTLS\r\n', '220')
  plain.removeAllListeners('data')
  const socket = secure({ socket: plain, rejectUnauthorized: false })
  t.after(() => void socket.destroy())
  await once(socket, 'secureConnect')
  const sender = senderOn(socket)
  await sender.say('EHLO test.example\r\n', '250')
  return sender
}

function senderOn(socket: Socket): Sender {
  const reader = createReader()
  socket.on('data', reader.push).on('error', () => {})
  return {
    socket,
    reader,
    say: async (text, code) => {
      socket.write(text)
      for (;;) {
        const reply = await reader.reply()
        if (reply === undefined) throw new Error('The connection has ended.')
        if (reply.startsWith(code)) return
      }
    },
  }
}
