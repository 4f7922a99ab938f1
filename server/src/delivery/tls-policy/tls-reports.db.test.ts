/** From counted sessions to a report that arrives, by mail and by HTTPS on loopback. */
import assert from 'node:assert/strict'
import { createPrivateKey } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { sql } from 'kysely'
import { generateDkimKeys } from '@pigeon/mail/dkim-keys.ts'
import { testDatabase, type TestDatabase } from '@pigeon/server/test/database.ts'
import { record, startFakeDns, type FakeDns } from '@pigeon/server/test/fake-dns.ts'
import { manualClock, type ManualClock } from '@pigeon/server/test/manual-clock.ts'
import { startPolicyServer, type PolicyServer } from '@pigeon/server/test/policy-server.ts'
import { startScriptedSmtp, type ScriptedSmtp } from '@pigeon/server/test/scripted-smtp.ts'
import { createTestAuthority } from '@pigeon/server/test/test-certificates.ts'
import { createMailRoutes, type ModeRoute } from '#delivery/mail-routes.ts'
import { createSmtpPool } from '#delivery/transport/smtp-pool.ts'
import type { TlsFailure, TlsTry } from '#delivery/transport/tls-rule.ts'
import { RFC_5321_TIMEOUTS } from '#delivery/transport/transport.ts'
import { systemClock } from '#platform/clock.ts'
import { createLog } from '#platform/log.ts'
import { createReportSender } from './send-report.ts'
import { decideTls, type TlsDecision } from './tls-decision.ts'
import { dnsClientOf } from './tls-policies.ts'
import { deleteOldTlsReports, tlsReportStep, type TlsReportDeps } from './tls-reports.ts'
import { createTlsSessions } from './tls-sessions.ts'

const authority = createTestAuthority()
const log = createLog({ level: 'silent', role: 'test' })
const DAY_MS = 86_400_000
const { mx, a, txt } = record

interface World {
  readonly database: TestDatabase
  readonly dns: FakeDns
  readonly https: PolicyServer
  readonly smtp: ScriptedSmtp
  readonly clock: ManualClock
  readonly deps: TlsReportDeps
  /** Asks the domain's record to name these addresses. */
  want(domain: string, rua: string): void
  /** Lets `count` do its counting, and stores it. */
  counted(count: (sessions: ReturnType<typeof createTlsSessions>) => void): Promise<void>
  reports(): Promise<
    { domain: string; state: string; sent_to: string | null; error: string | null; attempts: number }[]
  >
}

async function world(t: TestContext): Promise<World> {
  const database = await testDatabase(t)
  const clock = manualClock(new Date('2026-02-01T15:00:00Z'))
  const https = await startPolicyServer(
    t,
    authority.issue(['reports.example']),
    (response) => void response.writeHead(201).end(),
  )
  const smtp = await startScriptedSmtp()
  t.after(() => smtp.close())
  const dns = await startFakeDns(t, {
    'A reports.example': [a('reports.example', '127.0.0.1')],
    'MX inbox.example': [mx('inbox.example', 10, 'mx.inbox.example')],
    'A mx.inbox.example': [a('mx.inbox.example', '127.0.0.1')],
  })
  const route: ModeRoute = { dnsServers: [dns.server], port: smtp.port, allowPrivate: true, dnssec: false }
  const deps = {
    db: database.engine,
    clock,
    log,
    modes: ['live'] as const,
    dns: { live: dnsClientOf(route, systemClock), sandbox: dnsClientOf(route, systemClock) },
    send: await sender(t, route),
    by: { organization: 'Sender', contact: 'tls@sender.example' },
  }
  return {
    database,
    dns,
    https,
    smtp,
    clock,
    deps,
    want: (domain, rua) => {
      const name = `_smtp._tls.${domain}`
      dns.zone.set(`TXT ${name}`, [txt(name, `v=TLSRPTv1; rua=${rua}`)])
    },
    counted: async (count) => {
      const sessions = createTlsSessions({ db: database.engine, clock, log, modes: ['live'] })
      count(sessions)
      await sessions.run(AbortSignal.abort())
    },
    reports: async () => {
      const found = await sql<Awaited<ReturnType<World['reports']>>[number]>`
        select domain, state, sent_to, error, attempts from tls_reports order by domain`.execute(
        database.engine,
      )
      return found.rows
    },
  }
}

async function sender(t: TestContext, route: ModeRoute) {
  const transport = createSmtpPool({
    clock: systemClock,
    timeouts: { ...RFC_5321_TIMEOUTS, quitMs: 1_000 },
    defaults: { maxConnections: 5, maxMessagesPerConnection: 100, connectionRates: [], idleMs: 10_000 },
    maxConnections: 10,
    maxWaitMs: 30_000,
    backOffBaseMs: 50,
    backOffMaxMs: 100,
  })
  t.after(() => transport.close(0))
  const { ed25519 } = await generateDkimKeys()
  const privateKey = createPrivateKey(ed25519.privateKey)
  const keys = [{ selector: 's', algorithm: 'ed25519-sha256' as const, privateKey }]
  const way = { client: dnsClientOf(route, systemClock), allowPrivate: true, ca: authority.cert }
  return createReportSender({
    clock: systemClock,
    routes: createMailRoutes({ clock: systemClock }, { live: route, sandbox: route }),
    transport,
    loadKeys: () => Promise.resolve({ domain: 'sender.example', keys }),
    https: { live: way, sandbox: way },
    settings: {
      organization: 'Sender',
      from: 'tls@sender.example',
      ehloName: 'mail.sender.example',
      tls: 'opportunistic',
    },
  })
}

