/** Policies over real HTTPS and DNS on loopback, kept in a real database. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { testDatabase, type TestDatabase } from '@pigeon/server/test/database.ts'
import { record, startFakeDns, type FakeDns } from '@pigeon/server/test/fake-dns.ts'
import { manualClock, type ManualClock } from '@pigeon/server/test/manual-clock.ts'
import { startPolicyServer, type PolicyServer } from '@pigeon/server/test/policy-server.ts'
import { createLoneCertificate, createTestAuthority } from '@pigeon/server/test/test-certificates.ts'
import { createDnsClient, parseDnsServer } from '#delivery/dns-client.ts'
import { systemClock } from '#platform/clock.ts'
import { fetchStsPolicy } from './fetch-sts-policy.ts'
import {
  createStsPolicies,
  deleteExpiredStsPolicies,
  type FoundSts,
  type StsPolicies,
} from './sts-policies.ts'

const authority = createTestAuthority()
const certificate = authority.issue(['mta-sts.shop.example'])
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

function policy(mode: string, mx = 'mx.shop.example', maxAge = 604_800): string {
  return `version: STSv1\r\nmode: ${mode}\r\nmx: ${mx}\r\nmax_age: ${maxAge}\r\n`
}

function clientOf(dns: FakeDns) {
  const servers = [parseDnsServer(dns.server)]
  return createDnsClient({ servers, tryMs: 3_000, rounds: 2, clock: systemClock })
}

interface Prepared {
  readonly database: TestDatabase
  readonly dns: FakeDns
  readonly server: PolicyServer
  readonly clock: ManualClock
  publish(id: string): void
  /** As another process would, with nothing in memory. */
  open(): StsPolicies
}

async function prepare(t: TestContext): Promise<Prepared> {
  const database = await testDatabase(t)
  const dns = await startFakeDns(t, {
    'A mta-sts.shop.example': [record.a('mta-sts.shop.example', '127.0.0.1')],
  })
  const server = await startPolicyServer(t, certificate, policy('enforce'))
  const clock = manualClock(new Date())
  const publish = (id: string): void => {
    const name = '_mta-sts.shop.example'
    dns.zone.set(`TXT ${name}`, [record.txt(name, `v=STSv1; id=${id};`)])
  }
  publish('one')
  const fetching = { port: server.port, ca: authority.cert, allowPrivate: true }
  const deps = { db: database.engine, clock, client: clientOf(dns) }
  return { database, dns, server, clock, publish, open: () => createStsPolicies(deps, 'live', fetching) }
}

function modeOf(found: FoundSts): string {
  return found.kind === 'policy' ? `${found.policy.mode} ${found.id}` : found.kind
}

test('a policy is fetched once, by many who ask at a time and by the next process', async (t) => {
  const one = await prepare(t)
  const policies = one.open()
  const found = await Promise.all(Array.from({ length: 20 }, () => policies.find('Shop.Example')))
  assert.deepEqual(new Set(found.map(modeOf)), new Set(['enforce one']))
  assert.equal(modeOf(await one.open().find('shop.example')), 'enforce one')
  assert.deepEqual(one.server.asked, ['mta-sts.shop.example /.well-known/mta-sts.txt'])
})

test('a domain without a record is not asked for a policy, nor one of which nothing can be learned', async (t) => {
  const one = await prepare(t)
  one.dns.zone.delete('TXT _mta-sts.shop.example')
  assert.equal(modeOf(await one.open().find('shop.example')), 'none')
  one.dns.zone.set('TXT _mta-sts.shop.example', 'servfail')
  assert.equal(modeOf(await one.open().find('shop.example')), 'none')
  assert.deepEqual(one.server.asked, [])
})

test('a policy stays in force while the record is gone, DNS fails, or the fetch fails, until it expires', async (t) => {
  const one = await prepare(t)
  await one.open().find('shop.example')
  one.server.answer = (response) => void response.writeHead(500).end()
  for (const change of [
    () => one.dns.zone.delete('TXT _mta-sts.shop.example'),
    () => one.dns.zone.set('TXT _mta-sts.shop.example', 'servfail'),
    () => one.publish('two'),
    () => one.dns.zone.set('A mta-sts.shop.example', 'nxdomain'),
  ]) {
    change()
    assert.equal(modeOf(await one.open().find('shop.example')), 'enforce one')
  }
  await one.clock.advance(8 * DAY_MS)
  assert.equal(modeOf(await one.open().find('shop.example')), 'unavailable')
  assert.equal(await deleteExpiredStsPolicies({ db: one.database.engine, clock: one.clock }), 1)
})

