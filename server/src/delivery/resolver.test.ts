import assert from 'node:assert/strict'
import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { createServer, type Server, type Socket } from 'node:net'
import { test, type TestContext } from 'node:test'
import * as packet from 'dns-packet'
import { manualClock } from '@pigeon/server/test/manual-clock.ts'
import { systemClock } from '#platform/clock.ts'
import { parseDnsServer } from './dns-client.ts'
import { createMxResolver, type MxAnswer, type MxResolverOptions } from './resolver.ts'

type Records =
  | readonly packet.Answer[]
  | 'nxdomain'
  | 'servfail'
  | 'silent'
  | 'truncated'
  | 'junk'
  | 'no-edns'

interface FakeDns {
  readonly server: string
  readonly asked: string[]
  close(): Promise<void>
}

const NXDOMAIN = 3
const SERVFAIL = 2
const FORMERR = 1

/** A name server on loopback: `TYPE name` to records. */
async function fakeDns(t: TestContext, zone: Readonly<Record<string, Records>>): Promise<FakeDns> {
  const asked: string[] = []
  const reply = (octets: Buffer, isTcp: boolean): Buffer | undefined => {
    const query = packet.decode(octets)
    const question = query.questions?.[0]
    if (question === undefined) return undefined
    asked.push(`${question.type} ${question.name}${isTcp ? ' tcp' : ''}`)
    const found = zone[`${question.type} ${question.name}`] ?? zone[`* ${question.name}`] ?? []
    if (found === 'silent') return undefined
    if (found === 'junk') return Buffer.from('this is not DNS at all')
    const hasEdns = (query.additionals ?? []).length > 0
    const status =
      found === 'nxdomain'
        ? NXDOMAIN
        : found === 'servfail'
          ? SERVFAIL
          : found === 'no-edns' && hasEdns
            ? FORMERR
            : 0
    const isCut = found === 'truncated' && !isTcp
    const big = Array.from({ length: 9 }, (_, i) => mx(question.name, i + 1, `mx${i}.big.example`))
    return packet.encode({
      type: 'response',
      id: query.id ?? 0,
      flags: packet.RECURSION_DESIRED | status | (isCut ? packet.TRUNCATED_RESPONSE : 0),
      questions: [question],
      answers: typeof found === 'object' ? [...found] : found === 'truncated' && isTcp ? big : [],
    })
  }
  const sockets = new Set<Socket>()
  const tcp = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      const answer = reply(chunk.subarray(2), true)
      if (answer === undefined) return
      const length = Buffer.alloc(2)
      length.writeUInt16BE(answer.length)
      // In two pieces: a stream has no packets.
      socket.write(length)
      setImmediate(() => socket.write(answer))
    })
  })
  const udp = await bindBoth(tcp)
  udp.on('message', (octets, from) => {
    const answer = reply(octets, false)
    if (answer !== undefined) udp.send(answer, from.port, from.address)
  })
  let isClosed = false
  const close = async (): Promise<void> => {
    if (isClosed) return
    isClosed = true
    for (const socket of sockets) socket.destroy()
    udp.close()
    await new Promise<void>((resolve) => tcp.close(() => resolve()))
  }
  t.after(close)
  return { server: `127.0.0.1:${udp.address().port}`, asked, close }
}

/** One port for both protocols: the one that the system chose for TCP may be somebody else's for UDP. */
async function bindBoth(tcp: Server): Promise<UdpSocket> {
  for (;;) {
    await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve))
    const address = tcp.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const udp = createSocket('udp4')
    const isBound = await new Promise<boolean>((resolve) => {
      udp.once('error', () => resolve(false))
      udp.bind(port, '127.0.0.1', () => resolve(true))
    })
    if (isBound) return udp
    udp.close()
    await new Promise<void>((resolve) => tcp.close(() => resolve()))
  }
}

function mx(name: string, preference: number, exchange: string, ttl = 300): packet.Answer {
  return { type: 'MX', name, ttl, data: { preference, exchange } }
}

function a(name: string, address: string, ttl = 300): packet.Answer {
  return { type: address.includes(':') ? 'AAAA' : 'A', name, ttl, data: address }
}

function resolver(dns: FakeDns | readonly string[], more: Partial<MxResolverOptions> = {}) {
  const servers = 'server' in dns ? [dns.server] : dns
  return createMxResolver({
    servers,
    clock: systemClock,
    allowPrivate: false,
    random: () => 0.5,
    tryMs: 150,
    deadlineMs: 1_000,
    ...more,
  })
}

function names(answer: MxAnswer): string[] {
  return answer.kind === 'hosts' ? answer.hosts.map((host) => host.name) : []
}

