import assert from 'node:assert/strict'
import { lookup } from 'node:dns'
import { Agent } from 'node:http'
import { test, type TestContext } from 'node:test'
import {
  closedPort,
  startScriptedApi,
  type ScriptedApi,
  type ScriptedApiOptions,
} from '@pigeon/server/test/scripted-api.ts'
import { systemClock } from '#platform/clock.ts'
import { exchange, type HttpEnd, type RelayTimeouts } from './http-exchange.ts'

const LONG: RelayTimeouts = { connectMs: 20_000, blockMs: 20_000, answerMs: 20_000 }
/** More than the buffers between two sockets of one machine hold. */
const HUGE = Buffer.alloc(64 * 1024 * 1024, 'x')

async function server(t: TestContext, options: Partial<ScriptedApiOptions> = {}): Promise<ScriptedApi> {
  const one = await startScriptedApi({ answer: () => ({ status: 202, body: 'taken' }), ...options })
  t.after(() => one.close())
  return one
}

interface Asked {
  readonly body?: Buffer
  readonly timeouts?: Partial<RelayTimeouts>
  readonly before?: () => Promise<void>
  readonly signal?: AbortSignal
}

async function post(t: TestContext, port: number, asked: Asked = {}): Promise<HttpEnd> {
  const agent = new Agent({ keepAlive: true })
  t.after(() => agent.destroy())
  const request = {
    url: new URL(`http://127.0.0.1:${port}/send`),
    headers: { a: 'b' },
    body: asked.body ?? Buffer.from('hi'),
  }
  const { end } = await exchange(
    {
      clock: systemClock,
      agent,
      lookup,
      timeouts: { ...LONG, ...asked.timeouts },
      signal: asked.signal ?? new AbortController().signal,
    },
    request,
    asked.before ?? (() => Promise.resolve()),
  )
  return end
}

function inWords(end: HttpEnd): string {
  if (end.kind === 'http') return `http ${end.status} ${end.body}`
  if (end.kind === 'unsent') return `unsent ${end.reason}`
  return `${end.kind} ${end.phase}${end.dotSent ? ' in doubt' : ''}`
}

test('a request arrives whole, whatever its size, and its answer comes back', async (t) => {
  const one = await server(t)
  for (const size of [0, 1, 65_535, 65_536, 65_537, 1_000_000]) {
    const body = Buffer.alloc(size, 'y')
    assert.equal(inWords(await post(t, one.port, { body })), 'http 202 taken')
    assert.ok(one.requests.at(-1)?.body.equals(body), `${size} octets`)
  }
  assert.equal(one.requests[0]?.headers['a'], 'b')
})

test('nobody listens: broken before anything was sent', async (t) => {
  assert.equal(inWords(await post(t, await closedPort())), 'broken connect')
})

test('the last block waits for the journal, and does not leave when that fails', async (t) => {
  const one = await server(t)
  const reached = Promise.withResolvers<void>()
  const journal = Promise.withResolvers<void>()
  const before = (): Promise<void> => {
    reached.resolve()
    return journal.promise
  }
  const sending = post(t, one.port, { body: Buffer.alloc(200_000), before })
  await reached.promise
  assert.equal(one.requests.length, 0)
  journal.reject(new Error('disk full'))
  assert.equal(inWords(await sending), 'unsent journal_failed')
  assert.equal(one.requests.length, 0)
})

test('a connection cut after the whole request is in doubt', async (t) => {
  const one = await server(t, { answer: () => 'cut' })
  assert.equal(inWords(await post(t, one.port)), 'broken dot in doubt')
})

test('no answer in time to the whole request is in doubt', async (t) => {
  const one = await server(t, { answer: () => 'stall' })
  assert.equal(inWords(await post(t, one.port, { timeouts: { answerMs: 1_000 } })), 'timeout dot in doubt')
  assert.equal(one.requests.length, 1)
})

test('a connection cut in the middle of the body is not in doubt', async (t) => {
  const one = await server(t, { early: () => 'cut' })
  assert.equal(inWords(await post(t, one.port, { body: HUGE })), 'broken data')
})

test('a server that stops reading is given up in the middle, and that is not in doubt', async (t) => {
  const one = await server(t, { early: () => 'stall' })
  assert.equal(inWords(await post(t, one.port, { body: HUGE, timeouts: { blockMs: 1_000 } })), 'timeout data')
})

test('an answer before the end of the body is an answer', async (t) => {
  const one = await server(t, { early: () => ({ status: 413, body: 'too big' }) })
  assert.equal(inWords(await post(t, one.port, { body: HUGE })), 'http 413 too big')
})

test('a status without the end of its body is an answer', async (t) => {
  const one = await server(t, {
    answer: () => ({ status: 202, headers: { 'content-length': '1000' }, body: 'half' }),
  })
  const end = await post(t, one.port, { timeouts: { answerMs: 1_000 } })
  assert.equal(end.kind === 'http' && end.status, 202)
})

test('of a long answer the beginning is kept', async (t) => {
  const one = await server(t, { answer: () => ({ status: 500, body: 'z'.repeat(10_000_000) }) })
  const end = await post(t, one.port)
  assert.equal(end.kind === 'http' && end.status, 500)
  assert.ok(end.kind === 'http' && end.body.length <= 65_536)
})

test('a redirect is an answer and is not followed', async (t) => {
  const one = await server(t, { answer: () => ({ status: 307, headers: { location: '/elsewhere' } }) })
  assert.equal(inWords(await post(t, one.port)), 'http 307 ')
  assert.equal(one.requests.length, 1)
})

test('an exchange that is ended from outside is in doubt only after the whole request', async (t) => {
  const one = await server(t, { answer: () => 'stall' })
  const stop = new AbortController()
  const sending = post(t, one.port, { signal: stop.signal })
  while (one.requests.length === 0) await new Promise((resolve) => setImmediate(resolve))
  stop.abort()
  assert.equal(inWords(await sending), 'broken dot in doubt')
  assert.equal(inWords(await post(t, one.port, { signal: AbortSignal.abort() })), 'broken connect')
})
