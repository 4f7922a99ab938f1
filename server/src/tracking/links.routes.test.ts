import assert from 'node:assert/strict'
import { test } from 'node:test'
import { linkToken, trackingToken } from '@pigeon/mail/tracking-token.ts'
import type { FeedbackEvent } from '#events/feedback-events.ts'
import { createApp } from '#http/app.ts'
import { createLog } from '#platform/log.ts'
import { manualClock } from '@pigeon/server/test/manual-clock.ts'
import { registerTracking } from './links.routes.ts'
import { trackingKey } from './tracking-key.ts'

const keys = { derive: (purpose: string) => Buffer.alloc(32, purpose) }
const key = trackingKey(keys)
const tenantId = '0190a0a0-0000-7000-8000-000000000001'
const campaignId = '0190a0a0-0000-7000-8000-0000000000c1'
const messageId = '0190a0a0-0000-7000-8000-00000000000a'
const FIREFOX = {
  'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
  'accept-language': 'de',
}
const URLS = ['https://shop.example/a?b=1', `https://shop.example/${'x'.repeat(1_900)}`] as const

async function pages() {
  const told: FeedbackEvent[] = []
  const clock = manualClock()
  const app = await createApp({
    log: createLog({ level: 'silent', role: 'test' }),
    clock,
    authenticate: async () => Promise.reject(new Error('Nobody signs in here.')),
  })
  registerTracking(app, { clock, keys, feedback: { put: async (event) => void told.push(event) } })
  await app.ready()
  const sentAtSeconds = clock.now().getTime() / 1000
  await clock.advance(60_000)
  const message = trackingToken(key, { tenantId, campaignId, messageId, sentAtSeconds })
  const click = (index: number, url: string) =>
    `/c/${message}/${linkToken(key, { tenantId, campaignId }, { index, url })}`
  const ask = (url: string, method: 'GET' | 'HEAD' = 'GET', headers: Record<string, string> = FIREFOX) =>
    app.inject({ method, url, headers, remoteAddress: '::ffff:198.51.100.7' })
  return { ask, told, message, click, clock }
}

test('a click leads where the link led, at once, and is told with who did it', async () => {
  const { ask, told, click } = await pages()
  for (const url of URLS) {
    const reply = await ask(click(0, url))
    assert.equal(reply.statusCode, 302)
    assert.equal(reply.headers.location, url)
    assert.equal(reply.headers['referrer-policy'], 'no-referrer')
    assert.match(String(reply.headers['cache-control']), /no-store/)
    assert.equal(reply.headers['set-cookie'], undefined)
  }
  const [first] = told
  assert.deepEqual(
    { ...first, id: '' },
    {
      id: '',
      type: 'clicked',
      messageId,
      tenantId,
      at: '2026-01-01T00:01:00.000Z',
      ip: '198.51.100.7',
      userAgent: FIREFOX['user-agent'],
      url: URLS[0],
      link: 0,
      machineSigns: [],
    },
  )
  assert.notEqual(told[0]?.id, told[1]?.id)
})

test('the pixel is a picture that nobody keeps', async () => {
  const { ask, told, message } = await pages()
  const reply = await ask(`/o/${message}`)
  assert.equal(reply.statusCode, 200)
  assert.equal(reply.headers['content-type'], 'image/gif')
  assert.match(String(reply.headers['cache-control']), /no-store/)
  assert.equal(reply.rawPayload.subarray(0, 6).toString(), 'GIF89a')
  assert.deepEqual([told[0]?.type, told.length], ['opened', 1])
})

test('HEAD is answered as GET, and told as a machine', async () => {
  const { ask, told, message, click } = await pages()
  assert.equal((await ask(click(0, URLS[0]), 'HEAD')).headers.location, URLS[0])
  assert.equal((await ask(`/o/${message}`, 'HEAD')).statusCode, 200)
  assert.deepEqual(
    told.map((event) => 'machineSigns' in event && event.machineSigns),
    [['head'], ['head']],
  )
})

test('who follows the link that no person sees gets nothing, and is a machine in what follows', async () => {
  const { ask, told, click } = await pages()
  const trap = await ask(click(0, ''))
  assert.deepEqual([trap.statusCode, trap.headers.location], [204, undefined])
  assert.equal((await ask(click(3, URLS[0]))).statusCode, 302)
  assert.deepEqual(
    told.map((event) => 'link' in event && [event.link, event.url, ...event.machineSigns]),
    [
      [null, null, 'trap'],
      [3, URLS[0], 'trap_before'],
    ],
  )
})

test('a second link within a moment is a burst', async () => {
  const { ask, told, click, clock } = await pages()
  await ask(click(0, URLS[0]))
  await ask(click(1, URLS[1]))
  await clock.advance(30_000)
  await ask(click(2, URLS[0]))
  assert.deepEqual(
    told.map((event) => 'machineSigns' in event && event.machineSigns),
    [[], ['burst'], []],
  )
})

test('a token that is not ours, or of another message, is a page and never a redirect', async () => {
  const { ask, told, message, click } = await pages()
  const link = click(0, URLS[0])
  const other = linkToken(
    key,
    { tenantId, campaignId: '0190a0a0-0000-7000-8000-0000000000c2' },
    { index: 0, url: 'https://evil.example/' },
  )
  for (const url of [
    '/c/x/y',
    `/c/${message}/`,
    `/c/${message}/https://evil.example/`,
    `/c/${message}/${Buffer.from('https://evil.example/').toString('base64url')}`,
    `/c/${message}/${other}`,
    `${link}A`,
    `${link}/..`,
    link.slice(0, -1),
    `/c/${message}/c${'a'.repeat(9_000)}`,
    `/o/${message}A`,
    '/o/x',
  ]) {
    const reply = await ask(url)
    assert.equal(reply.statusCode, 404, url)
    assert.equal(reply.headers.location, undefined)
    assert.match(String(reply.headers['content-type']), /^text\/html/)
    assert.doesNotMatch(reply.body, /evil/)
  }
  assert.equal(told.length, 0)
})
