/** From the name of a domain to a message that was taken or kept back: DNS, HTTPS, SMTP and TLS on loopback. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { dotStuff } from '@pigeon/mail/smtp-data.ts'
import { testDatabase } from '@pigeon/server/test/database.ts'
import { record, startFakeDns, type FakeRecords } from '@pigeon/server/test/fake-dns.ts'
import { startPolicyServer } from '@pigeon/server/test/policy-server.ts'
import { startScriptedSmtp, type ScriptedSmtp } from '@pigeon/server/test/scripted-smtp.ts'
import {
  createLoneCertificate,
  createTestAuthority,
  tlsaData,
  type TestCertificate,
} from '@pigeon/server/test/test-certificates.ts'
import { createMailRoutes, type ModeRoute } from '#delivery/mail-routes.ts'
import { createSmtpPool } from '#delivery/transport/smtp-pool.ts'
import { RFC_5321_TIMEOUTS, type SendResult, type SendSession } from '#delivery/transport/transport.ts'
import { systemClock } from '#platform/clock.ts'
import { explainTls } from './explain-tls.ts'
import { refusalOf, type TlsDecision } from './tls-decision.ts'
import { createTlsPolicies } from './tls-policies.ts'

const DOMAIN = 'shop.example'
const authority = createTestAuthority()
const good = authority.issue(['mx.shop.example'])
const lone = createLoneCertificate(['mx.shop.example'])
const { mx, a, txt, tlsa } = record

interface World {
  /** Of mx.shop.example; none: it offers no STARTTLS. */
  readonly certificate?: TestCertificate
  readonly policy?: string
  /** TLSA records of mx.shop.example, or what else its name server says. */
  readonly tlsa?: (port: number) => FakeRecords
  readonly isSigned?: boolean
  readonly dnssec?: boolean
}

interface Outcome {
  readonly decision: TlsDecision
  readonly to: ScriptedSmtp
  readonly result: (SendResult & SendSession) | undefined
  readonly words: string[]
}

/** Sends one message to the domain, as delivery does. */
async function send(t: TestContext, world: World): Promise<Outcome> {
  const { certificate } = world
  const to = await startScriptedSmtp(
    certificate === undefined ? {} : { tls: certificate, extensions: ['PIPELINING', 'STARTTLS'] },
  )
  t.after(() => to.close())
  const https = await startPolicyServer(t, authority.issue([`mta-sts.${DOMAIN}`]), world.policy ?? '')
  const dns = await startFakeDns(t, zoneOf(world, to.port))
  const route: ModeRoute = {
    dnsServers: [dns.server],
    port: to.port,
    allowPrivate: true,
    dnssec: world.dnssec ?? false,
    sts: { port: https.port, ca: authority.cert },
  }
  const settings = { live: route, sandbox: route }
  const answer = await createMailRoutes({ clock: systemClock }, settings).resolve('live', DOMAIN)
  assert.equal(answer.kind, 'hosts')
  if (answer.kind !== 'hosts') throw new Error('no hosts')
  const { engine } = await testDatabase(t)
  const policies = createTlsPolicies({ db: engine, clock: systemClock }, settings)
  const decision = await policies.decide('live', DOMAIN, answer.hosts)
  const result = refusalOf(decision) === undefined ? await deliver(t, to, decision) : undefined
  return { decision, to, result, words: explainTls(decision, result?.tlsTries ?? []) }
}

function zoneOf(world: World, port: number): Record<string, FakeRecords> {
  const signed = (records: FakeRecords): FakeRecords =>
    world.isSigned === true && Array.isArray(records) ? { secure: records } : records
  return {
    [`MX ${DOMAIN}`]: signed([mx(DOMAIN, 10, 'mx.shop.example')]),
    'A mx.shop.example': signed([a('mx.shop.example', '127.0.0.1')]),
    [`TLSA _${port}._tcp.mx.shop.example`]: signed(world.tlsa?.(port) ?? []),
    ...(world.policy === undefined
      ? {}
      : { [`TXT _mta-sts.${DOMAIN}`]: [txt(`_mta-sts.${DOMAIN}`, 'v=STSv1; id=1')] }),
    [`A mta-sts.${DOMAIN}`]: [a(`mta-sts.${DOMAIN}`, '127.0.0.1')],
  }
}