function decision(domain: string, mode: 'enforce' | 'testing' = 'enforce'): TlsDecision {
  const hosts = [{ name: `mx.${domain}`, priority: 1, addresses: ['192.0.2.25'] }]
  const policy = { mode, mx: [`mx.${domain}`], maxAgeSeconds: 86_400 }
  return decideTls({ domain, hosts, dane: new Map(), sts: { kind: 'policy', id: '1', policy } })
}

function attempt(failure: TlsFailure | null = null): TlsTry {
  const at = { mxHost: 'mx.shop.example', mxAddress: '192.0.2.25', sendingIp: '192.0.2.1' }
  return { ...at, protocol: 'TLSv1.3', cipher: 'X', isProven: failure === null, failure }
}

const untrusted: TlsFailure = {
  type: 'certificate-not-trusted',
  reason: 'DEPTH_ZERO_SELF_SIGNED_CERT',
  text: 'no',
}

/** Each step at a later time, until nothing is left to do. */
async function untilQuiet(one: World): Promise<void> {
  await one.clock.advance(DAY_MS)
  await tlsReportStep(one.deps)
  await one.clock.advance(4 * 3_600_000)
  await tlsReportStep(one.deps)
}

test('a domain that asks for reports gets one about the day, by HTTPS', async (t) => {
  const one = await world(t)
  const bodies: Buffer[] = []
  one.https.answer = (response) => {
    response.req.on('data', (chunk: Buffer) => bodies.push(chunk))
    response.req.on('end', () => void response.writeHead(200).end())
  }
  one.want('shop.example', 'https://reports.example:' + one.https.port + '/tls')
  await one.counted((sessions) => {
    sessions.tried('live', decision('shop.example'), [attempt()])
    sessions.tried('live', decision('shop.example'), [attempt(untrusted)])
  })
  await tlsReportStep(one.deps)
  assert.deepEqual(await one.reports(), [], 'the day is not over')
  await untilQuiet(one)
  await untilQuiet(one)
  const [report] = await one.reports()
  assert.equal(report?.state, 'sent', report?.error ?? '')
  assert.deepEqual(one.https.asked, ['reports.example /tls'])
  const read: unknown = JSON.parse(gunzipSync(Buffer.concat(bodies)).toString())
  assert.ok(typeof read === 'object' && read !== null && 'report-id' in read && 'policies' in read)
  assert.deepEqual(
    { ...read, 'report-id': '' },
    {
      'organization-name': 'Sender',
      'date-range': { 'start-datetime': '2026-02-01T00:00:00Z', 'end-datetime': '2026-02-01T23:59:59Z' },
      'contact-info': 'tls@sender.example',
      'report-id': '',
      policies: [
        {
          policy: {
            'policy-type': 'sts',
            'policy-string': ['version: STSv1', 'mode: enforce', 'mx: mx.shop.example', 'max_age: 86400'],
            'policy-domain': 'shop.example',
            'mx-host': ['mx.shop.example'],
          },
          summary: { 'total-successful-session-count': 1, 'total-failure-session-count': 1 },
          'failure-details': [
            {
              'result-type': 'certificate-not-trusted',
              'sending-mta-ip': '192.0.2.1',
              'receiving-mx-hostname': 'mx.shop.example',
              'receiving-ip': '192.0.2.25',
              'failed-session-count': 1,
              'failure-reason-code': 'DEPTH_ZERO_SELF_SIGNED_CERT',
            },
          ],
        },
      ],
    },
  )
})

test('a report goes by signed mail, and to the next address when the first does not take it', async (t) => {
  const one = await world(t)
  one.https.answer = (response) => void response.writeHead(503).end()
  one.want('shop.example', `https://reports.example:${one.https.port}/,mailto:tls@inbox.example`)
  await one.counted((sessions) => sessions.tried('live', decision('shop.example'), [attempt()]))
  await untilQuiet(one)
  const [report] = await one.reports()
  assert.deepEqual([report?.state, report?.sent_to], ['sent', 'mailto:tls@inbox.example'])
  const [mail] = one.smtp.accepted
  assert.deepEqual([mail?.mailFrom, mail?.rcptTo], ['tls@sender.example', ['tls@inbox.example']])
  assert.match(mail?.content ?? '', /^DKIM-Signature: v=1; a=ed25519-sha256; [^]*d=sender\.example;/)
  assert.match(mail?.content ?? '', /\r\nTLS-Report-Domain: shop\.example\r\n/)
})

