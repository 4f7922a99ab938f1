import assert from 'node:assert/strict'
import { createPrivateKey } from 'node:crypto'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createDkimSigner } from '@pigeon/mail/dkim.ts'
import { dkimTxtRecord, generateDkimKeys } from '@pigeon/mail/dkim-keys.ts'
import { dkimSign } from 'mailauth/lib/dkim/sign.js'
import { Problem } from '#platform/problem.ts'
import { createWindtunnelClient } from './client.ts'
import { runWindtunnel } from './running-windtunnel.ts'
import type { RunningWindtunnel } from './running-windtunnel.ts'

async function deliver(running: RunningWindtunnel, recipient: string, content: string): Promise<void> {
  const visitor = await running.visit('plain')
  await visitor.say('MAIL FROM:<b-1@news.example>\r\n')
  await visitor.say(`RCPT TO:<${recipient}>\r\n`)
  await visitor.say('DATA\r\n')
  assert.match(await visitor.say(`${content.replace(/^\./gm, '..')}.\r\n`), /^250 /)
  visitor.end()
}

const simple = (number: number, feedback = `c1:t1:news:pigeon`) =>
  `Message-ID: <${number}@news.example>\r\nFeedback-ID: ${feedback}\r\nSubject: number ${number}\r\n\r\nbody\r\n`

const LETTER = [
  'From: =?utf-8?B?SsO8cmdlbg==?= <juergen@news.example>',
  'To: Ann Example <ann@plain.example>, bob@plain.example',
  'Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe_?= =?utf-8?B?8J+Qpg==?=',
  'Date: Sun, 22 Nov 2026 10:00:00 +0000',
  'Message-ID: <letter@news.example>',
  'MIME-Version: 1.0',
  'Content-Type: multipart/mixed; boundary=outer',
  '',
  '--outer',
  'Content-Type: multipart/alternative; boundary=inner',
  '',
  '--inner',
  'Content-Type: text/plain; charset=utf-8',
  'Content-Transfer-Encoding: quoted-printable',
  '',
  'Gr=C3=BC=C3=9Fe',
  '--inner',
  'Content-Type: text/html; charset=utf-8',
  '',
  '<p>Grüße</p>',
  '--inner--',
  '--outer',
  'Content-Type: text/csv; name="list.csv"',
  'Content-Disposition: attachment; filename="list.csv"',
  'Content-Transfer-Encoding: base64',
  '',
  'YSxiCg==',
  '--outer--',
  '',
].join('\r\n')

test('a message is taken apart: headers, sender, recipients, subject, both bodies and attachments', async (t) => {
  const running = await runWindtunnel(t)
  await deliver(running, 'ann@plain.example', LETTER)
  const [summary] = (await running.client.messages()).data
  assert.ok(summary)
  assert.equal(summary.subject, 'Grüße 🐦')
  const message = await running.client.message(summary.sequence)
  assert.ok(message)
  assert.deepEqual(message.from, { name: 'Jürgen', address: 'juergen@news.example' })
  assert.deepEqual(
    message.to.map(({ address }) => address),
    ['ann@plain.example', 'bob@plain.example'],
  )
  assert.equal(message.subject, 'Grüße 🐦')
  assert.equal(message.text?.trim(), 'Grüße')
  assert.match(message.html ?? '', /<p>Grüße<\/p>/)
  assert.deepEqual(message.attachments, [
    {
      filename: 'list.csv',
      content_type: 'text/csv',
      disposition: 'attachment',
      content_id: null,
      size_bytes: 4,
    },
  ])
  assert.ok(
    message.headers.some(({ name, value }) => name === 'Message-ID' && value === '<letter@news.example>'),
  )
  assert.deepEqual(message.dkim, [])
  assert.equal((await running.client.raw(summary.sequence))?.toString(), LETTER)
})