async function deliver(t: TestContext, to: ScriptedSmtp, decision: TlsDecision) {
  const pool = createSmtpPool({
    clock: systemClock,
    timeouts: { ...RFC_5321_TIMEOUTS, quitMs: 1_000 },
    defaults: { maxConnections: 5, maxMessagesPerConnection: 100, connectionRates: [], idleMs: 10_000 },
    maxConnections: 10,
    maxWaitMs: 30_000,
    backOffBaseMs: 50,
    backOffMaxMs: 100,
  })
  t.after(() => pool.close(0))
  return pool.send(
    {
      lane: 'test',
      hosts: decision.hosts,
      port: to.port,
      tls: 'opportunistic',
      tlsRules: decision.rules,
      ehloName: 'client.example',
    },
    {
      mailFrom: 'a@sender.example',
      rcptTo: `b@${DOMAIN}`,
      data: dotStuff(Buffer.from('Subject: x\r\n\r\nhello\r\n')),
      beforeFinalDot: () => Promise.resolve(),
    },
  )
}

function policy(mode: string, pattern = '*.shop.example'): string {
  return `version: STSv1\nmode: ${mode}\nmx: ${pattern}\nmax_age: 86400\n`
}

function records(of: TestCertificate, ...kinds: readonly (readonly [number, number, number])[]) {
  return (port: number) =>
    kinds.map((kind) => tlsa(`_${port}._tcp.mx.shop.example`, kind, tlsaData(of, kind[1], kind[2])))
}

function assertKeptBack({ result, to }: Outcome): void {
  assert.ok(result === undefined || (result.kind === 'broken' && result.phase === 'tls'))
  assert.deepEqual(to.accepted, [])
  assert.ok(!to.heard.some((line) => line.includes('MAIL')))
}

function assertTaken({ result, to }: Outcome, isTls = true): void {
  assert.equal(result?.kind === 'reply' && result.phase, 'dot', result?.transcript)
  assert.equal(to.accepted.length, 1)
  assert.equal(result?.isTls, isTls)
}

test('without any policy mail goes over whatever TLS there is, and in plain without', async (t) => {
  assertTaken(await send(t, { certificate: lone }))
  const plain = await send(t, {})
  assertTaken(plain, false)
  assert.deepEqual(plain.decision.policy.type, 'no-policy-found')
  assert.match(plain.words.join('\n'), /asks for nothing.*\nSent all the same.*: STARTTLS is not offered/)
})

test('MTA-STS enforce: a verified host takes the message', async (t) => {
  const one = await send(t, { certificate: good, policy: policy('enforce') })
  assertTaken(one)
  assert.match(
    one.words.join('\n'),
    /^TLS is required by the MTA-STS policy of shop\.example\.\nThe certificate of mx\.shop\.example \[127\.0\.0\.1\] was verified by a known authority \(TLSv1\.3, \w+\)\.$/,
  )
  assert.deepEqual(one.decision.policy, {
    type: 'sts',
    domain: DOMAIN,
    lines: ['version: STSv1', 'mode: enforce', 'mx: *.shop.example', 'max_age: 86400'],
    mx: ['*.shop.example'],
  })
})

test('MTA-STS enforce: a wrong name, an unknown authority or no STARTTLS keeps the message back', async (t) => {
  for (const certificate of [authority.issue(['other.example']), lone, undefined]) {
    const one = await send(t, {
      policy: policy('enforce'),
      ...(certificate === undefined ? {} : { certificate }),
    })
    assertKeptBack(one)
    assert.match(one.words.at(-1) ?? '', /^Not sent: /)
  }
})

