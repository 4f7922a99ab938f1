/** Real TLS on loopback: what a route's rules let through, and what they keep back. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { dotStuff } from '@pigeon/mail/smtp-data.ts'
import {
  startScriptedSmtp,
  type ScriptedSmtp,
  type ScriptedSmtpOptions,
} from '@pigeon/server/test/scripted-smtp.ts'
import {
  createLoneCertificate,
  createTestAuthority,
  createTestIntermediate,
  tlsaData,
  type TestCertificate,
} from '@pigeon/server/test/test-certificates.ts'
import { systemClock } from '#platform/clock.ts'
import { createSmtpPool } from './smtp-pool.ts'
import type { TlsProof, TlsRule } from './tls-rule.ts'
import { RFC_5321_TIMEOUTS, type SendResult, type SendSession, type TlsPolicy } from './transport.ts'

const HOST = 'mx.test.example'
const DAY_MS = 86_400_000
const authority = createTestAuthority()
const webpki: TlsProof = { kind: 'webpki', ca: authority.cert }

function server(t: TestContext, certificate: TestCertificate | undefined, more: ScriptedSmtpOptions = {}) {
  const extensions = certificate === undefined ? ['PIPELINING'] : ['PIPELINING', 'STARTTLS']
  const tls = certificate === undefined ? {} : { tls: certificate }
  return startScriptedSmtp({ extensions, ...tls, ...more }).then((one) => {
    t.after(() => one.close())
    return one
  })
}

function ruleOf(proof: TlsProof, more: Partial<TlsRule> = {}): TlsRule {
  const key = `${proof.kind} ${proof.kind === 'dane' ? proof.names.join() : ''}`
  return { isEnforced: true, proof, demand: 'Its policy requires it.', key, ...more }
}

function pool(t: TestContext) {
  const one = createSmtpPool({
    clock: systemClock,
    timeouts: { ...RFC_5321_TIMEOUTS, quitMs: 1_000 },
    defaults: { maxConnections: 5, maxMessagesPerConnection: 100, connectionRates: [], idleMs: 10_000 },
    maxConnections: 10,
    maxWaitMs: 30_000,
    backOffBaseMs: 50,
    backOffMaxMs: 100,
  })
  t.after(() => one.close(0))
  return one
}

function send(
  one: ReturnType<typeof pool>,
  to: ScriptedSmtp,
  rule: TlsRule | undefined,
  tls: TlsPolicy = 'opportunistic',
): Promise<SendResult & SendSession> {
  return one.send(
    {
      lane: 'test',
      hosts: [{ name: HOST, priority: 10, addresses: ['127.0.0.1'] }],
      port: to.port,
      tls,
      ...(rule === undefined ? {} : { tlsRules: new Map([[HOST, rule]]) }),
      ehloName: 'client.example',
    },
    {
      mailFrom: 'a@sender.example',
      rcptTo: 'b@test.example',
      data: dotStuff(Buffer.from('Subject: x\r\n\r\nhello\r\n')),
      beforeFinalDot: () => Promise.resolve(),
    },
  )
}

function inWords(result: SendResult): string {
  if (result.kind === 'reply') return `reply ${result.phase} ${result.reply.code}`
  if (result.kind === 'answer') return result.text
  return result.kind === 'unsent' ? result.reason : `${result.kind} ${result.phase}`
}

/** Nothing of a message left this machine. */
function assertNothingSent(to: ScriptedSmtp): void {
  assert.deepEqual(to.accepted, [])
  assert.ok(!to.heard.some((line) => line.includes('MAIL')), to.heard.join('\n'))
}

test('a certificate of a known authority for the host is the proof that a policy asks for', async (t) => {
  const to = await server(t, authority.issue([HOST]))
  const result = await send(pool(t), to, ruleOf(webpki))
  assert.equal(inWords(result), 'reply dot 250', result.transcript)
  assert.equal(to.accepted.length, 1)
  const [only] = result.tlsTries
  assert.equal(result.tlsTries.length, 1)
  assert.ok(only?.isProven === true && only.failure === null)
  assert.deepEqual([only.mxHost, only.mxAddress, only.sendingIp], [HOST, '127.0.0.1', '127.0.0.1'])
  assert.match(only.protocol ?? '', /^TLSv1\.[23]$/)
})

test('a wildcard and an intermediate authority prove a host too', async (t) => {
  const to = await server(t, createTestIntermediate(authority).issue(['*.test.example']))
  assert.equal(inWords(await send(pool(t), to, ruleOf(webpki))), 'reply dot 250')
})

