import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { Resolver } from 'node:dns/promises'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { decode, encode, streamDecode, streamEncode } from 'dns-packet'
import type { Packet } from 'dns-packet'
import { Problem } from '#platform/problem.ts'
import { RCODE } from './dns-answers.ts'
import { respond, startDnsServer } from './dns-server.ts'
import { loadProfiles } from './load-profiles.ts'
import { createProviderLookup } from './provider-lookup.ts'
import { openZone } from './zone.ts'

const providers = createProviderLookup(await loadProfiles(), 1)

async function startDns(t: TestContext) {
  const directory = await mkdtemp(join(tmpdir(), 'dns-'))
  const file = join(directory, 'zone.json')
  const zone = await openZone(file)
  const rules = { zone, providers, sts: () => undefined, ttlSeconds: 77, inboundDomain: 'in.example' }
  const server = await startDnsServer(rules, '127.0.0.1', 0)
  t.after(async () => {
    await server.stop()
    await rm(directory, { recursive: true, force: true })
  })
  const resolver = new Resolver({ timeout: 200, tries: 1 })
  resolver.setServers([`127.0.0.1:${server.port}`])
  return { zone, rules, server, resolver, file }
}

const rcodeOf = (packet: Packet) => (packet.flags ?? 0) & 0x0f

const mxOf = async (resolver: Resolver, domain: string) =>
  (await resolver.resolveMx(domain)).map(({ priority, exchange }) => ({ priority, exchange }))

const query = (name: string, type: 'A' | 'MX' | 'TXT' | 'SRV', more: Partial<Packet> = {}): Buffer =>
  encode({ type: 'query', id: 4242, flags: 0x0100, questions: [{ name, type, class: 'IN' }], ...more })

test('any domain has MX hosts, and their addresses are the loopback addresses of the provider', async (t) => {
  const { resolver } = await startDns(t)
  const hosts = await mxOf(resolver, 'gmail.com')
  assert.deepEqual(
    hosts.find(({ priority }) => priority === 5),
    { priority: 5, exchange: 'gmail-smtp-in.l.google.com' },
  )
  assert.equal(hosts.length, 5)
  for (const { exchange } of hosts) assert.deepEqual(await resolver.resolve4(exchange), ['127.10.1.1'])
  for (const domain of [
    'outlook.com',
    'aol.com',
    'gmx.de',
    'smallisp.example',
    'some.company.example',
    'plain.example',
  ]) {
    const [first] = await resolver.resolveMx(domain)
    assert.ok(first)
    const [address = ''] = await resolver.resolve4(first.exchange)
    assert.match(address, /^127\.10\.1\.\d$/)
  }
  await assert.rejects(resolver.resolve6('gmail-smtp-in.l.google.com'), { code: 'ENODATA' })
  await assert.rejects(resolver.resolveSrv('gmail.com'), { code: 'ENODATA' })
})

test('mail to the inbound domain, and to those below it, comes to this machine', async (t) => {
  const { resolver } = await startDns(t)
  for (const domain of ['in.example', 'bounces.In.Example'])
    assert.deepEqual(await mxOf(resolver, domain), [{ priority: 10, exchange: 'mx.in.example' }])
  assert.deepEqual(await resolver.resolve4('mx.in.example'), ['127.0.0.1'])
})

test('the special domains answer as they are called', async (t) => {
  const { resolver } = await startDns(t)
  await assert.rejects(resolver.resolveMx('nxdomain.example'), { code: 'ENOTFOUND' })
  await assert.rejects(resolver.resolve4('mail.nxdomain.example'), { code: 'ENOTFOUND' })
  await assert.rejects(resolver.resolveMx('servfail.example'), { code: 'ESERVFAIL' })
  assert.deepEqual(await mxOf(resolver, 'nullmx.example'), [{ priority: 0, exchange: '' }])
  await assert.rejects(resolver.resolveMx('nomx.example'), { code: 'ENODATA' })
  assert.deepEqual(await resolver.resolve4('nomx.example'), ['127.10.1.6'])
  await assert.rejects(resolver.resolveMx('timeout.example'), { code: 'ETIMEOUT' })
})

test('published records are served at once, replace those of their name and type, and survive a restart', async (t) => {
  const { resolver, zone, file } = await startDns(t)
  const name = 's1._domainkey.news.example'
  await assert.rejects(resolver.resolveTxt(name), { code: 'ENOTFOUND' })
  const long = `v=DKIM1; k=rsa; p=${'A'.repeat(600)}`
  await zone.publish([
    { name, type: 'TXT', data: 'old' },
    { name: 'news.example', type: 'TXT', data: 'v=spf1 -all' },
    { name: 'News.Example.', type: 'TXT', data: 'verification=1' },
    { name: 'bounce.news.example', type: 'CNAME', data: 'mx.plain.example' },
    { name: 'news.example', type: 'MX', data: '7 inbound.news.example' },
    { name: 'inbound.news.example', type: 'A', data: '127.0.0.1' },
    { name: 'inbound.news.example', type: 'AAAA', data: '::1' },
  ])
  await zone.publish([{ name: name.toUpperCase(), type: 'TXT', data: long }])
  const txt = await resolver.resolveTxt(name)
  assert.deepEqual(
    txt.map((strings) => strings.join('')),
    [long],
  )
  assert.deepEqual(
    txt[0]?.map((text) => text.length),
    [255, 255, 108],
  )
  assert.equal((await resolver.resolveTxt('news.example')).length, 2)
  assert.deepEqual(await mxOf(resolver, 'news.example'), [{ priority: 7, exchange: 'inbound.news.example' }])
  assert.deepEqual(await resolver.resolve6('inbound.news.example'), ['::1'])
  assert.deepEqual(await resolver.resolve4('bounce.news.example'), ['127.10.1.6'], 'an alias is followed')

  const again = await openZone(file)
  assert.deepEqual(again.lookup(name, 'TXT'), [long])
  await again.publish([{ name, type: 'TXT', data: null }])
  assert.deepEqual(again.lookup(name, 'TXT'), [])
  assert.ok(!(await readFile(file, 'utf8')).includes(long))
})

