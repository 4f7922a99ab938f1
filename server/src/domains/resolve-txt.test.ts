import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { test } from 'node:test'
import dnsPacket from 'dns-packet'
import { createResolveTxt, lookUpTxt } from './resolve-txt.ts'

test('a real DNS server is asked, and long texts come in one piece', async (t) => {
  const text = 'v=DKIM1; p='.padEnd(400, 'x')
  const server = createSocket('udp4', (message, from) => {
    const query = dnsPacket.decode(message)
    const name = query.questions?.[0]?.name ?? ''
    const answers = name.startsWith('here')
      ? [{ type: 'TXT' as const, name, ttl: 1, data: [text.slice(0, 255), text.slice(255)] }]
      : []
    const type = 'response' as const
    server.send(
      dnsPacket.encode({
        type,
        id: query.id ?? 0,
        questions: query.questions ?? [],
        answers,
        flags: name.startsWith('gone') ? 3 : 0,
      }),
      from.port,
      from.address,
    )
  })
  const bound = Promise.withResolvers<void>()
  server.bind(0, '127.0.0.1', () => bound.resolve())
  await bound.promise
  t.after(() => server.close())
  const resolveTxt = createResolveTxt({ servers: [`127.0.0.1:${server.address().port}`] })
  assert.deepEqual(await lookUpTxt(resolveTxt, 'here.example'), { kind: 'found', texts: [text] })
  assert.deepEqual(await lookUpTxt(resolveTxt, 'empty.example'), { kind: 'found', texts: [] })
  assert.deepEqual(await lookUpTxt(resolveTxt, 'gone.example'), { kind: 'found', texts: [] })
})

test('a refusal of the DNS server is a failure, not a missing record', async () => {
  const lookup = await lookUpTxt(
    async () => Promise.reject(Object.assign(new Error('no'), { code: 'EREFUSED' })),
    'x.example',
  )
  assert.deepEqual(lookup, { kind: 'failed', reason: 'EREFUSED' })
})

test('a DNS server that never answers is given up', async () => {
  const lookup = await lookUpTxt(async () => new Promise(() => undefined), 'x.example')
  assert.deepEqual(lookup, { kind: 'failed', reason: 'no answer in time' })
})
