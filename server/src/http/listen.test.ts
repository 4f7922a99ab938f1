import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exampleApp } from './example-app.ts'
import { closeApp, listen } from './listen.ts'

test('a port that is taken is a sentence that names the setting', async (t) => {
  const [first, second] = [await exampleApp(), await exampleApp()]
  t.after(() => first.close())
  const address = await listen(first, { host: '127.0.0.1', port: 0 })
  const port = Number(new URL(address).port)
  await assert.rejects(listen(second, { host: '127.0.0.1', port }), (error: Error) => {
    assert.match(error.message, new RegExp(`^Port ${port} is already in use .* PIGEON_HTTP_PORT`))
    return true
  })
})

test('an address that is not of this machine is a sentence that names the setting', async () => {
  const app = await exampleApp()
  await assert.rejects(listen(app, { host: '192.0.2.1', port: 0 }), {
    code: 'http.no_such_address',
    message: /PIGEON_HTTP_HOST/,
  })
})

test('what is not HTTP gets a 400 and is hung up on', async (t) => {
  const app = await exampleApp()
  t.after(() => app.close())
  const { port } = new URL(await listen(app, { host: '127.0.0.1', port: 0 }))
  const { connect } = await import('node:net')
  const socket = connect(Number(port), '127.0.0.1')
  socket.write('EHLO there\r\n\r\n')
  const answer = Buffer.concat(await socket.toArray()).toString()
  assert.match(answer, /^HTTP\/1\.1 400 /)
  assert.match(answer, /application\/problem\+json/)
})

test('headers that are too long get a 431 that says so', async (t) => {
  const app = await exampleApp()
  t.after(() => app.close())
  const address = await listen(app, { host: '127.0.0.1', port: 0 })
  const reply = await fetch(`${address}/v1/things`, {
    headers: { authorization: `Bearer ${'a'.repeat(20_000)}` },
  })
  assert.equal(reply.status, 431)
  assert.match(await reply.text(), /"code":"request\.headers_too_large"/)
})

test(
  'a request that never ends does not hold the close longer than its deadline',
  { timeout: 10_000 },
  async () => {
    const app = await exampleApp()
    const entered = Promise.withResolvers<void>()
    app.get('/v1/slow', { config: { public: true } }, async () => {
      entered.resolve()
      return new Promise(() => undefined)
    })
    const address = await listen(app, { host: '127.0.0.1', port: 0 })
    const request = fetch(`${address}/v1/slow`).then(
      () => 'answered',
      () => 'cut',
    )
    await entered.promise
    await closeApp(app, 100)
    assert.equal(await request, 'cut')
  },
)

test('a request under way is answered before the close', async () => {
  const app = await exampleApp()
  const [entered, finish] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  app.get('/v1/slow', { config: { public: true } }, async () => {
    entered.resolve()
    await finish.promise
    return { done: true }
  })
  const address = await listen(app, { host: '127.0.0.1', port: 0 })
  const request = fetch(`${address}/v1/slow`)
  await entered.promise
  const closing = closeApp(app, 5000)
  finish.resolve()
  assert.deepEqual(await (await request).json(), { done: true })
  await closing
})