for (const [what, certificate, type] of [
  ['is for another name', authority.issue(['other.test.example']), 'certificate-host-mismatch'],
  [
    'names the host in its subject only',
    authority.issue([HOST], { isAuthority: true }),
    'certificate-host-mismatch',
  ],
  ['is signed by itself', createLoneCertificate([HOST]), 'certificate-not-trusted'],
  ['is of an unknown authority', createTestAuthority('Other').issue([HOST]), 'certificate-not-trusted'],
  [
    'has expired',
    authority.issue([HOST], { from: new Date(Date.now() - 9 * DAY_MS), to: new Date(Date.now() - DAY_MS) }),
    'certificate-expired',
  ],
] as const) {
  test(`a certificate that ${what} keeps the message back when the rule is enforced`, async (t) => {
    const to = await server(t, certificate)
    const result = await send(pool(t), to, ruleOf(webpki))
    assert.equal(inWords(result), 'broken tls', result.transcript)
    assert.match(
      result.kind === 'broken' ? result.error : '',
      /mx\.test\.example.*\. Its policy requires it\.$/,
    )
    assert.equal(result.tlsTries[0]?.failure?.type, type)
    assertNothingSent(to)
    assert.equal(to.connections(), 1)
  })

  test(`a certificate that ${what} is only told in testing, and does not matter without a rule`, async (t) => {
    const to = await server(t, certificate)
    const one = pool(t)
    const testing = await send(one, to, ruleOf(webpki, { isEnforced: false }))
    assert.equal(inWords(testing), 'reply dot 250')
    assert.equal(testing.tlsTries[0]?.failure?.type, type)
    assert.ok(testing.isTls)
    const without = await send(one, to, undefined)
    assert.equal(inWords(without), 'reply dot 250')
    assert.equal(without.tlsTries[0]?.failure, null)
  })
}

test('a server without STARTTLS, or that refuses it for good, gets nothing under an enforced rule', async (t) => {
  for (const proof of [webpki, { kind: 'encrypted' }, { kind: 'dane', records: [], names: [] }] as const) {
    const plain = await server(t, undefined)
    const first = await send(pool(t), plain, ruleOf(proof))
    assert.equal(inWords(first), 'broken tls')
    assert.equal(first.tlsTries[0]?.failure?.type, 'starttls-not-supported')
    assertNothingSent(plain)
    const refusing = await server(t, authority.issue([HOST]), {
      answer: (event) => (event.verb === 'STARTTLS' ? '554 5.7.3 Never\r\n' : undefined),
    })
    const second = await send(pool(t), refusing, ruleOf(proof))
    assert.equal(inWords(second), 'broken tls')
    assert.match(second.kind === 'broken' ? second.error : '', /refused with 554/)
    assertNothingSent(refusing)
  }
})

test('a broken handshake never leads to plain text under an enforced rule, not even when it is remembered', async (t) => {
  const to = await server(t, authority.issue([HOST]), {
    answer: (event) => (event.verb === 'HANDSHAKE' ? { do: 'cut' } : undefined),
  })
  const one = pool(t)
  assert.equal(inWords(await send(one, to, undefined)), 'reply dot 250')
  assert.equal(to.accepted.length, 1)
  const result = await send(one, to, ruleOf(webpki))
  assert.equal(inWords(result), 'broken tls')
  assert.equal(result.tlsTries[0]?.failure?.type, 'validation-failure')
  assert.equal(to.accepted.length, 1)
})

test('in testing a handshake that fails goes on in plain, and is told', async (t) => {
  const to = await server(t, authority.issue([HOST]), {
    answer: (event) => (event.verb === 'HANDSHAKE' ? { do: 'cut' } : undefined),
  })
  const result = await send(pool(t), to, ruleOf(webpki, { isEnforced: false }))
  assert.equal(inWords(result), 'reply dot 250')
  assert.equal(result.isTls, false)
  assert.deepEqual(
    result.tlsTries.map((one) => one.failure?.type),
    ['validation-failure'],
  )
})

test('a host that breaks the rule of one domain is not avoided by the mail of others', async (t) => {
  const to = await server(t, createLoneCertificate([HOST]))
  const one = pool(t)
  assert.equal(inWords(await send(one, to, ruleOf(webpki))), 'broken tls')
  assert.equal(inWords(await send(one, to, undefined)), 'reply dot 250')
})

test('connections are shared by messages of equal rules only', async (t) => {
  const to = await server(t, authority.issue([HOST]))
  const one = pool(t)
  await send(one, to, undefined)
  await send(one, to, ruleOf(webpki))
  await send(one, to, ruleOf(webpki))
  await send(one, to, ruleOf({ kind: 'encrypted' }))
  assert.equal(to.connections(), 3)
})

