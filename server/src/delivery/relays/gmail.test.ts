import assert from 'node:assert/strict'
import { test } from 'node:test'
import { manualClock } from '@pigeon/server/test/manual-clock.ts'
import { waitFor } from '@pigeon/server/test/wait-for.ts'
import { gmailApi, type AccessToken } from './gmail.ts'

const mail = {
  mailFrom: '',
  rcptTo: 'b@y.example',
  mime: Buffer.from('From: a@x.example\r\nTo: b@y.example\r\n\r\nhello\r\n'),
}

function api(accessToken: AccessToken, clock = manualClock()) {
  return gmailApi({ clock, accessToken }, { endpoint: new URL('https://gmail.example') })
}

test('the token is asked for with every request, and said to be refused when it was', async () => {
  const asked: boolean[] = []
  const one = api(async ({ isRefused }) => {
    asked.push(isRefused)
    return isRefused ? 'token-new' : 'token-old'
  })
  assert.equal((await one.request(mail, false)).headers['authorization'], 'Bearer token-old')
  assert.equal((await one.request(mail, true)).headers['authorization'], 'Bearer token-new')
  assert.deepEqual(asked, [false, true])
  assert.deepEqual(one.secrets(), ['token-old', 'token-new'])
})

test('tokens that are over are forgotten', async () => {
  let n = 0
  const one = api(async () => `token-${(n += 1)}`)
  for (let i = 0; i < 5; i += 1) await one.request(mail, false)
  assert.deepEqual(one.secrets(), ['token-4', 'token-5'])
})

test('an account without a token is told to be connected again, without what went wrong inside', async () => {
  const one = api(() => Promise.reject(new Error('refresh_token=secret is revoked')))
  await assert.rejects(one.request(mail, false), (error: Error) => {
    assert.equal(error.name, 'NoCredentials')
    assert.match(error.message, /connect it again/)
    return !error.message.includes('secret')
  })
})

test('a token that does not come is not waited for without an end', async () => {
  const clock = manualClock()
  const asking = assert.rejects(api(() => new Promise(() => {}), clock).request(mail, false), /came in time/)
  await waitFor('the deadline to be set', () => clock.sleepers() === 1)
  await clock.advance(30_000)
  await asking
})
