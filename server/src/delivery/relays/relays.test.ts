import { lookup } from 'node:dns'
import type { TestContext } from 'node:test'
import { DIALECTS, GMAIL_TOKEN, readMime, type Dialect } from '@pigeon/server/test/relay-dialects.ts'
import {
  closedPort,
  startScriptedApi,
  startSilentServer,
  type ApiStep,
} from '@pigeon/server/test/scripted-api.ts'
import {
  createTestCertificate,
  startScriptedSmtp,
  type ScriptedAnswer,
} from '@pigeon/server/test/scripted-smtp.ts'
import { RFC_5321_TIMEOUTS } from '#delivery/transport/transport.ts'
import { createSmtpPool } from '#delivery/transport/smtp-pool.ts'
import { systemClock } from '#platform/clock.ts'
import { createRelay, type RelayDeps } from './create-relay.ts'
import { relayConformance, type RelayBehaviour, type RelayUnderTest } from './relay.conformance.ts'
import type { RelayAlert } from './relay.ts'

const LONG_MS = 30_000
/** For the step that is meant to end in a time-out; the message must have arrived by then. */
const STALL_MS = 1_500
/** The same, where nothing has to happen before. */
const MUTE_MS = 200
const certificate = createTestCertificate('localhost')

function timeoutsFor(behaviour: RelayBehaviour) {
  return {
    connectMs: behaviour === 'mute' ? MUTE_MS : LONG_MS,
    blockMs: LONG_MS,
    answerMs: behaviour === 'stall' ? STALL_MS : LONG_MS,
  }
}

function smtpPool(t: TestContext, behaviour: RelayBehaviour): RelayDeps['smtp'] {
  const pool = createSmtpPool({
    clock: systemClock,
    timeouts: {
      ...RFC_5321_TIMEOUTS,
      bannerMs: behaviour === 'mute' ? MUTE_MS : LONG_MS,
      dotMs: behaviour === 'stall' ? STALL_MS : LONG_MS,
    },
    defaults: { maxConnections: 3, maxMessagesPerConnection: 100, connectionRates: [], idleMs: 5_000 },
    maxConnections: 10,
    maxWaitMs: LONG_MS,
    backOffBaseMs: 50,
    backOffMaxMs: 100,
  })
  t.after(() => pool.close(0))
  return pool
}

function depsFor(t: TestContext, behaviour: RelayBehaviour, alerts: RelayAlert[]): RelayDeps {
  return {
    clock: systemClock,
    timeouts: timeoutsFor(behaviour),
    alert: (alert) => void alerts.push(alert),
    smtp: smtpPool(t, behaviour),
    accessTokenOf: () => async () => GMAIL_TOKEN,
    allowPrivate: true,
    ca: certificate.cert,
    lookup: (_host, how, callback) => lookup('127.0.0.1', how, callback),
  }
}

async function openApi(
  t: TestContext,
  dialect: Dialect,
  behave: (n: number) => RelayBehaviour,
): Promise<RelayUnderTest> {
  const alerts: RelayAlert[] = []
  const first = behave(1)
  const api = await startScriptedApi({
    tls: certificate,
    answer(request, n): ApiStep {
      try {
        dialect.check(request)
      } catch (error) {
        return { status: 400, body: `not let in: ${String(error)}` }
      }
      return stepOf(dialect, behave(n), n)
    },
  })
  const silent = await startSilentServer()
  const port = first === 'mute' ? silent.port : first === 'closed' ? await closedPort() : api.port
  const relay = createRelay(depsFor(t, first, alerts), dialect.config(`https://localhost:${port}`))
  t.after(async () => {
    await relay.close(0)
    await silent.close()
    await api.close()
  })
  return {
    relay,
    alerts,
    secret: dialect.secret,
    asked: () => api.requests.length,
    whole: () => api.requests.length,
    received: () => Promise.all(api.requests.map(dialect.read)),
  }
}

function stepOf(dialect: Dialect, behaviour: RelayBehaviour, n: number): ApiStep {
  switch (behaviour) {
    case 'refuse':
      return dialect.refused
    case 'limit':
      return dialect.limited(new Date())
    case 'fail':
      return dialect.failed
    case 'deny':
      return dialect.denied
    case 'cut':
    case 'stall':
      return behaviour
    default:
      return dialect.accepted(`relay-id-${n}`)
  }
}

const SMTP_PASSWORD = 'password-of-postfix'

async function openSmarthost(t: TestContext, behave: (n: number) => RelayBehaviour): Promise<RelayUnderTest> {
  const alerts: RelayAlert[] = []
  let mails = 0
  let whole = 0
  const smtp = await startScriptedSmtp({
    tls: certificate,
    extensions: ['PIPELINING', 'STARTTLS', '8BITMIME', 'AUTH PLAIN'],
    answer(event): ScriptedAnswer {
      if (event.verb === 'BANNER') return behave(1) === 'mute' ? { do: 'stall' } : undefined
      if (event.verb === 'MAIL') mails += 1
      const behaviour = behave(mails)
      if (event.verb === 'MAIL') return mailAnswer(behaviour)
      if (event.verb === 'RCPT' && behaviour === 'refuse') return '550 5.1.1 No such user here\r\n'
      if (event.verb !== 'CONTENT') return undefined
      whole += 1
      if (behaviour === 'cut') return { do: 'cut' }
      if (behaviour === 'stall') return { do: 'stall' }
      return `250 2.0.0 Ok: queued as relay-id-${mails}\r\n`
    },
  })
  const first = behave(1)
  const port = first === 'closed' ? await closedPort() : smtp.port
  const relay = createRelay(depsFor(t, first, alerts), {
    kind: 'smarthost',
    name: 'postfix',
    host: 'localhost',
    port,
    tls: 'required',
    username: 'pigeon',
    password: SMTP_PASSWORD,
  })
  t.after(async () => {
    await relay.close(0)
    await smtp.close()
  })
  return {
    relay,
    alerts,
    secret: SMTP_PASSWORD,
    asked: () => mails,
    whole: () => whole,
    received: () =>
      Promise.all(
        smtp.accepted.map(async ({ rcptTo, content }) => ({
          ...(await readMime(Buffer.from(content, 'latin1'))),
          rcptTo: rcptTo.join(),
        })),
      ),
  }
}

function mailAnswer(behaviour: RelayBehaviour): ScriptedAnswer {
  if (behaviour === 'deny') return '530 5.7.0 Authentication required\r\n'
  if (behaviour === 'limit') return '451 4.7.1 Too many messages, come back later\r\n'
  return behaviour === 'fail' ? '451 4.3.0 Queue file write error\r\n' : undefined
}

for (const dialect of DIALECTS) {
  const { kind } = dialect.config('https://localhost')
  relayConformance(kind, {
    open: (t, behave) => openApi(t, dialect, behave),
    // SES says only that the rate was exceeded.
    saysWhen: kind !== 'ses',
  })
}
relayConformance('smarthost', { open: openSmarthost, saysWhen: false })