test('a new id brings the new policy, and mode none ends it', async (t) => {
  const one = await prepare(t)
  await one.open().find('shop.example')
  one.server.answer = policy('testing')
  assert.equal(modeOf(await one.open().find('shop.example')), 'enforce one')
  one.publish('two')
  assert.equal(modeOf(await one.open().find('shop.example')), 'testing two')
  one.server.answer = policy('none')
  one.publish('three')
  assert.equal(modeOf(await one.open().find('shop.example')), 'none')
})

test('a policy in use is fetched again once a day, which moves its end', async (t) => {
  const one = await prepare(t)
  const policies = one.open()
  for (let hour = 0; hour < 10 * 24; hour += 6) {
    assert.equal(modeOf(await policies.find('shop.example')), 'enforce one')
    await one.clock.advance(6 * HOUR_MS)
  }
  assert.equal(one.server.asked.length, 10)
})

test('a fetch that failed is not tried again for five minutes', async (t) => {
  const one = await prepare(t)
  const policies = one.open()
  one.server.answer = (response) => void response.writeHead(404).end()
  const found = await policies.find('shop.example')
  assert.ok(found.kind === 'unavailable' && found.failure.type === 'sts-policy-fetch-error')
  one.server.answer = policy('enforce')
  await one.clock.advance(299_000)
  assert.equal(modeOf(await policies.find('shop.example')), 'unavailable')
  await one.clock.advance(2_000)
  assert.equal(modeOf(await policies.find('shop.example')), 'enforce one')
})

test('policies of sandbox and live are different things', async (t) => {
  const one = await prepare(t)
  await one.open().find('shop.example')
  one.dns.zone.delete('TXT _mta-sts.shop.example')
  const deps = { db: one.database.engine, clock: one.clock, client: clientOf(one.dns) }
  const sandbox = createStsPolicies(deps, 'sandbox', { port: 1, allowPrivate: true })
  assert.equal(modeOf(await sandbox.find('shop.example')), 'none')
})

async function failureOf(
  t: TestContext,
  more: {
    answer?: PolicyServer['answer']
    lone?: boolean
    name?: string
    allowPrivate?: boolean
    ms?: number
  },
): Promise<string> {
  const domain = 'shop.example'
  const names = [more.name ?? `mta-sts.${domain}`] as const
  const own = more.lone === true ? createLoneCertificate(names) : authority.issue(names)
  const server = await startPolicyServer(t, own, more.answer ?? policy('enforce'))
  const dns = await startFakeDns(t, {
    'A mta-sts.shop.example': [record.a(`mta-sts.${domain}`, '127.0.0.1')],
  })
  const fetched = await fetchStsPolicy(
    { client: clientOf(dns), port: server.port, ca: authority.cert, allowPrivate: more.allowPrivate ?? true },
    domain,
    AbortSignal.timeout(more.ms ?? 20_000),
  )
  return fetched.kind === 'policy' ? 'policy' : `${fetched.failure.type} ${fetched.failure.reason}`
}

test('a policy host must show a certificate of a known authority for its name', async (t) => {
  assert.equal(await failureOf(t, {}), 'policy')
  assert.equal(await failureOf(t, { lone: true }), 'sts-webpki-invalid DEPTH_ZERO_SELF_SIGNED_CERT')
  assert.equal(
    await failureOf(t, { name: 'shop.example' }),
    'sts-webpki-invalid ERR_TLS_CERT_ALTNAME_INVALID',
  )
})

test('redirects, other types, long answers and broken policies are no policy', async (t) => {
  const redirect = await failureOf(t, {
    answer: (response) => void response.writeHead(302, { location: 'https://other.example/' }).end(),
  })
  assert.equal(redirect, 'sts-policy-fetch-error http-302')
  const html = await failureOf(t, {
    answer: (response) =>
      void response.writeHead(200, { 'content-type': 'text/html' }).end(policy('enforce')),
  })
  assert.equal(html, 'sts-policy-invalid content-type')
  assert.equal(
    await failureOf(t, { answer: `${policy('enforce')}${'#'.repeat(100_000)}` }),
    'sts-policy-invalid too-long',
  )
  assert.equal(await failureOf(t, { answer: policy('strict') }), 'sts-policy-invalid invalid-policy')
  const cut = await failureOf(t, { answer: (response) => void response.destroy() })
  assert.match(cut, /^sts-policy-fetch-error/)
})

test('a policy host that never answers is given up, and one in a private network is not asked', async (t) => {
  assert.equal(await failureOf(t, { answer: () => {}, ms: 1_500 }), 'sts-policy-fetch-error timeout')
  assert.equal(await failureOf(t, { allowPrivate: false }), 'sts-policy-fetch-error no-address')
})
