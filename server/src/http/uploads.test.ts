import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exampleApp, SIGNED_IN } from './example-app.ts'

function form(parts: readonly string[]): { headers: Record<string, string>; payload: string } {
  const payload =
    parts.map((part) => `--b\r\nContent-Disposition: form-data; ${part}\r\n`).join('') + '--b--\r\n'
  return { headers: { ...SIGNED_IN, 'content-type': 'multipart/form-data; boundary=b' }, payload }
}

test('an upload is streamed with its fields', async () => {
  const app = await exampleApp()
  const send = async (parts: readonly string[]) =>
    app.inject({ method: 'POST', url: '/v1/upload', ...form(parts) })
  const file = 'name="file"; filename="a.csv"\r\n\r\n'
  const good = await send(['name="mode"\r\n\r\nskip', `${file}a,b,c`])
  assert.equal(good.body, '{"words":"skip a.csv a,b,c"}')
  assert.equal((await send([`${file}${'x'.repeat(11)}`])).statusCode, 413)
  assert.equal((await send(['name="mode"\r\n\r\nskip'])).statusCode, 422)
  assert.equal((await send(['name="mod"\r\n\r\nskip', `${file}a`])).statusCode, 422)
  assert.equal((await send([`${file}a`, 'name="mode"\r\n\r\nskip'])).statusCode, 422)
  const json = await app.inject({ method: 'POST', url: '/v1/upload', headers: SIGNED_IN, payload: { a: 1 } })
  assert.equal(json.statusCode, 422)
})
