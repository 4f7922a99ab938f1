import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { record, startFakeDns, type FakeRecords } from '@pigeon/server/test/fake-dns.ts'
import { createMxResolver } from '#delivery/resolver.ts'
import { systemClock } from '#platform/clock.ts'

const { mx, a, cname } = record

/** The TLSA bases of each host, as the resolver says them. */
async function bases(t: TestContext, zone: Record<string, FakeRecords>, dnssec = true) {
  const dns = await startFakeDns(t, zone)
  const resolver = createMxResolver({
    servers: [dns.server],
    clock: systemClock,
    allowPrivate: true,
    random: () => 0,
    dnssec,
  })
  const answer = await resolver.resolve('shop.example')
  assert.equal(answer.kind, 'hosts')
  return answer.kind === 'hosts' ? answer.hosts.map((host) => host.tlsaBases ?? []) : []
}

const secureMx = { 'MX shop.example': { secure: [mx('shop.example', 10, 'mx.example')] } }

test('a host has TLSA records when DNSSEC proves both the MX record and the address', async (t) => {
  const host = { 'A mx.example': { secure: [a('mx.example', '127.0.0.1')] } }
  assert.deepEqual(await bases(t, { ...secureMx, ...host }), [['mx.example']])
})

test('an MX record or an address that is not proven has none', async (t) => {
  const secureHost = { 'A mx.example': { secure: [a('mx.example', '127.0.0.1')] } }
  assert.deepEqual(
    await bases(t, { 'MX shop.example': [mx('shop.example', 10, 'mx.example')], ...secureHost }),
    [[]],
  )
  assert.deepEqual(await bases(t, { ...secureMx, 'A mx.example': [a('mx.example', '127.0.0.1')] }), [[]])
})

test('the AD bit means nothing unless the installation says that its name servers validate', async (t) => {
  const host = { 'A mx.example': { secure: [a('mx.example', '127.0.0.1')] } }
  assert.deepEqual(await bases(t, { ...secureMx, ...host }, false), [[]])
})

test('an alias that is proven to its end is looked up at its end first, and then by its own name', async (t) => {
  const answers = [cname('mx.example', 'real.example'), a('real.example', '127.0.0.1')]
  assert.deepEqual(await bases(t, { ...secureMx, 'A mx.example': { secure: answers } }), [
    ['real.example', 'mx.example'],
  ])
})

test('an alias that is proven itself and leads to where nothing is, is looked up by its own name', async (t) => {
  const chain = [cname('mx.example', 'real.test'), a('real.test', '127.0.0.1')]
  const zone = { ...secureMx, 'A mx.example': chain }
  const alias = [cname('mx.example', 'real.test')]
  assert.deepEqual(await bases(t, { ...zone, 'CNAME mx.example': { secure: alias } }), [['mx.example']])
  assert.deepEqual(await bases(t, { ...zone, 'CNAME mx.example': alias }), [[]])
  assert.deepEqual(await bases(t, { ...zone, 'CNAME mx.example': 'servfail' }), [['mx.example']])
})