test('hosts come by preference, with their addresses, IPv4 first', async (t) => {
  const dns = await fakeDns(t, {
    'MX shop.example': [mx('shop.example', 20, 'Second.Example.'), mx('shop.example', 10, 'first.example')],
    'A first.example': [a('first.example', '8.8.8.8')],
    'AAAA first.example': [a('first.example', '2a00:1450::1')],
    'A second.example': [a('second.example', '8.8.4.4')],
  })
  assert.deepEqual(await resolver(dns).resolve('Shop.Example.'), {
    kind: 'hosts',
    hosts: [
      { name: 'first.example', priority: 10, addresses: ['8.8.8.8', '2a00:1450::1'] },
      { name: 'second.example', priority: 20, addresses: ['8.8.4.4'] },
    ],
    ttl: 300,
  })
})

test('hosts of equal preference come in random order, also from the cache', async (t) => {
  const records = ['m1.example', 'm2.example', 'm3.example']
  const dns = await fakeDns(t, {
    'MX shop.example': records.map((name) => mx('shop.example', 10, name)),
    ...Object.fromEntries(records.map((name, i) => [`A ${name}`, [a(name, `8.8.8.${i + 1}`)]])),
  })
  let turn = 0
  const one = resolver(dns, { random: () => ((turn += 1) % 3) / 3 })
  const orders = new Set<string>()
  for (let i = 0; i < 4; i += 1) {
    turn = i
    orders.add(names(await one.resolve('shop.example')).join())
  }
  assert.ok(orders.size > 1)
})

test('without MX the domain itself is the host (RFC 5321 5.1)', async (t) => {
  const dns = await fakeDns(t, { 'A plain.example': [a('plain.example', '8.8.8.8')] })
  const answer = await resolver(dns).resolve('plain.example')
  assert.deepEqual(answer.kind === 'hosts' && answer.hosts, [
    { name: 'plain.example', priority: 0, addresses: ['8.8.8.8'] },
  ])
})

test('a single MX of "." says that no mail is taken (RFC 7505)', async (t) => {
  const dns = await fakeDns(t, { 'MX never.example': [mx('never.example', 0, '.')] })
  assert.equal((await resolver(dns).resolve('never.example')).kind, 'null_mx')
})

test('a domain that does not exist, and one that has nothing to connect to, are no domain', async (t) => {
  const dns = await fakeDns(t, {
    '* missing.example': 'nxdomain',
    'MX hollow.example': [mx('hollow.example', 10, 'gone.example')],
    '* gone.example': 'nxdomain',
  })
  const one = resolver(dns)
  assert.equal((await one.resolve('missing.example')).kind, 'no_domain')
  assert.equal((await one.resolve('hollow.example')).kind, 'no_domain')
  assert.equal((await one.resolve('empty.example')).kind, 'no_domain')
})

test('SERVFAIL, silence and junk are temporary, never "does not exist"', async (t) => {
  const dns = await fakeDns(t, {
    '* broken.example': 'servfail',
    '* silent.example': 'silent',
    '* junk.example': 'junk',
    'MX half.example': [mx('half.example', 10, 'broken.example')],
  })
  const one = resolver(dns, { deadlineMs: 400 })
  for (const domain of ['broken.example', 'silent.example', 'junk.example', 'half.example']) {
    assert.equal((await one.resolve(domain)).kind, 'temporary', domain)
  }
})

test('an answer never takes longer than the deadline, however many servers are silent', async (t) => {
  const dns = await fakeDns(t, { '* silent.example': 'silent' })
  const one = resolver([dns.server, dns.server, dns.server], { deadlineMs: 200, tryMs: 150 })
  const start = performance.now()
  assert.equal((await one.resolve('silent.example')).kind, 'temporary')
  assert.ok(performance.now() - start < 1_000)
})

test('the next server is asked when one fails', async (t) => {
  const dead = await fakeDns(t, {})
  await dead.close()
  const broken = await fakeDns(t, { '* shop.example': 'servfail', '* m.example': 'servfail' })
  const good = await fakeDns(t, {
    'MX shop.example': [mx('shop.example', 1, 'm.example')],
    'A m.example': [a('m.example', '8.8.8.8')],
  })
  assert.deepEqual(names(await resolver([dead.server, broken.server, good.server]).resolve('shop.example')), [
    'm.example',
  ])
})