test('a domain that asks for none gets none, and is asked once', async (t) => {
  const one = await world(t)
  await one.counted((sessions) => sessions.tried('live', decision('shop.example'), [attempt()]))
  await untilQuiet(one)
  await tlsReportStep(one.deps)
  assert.deepEqual(
    (await one.reports()).map((each) => each.state),
    ['unwanted'],
  )
  assert.equal(one.dns.asked.filter((name) => name === 'TXT _smtp._tls.shop.example').length, 1)
})

test('a report that is not taken is tried for about a day and then given up', async (t) => {
  const one = await world(t)
  one.https.answer = (response) => void response.writeHead(500).end()
  one.want('shop.example', `https://reports.example:${one.https.port}/`)
  await one.counted((sessions) => sessions.tried('live', decision('shop.example'), [attempt()]))
  await untilQuiet(one)
  let passedMs = 0
  while ((await one.reports())[0]?.state === 'waiting' && passedMs < 5 * DAY_MS) {
    await one.clock.advance(900_000)
    passedMs += 900_000
    await tlsReportStep(one.deps)
  }
  const [report] = await one.reports()
  assert.deepEqual([report?.state, report?.attempts], ['failed', 8])
  assert.match(report?.error ?? '', /answered with 500/)
  assert.equal(one.https.asked.length, 8)
})

test('reports are kept for a quarter of a year, and what was counted until it is reported', async (t) => {
  const one = await world(t)
  one.want('shop.example', `https://reports.example:${one.https.port}/`)
  const counts = async (): Promise<number> => {
    const found = await sql<{ n: number }>`select count(*)::int as n from tls_session_counts`.execute(
      one.database.engine,
    )
    return found.rows[0]?.n ?? -1
  }
  await one.counted((sessions) => {
    sessions.tried('live', decision('shop.example'), [attempt()])
    sessions.tried('live', decision('silent.example'), [attempt()])
  })
  assert.equal(await counts(), 2)
  await untilQuiet(one)
  assert.equal(await counts(), 0)
  await one.counted((sessions) => sessions.tried('live', decision('never.example'), [attempt()]))
  await one.clock.advance(6 * DAY_MS)
  await deleteOldTlsReports(one.deps)
  assert.deepEqual(
    (await one.reports()).map((each) => each.domain),
    ['shop.example'],
  )
  assert.equal(await counts(), 0)
  await one.clock.advance(90 * DAY_MS)
  await deleteOldTlsReports(one.deps)
  assert.deepEqual(await one.reports(), [])
})

test('several processes send one report', async (t) => {
  const one = await world(t)
  const domains = Array.from({ length: 8 }, (_, i) => `d${i}.example`)
  for (const domain of domains) one.want(domain, `https://reports.example:${one.https.port}/${domain}`)
  await one.counted((sessions) => {
    for (const domain of domains) sessions.tried('live', decision(domain), [attempt()])
  })
  await one.clock.advance(DAY_MS)
  await Promise.all([tlsReportStep(one.deps), tlsReportStep(one.deps), tlsReportStep(one.deps)])
  await one.clock.advance(4 * 3_600_000)
  await Promise.all([tlsReportStep(one.deps), tlsReportStep(one.deps), tlsReportStep(one.deps)])
  assert.deepEqual(
    one.https.asked.toSorted(),
    domains.map((domain) => `reports.example /${domain}`),
  )
})

test('nothing in a private network is posted to', async (t) => {
  const one = await world(t)
  const client = one.deps.dns.live
  const way = { client, allowPrivate: false, ca: authority.cert }
  const send = createReportSender({
    clock: systemClock,
    routes: createMailRoutes({ clock: systemClock }, { live: route(one), sandbox: route(one) }),
    transport: {
      send: () => Promise.reject(new Error('no mail')),
      limit: () => undefined,
      connections: () => 0,
      close: () => Promise.resolve(),
    },
    loadKeys: () => Promise.resolve(undefined),
    https: { live: way, sandbox: way },
    settings: { organization: 'Sender', from: 'tls@sender.example', ehloName: 'x.example', tls: 'none' },
  })
  const report = {
    mode: 'live',
    day: '2026-02-01',
    domain: 'x.example',
    reportId: 'x',
    body: Buffer.from('x'),
  } as const
  const { port } = one.https
  for (const url of [
    `https://reports.example:${port}/`,
    `https://127.0.0.1:${port}/`,
    `https://[::1]:${port}/`,
  ]) {
    assert.match(
      (await send({ kind: 'https', url }, report, AbortSignal.timeout(20_000))) ?? '',
      /no address/,
    )
  }
  assert.deepEqual(one.https.asked, [])
  const mailed = await send(
    { kind: 'mailto', address: 'a@inbox.example' },
    report,
    AbortSignal.timeout(20_000),
  )
  assert.match(mailed ?? '', /not verified here/)
})

function route(one: World): ModeRoute {
  return { dnsServers: [one.dns.server], port: one.smtp.port, allowPrivate: true, dnssec: false }
}