test('MTA-STS enforce: a host that the policy does not name is not even connected to', async (t) => {
  const one = await send(t, { certificate: good, policy: policy('enforce', 'mail.other.example') })
  assertKeptBack(one)
  assert.equal(one.to.connections(), 0)
  assert.match(
    refusalOf(one.decision) ?? '',
    /^mx\.shop\.example is not named in the MTA-STS policy of shop\.example\. .* its operator must correct/,
  )
})

test('MTA-STS testing: the message goes, and what failed is known', async (t) => {
  const untrusted = await send(t, { certificate: lone, policy: policy('testing') })
  assertTaken(untrusted)
  assert.equal(untrusted.result?.tlsTries[0]?.failure?.type, 'certificate-not-trusted')
  const unlisted = await send(t, { certificate: good, policy: policy('testing', 'mail.other.example') })
  assertTaken(unlisted)
  assert.equal(unlisted.result?.tlsTries[0]?.failure?.reason, 'mx-not-in-policy')
})

test('a policy that cannot be had is a fault to report, and mail goes as without one', async (t) => {
  const one = await send(t, { certificate: lone, policy: 'nonsense' })
  assertTaken(one)
  assert.equal(one.decision.fault?.type, 'sts-policy-invalid')
  assert.equal(one.decision.policy.type, 'sts')
})

const signed = { isSigned: true, dnssec: true }

test('DANE: the certificate or the authority of the TLSA record takes the message', async (t) => {
  const ee = await send(t, { ...signed, certificate: lone, tlsa: records(lone, [3, 1, 1]) })
  assertTaken(ee)
  assert.match(
    ee.words.join('\n'),
    /TLSA records of the mail hosts of shop\.example.*\n.*verified by its TLSA records/,
  )
  assertTaken(await send(t, { ...signed, certificate: good, tlsa: records(authority, [2, 0, 1]) }))
})

test('DANE: another certificate, or no STARTTLS, keeps the message back', async (t) => {
  assertKeptBack(await send(t, { ...signed, certificate: lone, tlsa: records(good, [3, 1, 1]) }))
  assertKeptBack(await send(t, { ...signed, tlsa: records(good, [3, 1, 1]) }))
})

test('DANE: records of which none can be used ask for encryption by anybody (RFC 7672 2.2)', async (t) => {
  const unusable = records(good, [1, 1, 1], [0, 0, 1])
  const one = await send(t, { ...signed, certificate: lone, tlsa: unusable })
  assertTaken(one)
  assert.equal(one.result?.tlsTries[0]?.isProven, false)
  assertKeptBack(await send(t, { ...signed, tlsa: unusable }))
})

test('DANE: without the AD bit, or with name servers that are not said to validate, TLSA records mean nothing', async (t) => {
  const mismatch = { certificate: lone, tlsa: records(good, [3, 1, 1]) }
  for (const world of [
    { isSigned: false, dnssec: true },
    { isSigned: true, dnssec: false },
  ]) {
    const one = await send(t, { ...mismatch, ...world })
    assertTaken(one)
    assert.equal(one.decision.rules.size, 0)
  }
})

test('DANE: a TLSA look-up that fails on a proven host keeps the message back, never in plain', async (t) => {
  const one = await send(t, { ...signed, certificate: good, tlsa: () => 'servfail' })
  assertKeptBack(one)
  assert.equal(one.to.connections(), 0)
  assert.match(refusalOf(one.decision) ?? '', /could not be looked up .*SERVFAIL/)
  assert.deepEqual(
    one.decision.refused.map((host) => host.failure.type),
    ['dnssec-invalid'],
  )
})

test('DANE goes before MTA-STS: its records decide, whatever the policy says', async (t) => {
  const strict = policy('enforce', 'mail.other.example')
  assertTaken(await send(t, { ...signed, certificate: lone, policy: strict, tlsa: records(lone, [3, 1, 1]) }))
  const lax = { certificate: good, policy: policy('testing'), tlsa: records(lone, [3, 1, 1]) }
  assertKeptBack(await send(t, { ...signed, ...lax }))
})