test('a truncated answer is asked for again over TCP, a server without EDNS without it', async (t) => {
  const dns = await fakeDns(t, {
    'MX big.example': 'truncated',
    ...Object.fromEntries(
      Array.from({ length: 9 }, (_, i) => [
        `A mx${i}.big.example`,
        [a(`mx${i}.big.example`, `8.8.8.${i + 1}`)],
      ]),
    ),
    'MX old.example': 'no-edns',
    'A old.example': [a('old.example', '8.8.8.8')],
  })
  const one = resolver(dns)
  assert.equal(names(await one.resolve('big.example')).length, 9)
  assert.ok(dns.asked.includes('MX big.example tcp'))
  assert.deepEqual(names(await one.resolve('old.example')), ['old.example'])
})

test('private addresses are left out unless they are allowed', async (t) => {
  const dns = await fakeDns(t, {
    'MX inner.example': [mx('inner.example', 10, 'in.example')],
    'A in.example': [a('in.example', '127.0.0.1'), a('in.example', '10.0.0.1')],
    'AAAA in.example': [a('in.example', '::ffff:192.168.0.1')],
    'MX mixed.example': [mx('mixed.example', 10, 'in.example'), mx('mixed.example', 20, 'out.example')],
    'A out.example': [a('out.example', '169.254.169.254'), a('out.example', '8.8.8.8')],
  })
  const guarded = resolver(dns)
  const refused = await guarded.resolve('inner.example')
  assert.ok(refused.kind === 'no_domain' && /private/.test(refused.reason))
  const mixed = await guarded.resolve('mixed.example')
  assert.deepEqual(mixed.kind === 'hosts' && mixed.hosts.flatMap((host) => host.addresses), ['8.8.8.8'])
  const open = await resolver(dns, { allowPrivate: true }).resolve('inner.example')
  assert.equal(open.kind === 'hosts' && open.hosts[0]?.addresses.length, 3)
})

test('address literals and names that are none are never asked for', async (t) => {
  const dns = await fakeDns(t, {})
  const one = resolver(dns, { allowPrivate: true })
  for (const domain of [
    '127.0.0.1',
    '[127.0.0.1]',
    '::1',
    '',
    'a..b',
    'x'.repeat(64),
    'bad name.example',
    `${'a.'.repeat(130)}example`,
  ]) {
    assert.equal((await one.resolve(domain)).kind, 'no_domain', domain)
  }
  assert.deepEqual(dns.asked, [])
})

test('an answer is kept for its TTL, at least a minute, and then asked for again', async (t) => {
  const dns = await fakeDns(t, {
    'MX shop.example': [mx('shop.example', 1, 'm.example', 5)],
    'A m.example': [a('m.example', '8.8.8.8', 5)],
  })
  const clock = manualClock()
  const one = resolver(dns, { clock })
  const first = await one.resolve('shop.example')
  assert.equal(first.ttl, 60)
  const asked = dns.asked.length
  await clock.advance(59_000)
  await one.resolve('shop.example')
  assert.equal(dns.asked.length, asked)
  await clock.advance(2_000)
  await one.resolve('shop.example')
  assert.equal(dns.asked.length, asked * 2)
})

test('many who ask for one domain at a time share one look-up', async (t) => {
  const dns = await fakeDns(t, { 'A shop.example': [a('shop.example', '8.8.8.8')] })
  const one = resolver(dns)
  await Promise.all(Array.from({ length: 50 }, () => one.resolve('shop.example')))
  assert.equal(dns.asked.filter((each) => each === 'MX shop.example').length, 1)
})

test('the cache and the queue are bounded', async (t) => {
  const dns = await fakeDns(t, {})
  const one = resolver(dns, { maxCached: 2, maxConcurrent: 1, maxWaiting: 1 })
  const all = await Promise.all(['a.example', 'b.example', 'c.example'].map((domain) => one.resolve(domain)))
  assert.deepEqual(
    all.map((answer) => answer.kind),
    ['no_domain', 'no_domain', 'temporary'],
  )
  await one.resolve('c.example')
  const asked = dns.asked.length
  await one.resolve('a.example')
  assert.ok(dns.asked.length > asked, 'the oldest entry was dropped')
})

test('servers are written as an address with or without a port', () => {
  assert.deepEqual(parseDnsServer('192.0.2.1'), { address: '192.0.2.1', port: 53 })
  assert.deepEqual(parseDnsServer('192.0.2.1:5353'), { address: '192.0.2.1', port: 5353 })
  assert.deepEqual(parseDnsServer('2001:db8::1'), { address: '2001:db8::1', port: 53 })
  assert.deepEqual(parseDnsServer('[2001:db8::1]:5353'), { address: '2001:db8::1', port: 5353 })
  for (const bad of ['', 'dns.example', '192.0.2.1:0', '192.0.2.1:99999'])
    assert.throws(() => parseDnsServer(bad), TypeError)
})
