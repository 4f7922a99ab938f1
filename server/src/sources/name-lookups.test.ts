import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { test } from 'node:test'
import dnsPacket from 'dns-packet'
import type { Answer } from 'dns-packet'
import { createNameLookups, lookUp } from './name-lookups.ts'

const ZONE: Readonly<Record<string, Answer>> = {
  'PTR 7.100.51.198.in-addr.arpa': {
    type: 'PTR',
    name: '7.100.51.198.in-addr.arpa',
    ttl: 1,
    data: 'out.example.com',
  },
  'A out.example.com': { type: 'A', name: 'out.example.com', ttl: 1, data: '198.51.100.7' },
  'AAAA out.example.com': { type: 'AAAA', name: 'out.example.com', ttl: 1, data: '2001:db8::7' },
}

test('a real DNS server is asked in both directions, by the family of the address', async (t) => {
  const server = createSocket('udp4', (message, from) => {
    const query = dnsPacket.decode(message)
    const [question] = query.questions ?? []
    const answer = ZONE[`${question?.type} ${question?.name.toLowerCase()}`]
    const reply = dnsPacket.encode({
      type: 'response',
      id: query.id ?? 0,
      questions: query.questions ?? [],
      answers: answer === undefined ? [] : [answer],
      flags: answer === undefined ? 3 : 0,
    })
    server.send(reply, from.port, from.address)
  })
  const bound = Promise.withResolvers<void>()
  server.bind(0, '127.0.0.1', () => bound.resolve())
  await bound.promise
  t.after(() => server.close())
  const names = createNameLookups({ servers: [`127.0.0.1:${server.address().port}`] })
  const namesOf = (address: string) => lookUp((signal) => names.namesOf(address, signal))
  const addressesOf = (name: string, like: string) =>
    lookUp((signal) => names.addressesOf(name, like, signal))
  assert.deepEqual(await namesOf('198.51.100.7'), { kind: 'found', values: ['out.example.com'] })
  assert.deepEqual(await namesOf('198.51.100.8'), { kind: 'found', values: [] })
  assert.deepEqual(await addressesOf('out.example.com', '192.0.2.1'), {
    kind: 'found',
    values: ['198.51.100.7'],
  })
  assert.deepEqual(await addressesOf('out.example.com', '::1'), { kind: 'found', values: ['2001:db8::7'] })
})

test('a refusal of the DNS server is a failure, not a missing record', async () => {
  const refused = async () => Promise.reject(Object.assign(new Error('no'), { code: 'EREFUSED' }))
  assert.deepEqual(await lookUp(refused), { kind: 'failed', reason: 'EREFUSED' })
})

test('a DNS server that never answers is given up', async () => {
  const silent = async () => new Promise<never>(() => undefined)
  assert.deepEqual(await lookUp(silent, 50), { kind: 'failed', reason: 'no answer in time' })
})

test('of any number of answers ten are looked at', async () => {
  const many = await lookUp(async () => Array.from({ length: 1000 }, (_, n) => `192.0.2.${n}`))
  assert.equal(many.kind === 'found' && many.values.length, 10)
})