test('a record that cannot be served is refused and changes nothing', async (t) => {
  const { zone } = await startDns(t)
  const bad = [
    { name: 'x.example', type: 'A', data: '300.1.1.1' },
    { name: 'x.example', type: 'AAAA', data: '127.0.0.1' },
    { name: 'x.example', type: 'MX', data: 'mx.x.example' },
    { name: 'x.example', type: 'CNAME', data: 'no host' },
    { name: 'no host', type: 'TXT', data: 'x' },
    { name: `${'a'.repeat(64)}.example`, type: 'TXT', data: 'x' },
  ] as const
  for (const record of bad) {
    await assert.rejects(
      zone.publish([{ name: 'ok.example', type: 'TXT', data: 'x' }, record]),
      Problem,
      JSON.stringify(record),
    )
  }
  assert.deepEqual(zone.all(), [])
})

test('a zone file that is none is refused with a sentence', async (t) => {
  const { file } = await startDns(t)
  await writeFile(file, '{"records":[{"name":1}]}')
  await assert.rejects(
    openZone(file),
    (error: unknown) => error instanceof Problem && /zone file/.test(error.message),
  )
})

test('an answer too long for UDP is truncated there and whole over TCP', async (t) => {
  const { zone, rules, server, resolver } = await startDns(t)
  const data = Array.from({ length: 20 }, (_, index) => `${index} ${'y'.repeat(100)}`)
  await zone.publish(data.map((text) => ({ name: 'big.example', type: 'TXT', data: text })))
  const udp = respond(rules, query('big.example', 'TXT'), 'udp')
  assert.ok(udp)
  assert.ok(udp.length <= 512)
  assert.equal(decode(udp).flag_tc, true)
  assert.equal((await resolver.resolveTxt('big.example')).length, 20, 'the resolver comes again over TCP')

  const socket = connect(server.port, '127.0.0.1')
  t.after(() => socket.destroy())
  const bytes = streamEncode({ type: 'query', id: 1, questions: [{ name: 'big.example', type: 'TXT' }] })
  for (const byte of bytes) socket.write(Buffer.from([byte]))
  const received: Buffer[] = []
  for await (const chunk of socket) {
    received.push(chunk)
    const whole = Buffer.concat(received)
    if (whole.length >= 2 && whole.length >= whole.readUInt16BE(0) + 2) break
  }
  assert.equal(streamDecode(Buffer.concat(received)).answers?.length, 20)
})

test('an answer carries the question, the time to live and, when there is nothing, who says so', async (t) => {
  const { rules } = await startDns(t)
  const ask = (name: string, type: 'A' | 'MX' | 'SRV') => {
    const bytes = respond(rules, query(name, type), 'udp')
    assert.ok(bytes)
    return decode(bytes)
  }
  const some = ask('GMail.com', 'MX')
  assert.equal(some.id, 4242)
  assert.equal(some.flag_aa, true)
  assert.deepEqual(
    some.questions?.map(({ name }) => name),
    ['GMail.com'],
  )
  assert.ok(
    some.answers?.every((answer) => 'ttl' in answer && answer.ttl === 77 && answer.name === 'GMail.com'),
  )
  const none = ask('gmail.com', 'SRV')
  assert.equal(rcodeOf(none), RCODE.NOERROR)
  assert.deepEqual(
    none.authorities?.map(({ type }) => type),
    ['SOA'],
  )
  assert.equal(rcodeOf(ask('nxdomain.example', 'A')), RCODE.NXDOMAIN)
})

test('junk gets an error or nothing, and the server goes on', async (t) => {
  const { rules, server, resolver } = await startDns(t)
  const good = query('gmail.com', 'MX')
  const junk = [
    Buffer.alloc(0),
    Buffer.from('x'),
    Buffer.alloc(12),
    good.subarray(0, 14),
    Buffer.concat([good.subarray(0, 12), Buffer.alloc(500, 0xc0)]),
    Buffer.alloc(512, 0xff),
    encode({ type: 'response', id: 1, questions: [{ name: 'a.example', type: 'A' }] }),
    query('gmail.com', 'MX', { questions: [] }),
    query('gmail.com', 'MX', { flags: 4 << 11 }),
  ]
  const socket = createSocket('udp4')
  t.after(() => socket.close())
  for (const bytes of junk) {
    assert.doesNotThrow(() => respond(rules, bytes, 'udp'))
    socket.send(bytes, server.port, '127.0.0.1')
    connect(server.port, '127.0.0.1')
      .on('error', () => undefined)
      .end(bytes)
  }
  const opcode = respond(rules, query('gmail.com', 'MX', { flags: 4 << 11 }), 'udp')
  assert.equal(opcode && rcodeOf(decode(opcode)), RCODE.NOTIMP)
  assert.equal((await resolver.resolveMx('gmail.com')).length, 5)
})