test('each signature gets its verdict by the keys of the zone: pass, fail after a change, no key', async (t) => {
  const running = await runWindtunnel(t)
  const pairs = await generateDkimKeys()
  const signer = createDkimSigner({
    domain: 'news.example',
    keys: [
      { selector: 'r1', algorithm: 'rsa-sha256', privateKey: createPrivateKey(pairs.rsa.privateKey) },
      { selector: 'e1', algorithm: 'ed25519-sha256', privateKey: createPrivateKey(pairs.ed25519.privateKey) },
    ],
  })
  const header = signer.sign(Buffer.from(LETTER), { timestampSeconds: 1_700_000_000 })
  await deliver(running, 'ann@plain.example', header + LETTER)
  await deliver(running, 'ann@plain.example', header + LETTER.replace('YSxiCg==', 'YSxjCg=='))
  const verdicts = async (sequence: number) => {
    const message = await running.client.message(sequence)
    return message?.dkim.map(({ domain, selector, algorithm, result }) => [
      domain,
      selector,
      algorithm,
      result,
    ])
  }
  const withoutKeys = await verdicts(1)
  assert.deepEqual(
    withoutKeys?.map((verdict) => verdict[3]),
    ['neutral', 'neutral'],
  )
  await running.client.publish([
    { name: 'r1._domainkey.news.example', type: 'TXT', data: dkimTxtRecord(pairs.rsa.publicKey) },
    { name: 'e1._domainkey.news.example', type: 'TXT', data: dkimTxtRecord(pairs.ed25519.publicKey) },
  ])
  assert.deepEqual(await verdicts(1), [
    ['news.example', 'r1', 'rsa-sha256', 'pass'],
    ['news.example', 'e1', 'ed25519-sha256', 'pass'],
  ])
  const changed = await verdicts(2)
  assert.equal(changed?.length, 2)
  assert.ok(changed.every((verdict) => verdict[3] !== 'pass'))
})

test('a signature of another implementation passes too', async (t) => {
  const running = await runWindtunnel(t)
  const pairs = await generateDkimKeys()
  const key = { signingDomain: 'news.example', selector: 'm1', privateKey: pairs.rsa.privateKey }
  const { signatures } = await dkimSign(LETTER, { ...key, signatureData: [key] })
  await running.client.publish([
    { name: 'm1._domainkey.news.example', type: 'TXT', data: dkimTxtRecord(pairs.rsa.publicKey) },
  ])
  await deliver(running, 'ann@plain.example', `${signatures.trimEnd()}\r\n${LETTER}`)
  assert.equal((await running.client.message(1))?.dkim[0]?.result, 'pass')
})

test('messages are paged newest first and found by tenant, campaign and recipient', async (t) => {
  const running = await runWindtunnel(t)
  const { client } = running
  for (let number = 1; number <= 7; number++) {
    await deliver(
      running,
      `person${number}@plain.example`,
      simple(number, `c${number % 2}:t${number % 3}:news:pigeon`),
    )
  }
  const pages: number[][] = []
  let before: number | undefined
  do {
    const page = await client.messages({ limit: 3, before })
    pages.push(page.data.map(({ sequence }) => sequence))
    before = page.next_before ?? undefined
  } while (before !== undefined)
  assert.deepEqual(pages, [[7, 6, 5], [4, 3, 2], [1]])
  const found = async (query: object) => (await client.messages(query)).data.map(({ sequence }) => sequence)
  assert.deepEqual(await found({ campaign: 'c0' }), [6, 4, 2])
  assert.deepEqual(await found({ tenant: 't1', campaign: 'c1' }), [7, 1])
  assert.deepEqual(await found({ recipient: 'person5@plain.example' }), [5])
  assert.deepEqual(await client.stats('c1'), {
    received: 4,
    distinct: 4,
    duplicates: 0,
    by_provider: { plain: { received: 4, distinct: 4, duplicates: 0 } },
  })
  assert.equal((await client.stats('nobody')).received, 0)
})

