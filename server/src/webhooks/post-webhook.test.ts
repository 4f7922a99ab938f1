import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { systemClock } from '#platform/clock.ts'
import { startScriptedApi } from '@pigeon/server/test/scripted-api.ts'
import { createPoster, type PosterDeps } from './post-webhook.ts'
import { newSecret } from './signature.ts'
import { webhookUrl } from './webhook.ts'

type Lookup = NonNullable<PosterDeps['lookup']>

function posterOf(t: TestContext, deps: Partial<PosterDeps>) {
  const poster = createPoster({ clock: systemClock, allowPrivate: false, ...deps })
  t.after(() => poster.close())
  return (url: string) => poster.post({ url, secrets: [newSecret()], id: 'x', body: '{}' })
}

test('a name that leads to a private address is not connected to, whatever it was when it was looked at before', async (t) => {
  const receiver = await startScriptedApi({ answer: () => ({ status: 200 }) })
  t.after(() => receiver.close())
  const lookup: Lookup = (_hostname, _options, callback) =>
    callback(null, [
      { address: '127.0.0.1', family: 4 },
      { address: '::ffff:10.0.0.1', family: 6 },
    ])
  const post = posterOf(t, { lookup })
  const result = await post(`https://rebound.example:${receiver.port}/`)
  assert.equal(result.status, null)
  assert.match(result.error ?? '', /no public address/)
  for (const url of [
    `https://127.0.0.1:${receiver.port}/`,
    `https://[::1]:${receiver.port}/`,
    `http://rebound.example:${receiver.port}/`,
  ])
    assert.match((await post(url)).error ?? '', /private/, url)
  assert.equal(receiver.connections(), 0)
})

test('of a long answer the beginning is kept, and the connection is used again after a short one', async (t) => {
  const receiver = await startScriptedApi({
    answer: (_request, count) => ({ status: 200, body: count === 7 ? 'ä\0'.repeat(200_000) : 'short' }),
  })
  t.after(() => receiver.close())
  const post = posterOf(t, { allowPrivate: true })
  const url = `http://127.0.0.1:${receiver.port}/`
  for (let n = 0; n < 6; n += 1) assert.equal((await post(url)).response, 'short')
  // The next request may come before the last answer has let go of its connection.
  assert.ok(receiver.connections() <= 2)
  const { status, response } = await post(url)
  assert.equal(status, 200)
  assert.ok(response !== null && response.length <= 1_000 && response.startsWith('ää'))
})

test('the URL of a webhook is https, public and without credentials, unless the installation lets it be otherwise', () => {
  for (const url of [
    'example.com',
    'http://example.com/',
    'ftp://example.com/',
    'https://user:secret@example.com/',
    'https://example.com/#part',
    'https://127.0.0.1/',
    'https://2130706433/',
    'https://[fd00::1]/',
    'https://169.254.169.254/latest/meta-data',
  ])
    assert.throws(() => webhookUrl(url, { allowPrivate: false }), { code: 'webhooks.bad_url' }, url)
  assert.equal(webhookUrl('https://Example.com', { allowPrivate: false }), 'https://example.com/')
  assert.equal(webhookUrl('http://127.0.0.1:1/x?y=1', { allowPrivate: true }), 'http://127.0.0.1:1/x?y=1')
})
