/** The pool against Postfix's own test receiver: nobody is lost at speed, and nothing is left open. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildMessage } from '@pigeon/mail/mime.ts'
import { newsletter } from '@pigeon/mail/sample-messages.ts'
import { dotStuff } from '@pigeon/mail/smtp-data.ts'
import { startPostfixSmtpSink } from '@pigeon/server/test/peers/postfix-smtp-sink.ts'
import { waitFor } from '@pigeon/server/test/wait-for.ts'
import { systemClock } from '#platform/clock.ts'
import { createSmtpPool } from './smtp-pool.ts'
import { RFC_5321_TIMEOUTS, type SendRoute } from './transport.ts'

const MESSAGES = 5_000
const CONNECTIONS = 20
const CLOSING = 5

test('5,000 messages are all taken, pipelined, over the connections allowed, which are closed in the end', async (t) => {
  const sink = await startPostfixSmtpSink(t)
  const pool = createSmtpPool({
    clock: systemClock,
    timeouts: RFC_5321_TIMEOUTS,
    defaults: {
      maxConnections: CONNECTIONS,
      maxMessagesPerConnection: 100,
      connectionRates: [],
      idleMs: 1_000,
    },
    maxConnections: 100,
    maxWaitMs: 120_000,
    backOffBaseMs: 1_000,
    backOffMaxMs: 60_000,
  })
  t.after(() => pool.close(0))
  const route: SendRoute = {
    lane: 'sink',
    hosts: [{ name: 'mx.sink.example', priority: 10, addresses: ['127.0.0.1'] }],
    port: sink.port,
    tls: 'opportunistic',
    ehloName: 'out.example.com',
  }
  const data = dotStuff(buildMessage(newsletter()))
  let dots = 0
  const results = await Promise.all(
    Array.from({ length: MESSAGES }, (_, n) =>
      pool.send(route, {
        mailFrom: `bounces+${n}@example.com`,
        rcptTo: `reader${n}@sink.example`,
        data,
        beforeFinalDot: () => {
          dots += 1
          return Promise.resolve()
        },
      }),
    ),
  )
  const ends = results.map((one) => (one.kind === 'reply' ? `${one.phase} ${one.reply.code}` : one.kind))
  assert.deepEqual([...new Set(ends)], ['dot 250'])
  assert.equal(dots, MESSAGES)
  const busy = sink.traffic()
  // The end of one may be seen after the beginning of the next.
  assert.ok(busy.mostOpen <= CONNECTIONS + CLOSING, `${busy.mostOpen} connections at a time`)
  assert.ok(busy.connections <= MESSAGES / 50, `${busy.connections} connections for ${MESSAGES} messages`)
  assert.ok(busy.pipelined >= MESSAGES / 2, `${busy.pipelined} pipelined packets`)
  await waitFor('idle connections to be closed', () => sink.traffic().open === 0, 15_000)
  await pool.close(1_000)
  assert.equal(await sink.accepted(), MESSAGES)
})