test('duplicates are counted and listed, a restart remembers them, a reset forgets', async (t) => {
  const running = await runWindtunnel(t)
  for (const number of [1, 2, 2, 1, 1]) await deliver(running, 'ann@plain.example', simple(number))
  const expected = [
    { message_id: '<1@news.example>', recipient: 'ann@plain.example', count: 3, last_sequence: 5 },
    { message_id: '<2@news.example>', recipient: 'ann@plain.example', count: 2, last_sequence: 3 },
  ]
  assert.deepEqual(await running.client.duplicates(), expected)
  await running.client.publish([{ name: 'x.example', type: 'TXT', data: 'kept' }])
  await running.restart()
  assert.deepEqual(await running.client.duplicates(), expected)
  assert.deepEqual(await running.client.duplicates(1), expected.slice(0, 1))
  assert.deepEqual(await running.client.zone(), [{ name: 'x.example', type: 'TXT', data: 'kept' }])
  assert.equal((await running.client.messages()).data.length, 5)
  assert.equal((await running.client.message(4))?.text?.trim(), 'body')
  await running.client.reset()
  assert.equal((await running.client.stats()).received, 0)
  assert.deepEqual((await running.client.messages()).data, [])
})

test('what is asked wrongly is refused with a sentence', async (t) => {
  const { client, windtunnel } = await runWindtunnel(t)
  assert.equal(await client.message(1), undefined)
  assert.equal(await client.raw(99), undefined)
  const refuses = (work: Promise<unknown>, kind: string, about: RegExp) =>
    assert.rejects(
      work,
      (error: unknown) => error instanceof Problem && error.kind === kind && about.test(error.message),
    )
  await refuses(client.changeHabits('plain', { cut_share: 1.5 }), 'invalid', /cut_share/)
  await refuses(client.messages({ limit: 0 }), 'invalid', /limit must be/)
  await refuses(client.messages({ before: -1 }), 'invalid', /before must be/)
  await refuses(
    client.publish([{ name: 'x.example', type: 'A', data: 'nowhere' }]),
    'invalid',
    /A record of "x\.example"/,
  )
  assert.ok('baseUrl' in windtunnel.control)
  const { baseUrl } = windtunnel.control
  const status = async (path: string, init: RequestInit = {}) => (await fetch(baseUrl + path, init)).status
  assert.equal(await status('/nothing'), 404)
  assert.equal(await status('/messages/1/else'), 404)
  assert.equal(await status('/messages/%00'), 404)
  assert.equal(await status('/providers/nobody', { method: 'PATCH', body: '{}' }), 404)
  assert.equal(await status('/providers/plain', { method: 'PATCH', body: '{"unheard_of":1}' }), 400)
  assert.equal(await status('/zone', { method: 'PUT', body: 'not json' }), 400)
  assert.equal(
    await status('/zone', {
      method: 'PUT',
      body: '{"records":[{"name":"x.example","type":"SRV","data":""}]}',
    }),
    400,
  )
  assert.equal(await status('/stats', { method: 'POST' }), 404)
})

test('the control server is reached over a unix socket as well', async (t) => {
  const { windtunnel, client } = await runWindtunnel(t, {
    settings: { control: { socketPath: join(tmpdir(), `windtunnel-${process.pid}.sock`) } },
  })
  assert.ok('socketPath' in windtunnel.control)
  assert.equal((await client.stats()).received, 0)
})

test('a windtunnel that is not there, or does not answer, is a Problem within the deadline', async (t) => {
  const silent = createServer()
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  t.after(() => silent.close())
  const address = silent.address()
  assert.ok(typeof address === 'object' && address !== null)
  const unreachable = (error: unknown) => error instanceof Problem && error.code === 'windtunnel.unreachable'
  const waiting = createWindtunnelClient({ baseUrl: `http://127.0.0.1:${address.port}`, timeoutMs: 100 })
  await assert.rejects(waiting.stats(), unreachable)
  waiting.close()
  await assert.rejects(createWindtunnelClient({ socketPath: '/nowhere.sock' }).stats(), unreachable)
})