function dane(
  usage: number,
  selector: number,
  matchingType: number,
  of: TestCertificate,
  names = [HOST],
): TlsRule {
  const record = { usage, selector, matchingType, data: tlsaData(of, selector, matchingType) }
  return ruleOf({ kind: 'dane', records: [record], names })
}

for (const [selector, matchingType] of [
  [0, 0],
  [0, 1],
  [0, 2],
  [1, 0],
  [1, 1],
  [1, 2],
] as const) {
  test(`DANE-EE 3 ${selector} ${matchingType} takes its certificate, whatever its name and date`, async (t) => {
    const old = authority.issue(['elsewhere.example'], {
      from: new Date(Date.now() - 9 * DAY_MS),
      to: new Date(Date.now() - DAY_MS),
    })
    const to = await server(t, old)
    const one = pool(t)
    const result = await send(one, to, dane(3, selector, matchingType, old))
    assert.equal(inWords(result), 'reply dot 250', result.transcript)
    assert.equal(result.tlsTries[0]?.isProven, true)
  })

  test(`DANE-TA 2 ${selector} ${matchingType} takes what its authority signed for the host`, async (t) => {
    const to = await server(t, createTestIntermediate(authority).issue([HOST]))
    const result = await send(pool(t), to, dane(2, selector, matchingType, authority))
    assert.equal(inWords(result), 'reply dot 250', result.transcript)
  })
}

test('a certificate that no TLSA record speaks about keeps the message back', async (t) => {
  const other = createLoneCertificate([HOST])
  for (const usage of [2, 3]) {
    const to = await server(t, authority.issue([HOST]))
    const result = await send(pool(t), to, dane(usage, 1, 1, other))
    assert.equal(inWords(result), 'broken tls')
    assert.equal(result.tlsTries[0]?.failure?.reason, 'tlsa-mismatch')
    assertNothingSent(to)
  }
})

test('a DANE-TA certificate must be in its time and for one of the names: the host, or the domain', async (t) => {
  const expired = authority.issue([HOST], {
    from: new Date(Date.now() - 9 * DAY_MS),
    to: new Date(Date.now() - DAY_MS),
  })
  const late = await send(pool(t), await server(t, expired), dane(2, 0, 1, authority))
  assert.equal(late.tlsTries[0]?.failure?.type, 'certificate-expired')
  const misnamed = await send(
    pool(t),
    await server(t, authority.issue(['x.example'])),
    dane(2, 0, 1, authority),
  )
  assert.equal(misnamed.tlsTries[0]?.failure?.type, 'certificate-host-mismatch')
  const ofDomain = await server(t, authority.issue(['test.example']))
  const result = await send(pool(t), ofDomain, dane(2, 0, 1, authority, [HOST, 'test.example']))
  assert.equal(inWords(result), 'reply dot 250')
})

test('an authority whose whole certificate is in DNS need not be sent by the server', async (t) => {
  const to = await server(t, authority.issue([HOST], { isWithIssuer: false }))
  assert.equal(inWords(await send(pool(t), to, dane(2, 0, 0, authority))), 'reply dot 250')
  const digest = await send(
    pool(t),
    await server(t, authority.issue([HOST], { isWithIssuer: false })),
    dane(2, 0, 1, authority),
  )
  assert.equal(inWords(digest), 'broken tls')
})

test('a certificate that merely names an authority as its issuer was not signed by it', async (t) => {
  const impostor = createTestAuthority()
  const forged = impostor.issue([HOST], { isWithIssuer: false })
  const to = await server(t, { ...forged, cert: forged.cert + authority.cert })
  assert.equal(inWords(await send(pool(t), to, dane(2, 0, 1, authority))), 'broken tls')
})

test('a server certificate that is no authority cannot sign another', async (t) => {
  const leaf = createTestIntermediate(authority, { isAuthority: false })
  for (const named of [leaf, authority]) {
    const to = await server(t, leaf.issue([HOST]))
    assert.equal(inWords(await send(pool(t), to, dane(2, 0, 1, named))), 'broken tls')
  }
})

test('TLSA records that cannot be used ask for encryption by anybody', async (t) => {
  const to = await server(t, createLoneCertificate(['who.example']))
  const result = await send(pool(t), to, ruleOf({ kind: 'encrypted' }))
  assert.equal(inWords(result), 'reply dot 250')
  assert.ok(result.isTls && result.tlsTries[0]?.isProven === false)
})
