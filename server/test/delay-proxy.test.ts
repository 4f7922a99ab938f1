import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { test } from 'node:test'
import { freePorts } from '#roles/free-ports.ts'
import { startDelayProxy } from './delay-proxy.ts'

const NEAR = '127.20.90.1'
const FAR = '127.20.90.2'
const ONE_WAY_MS = 60
const OCTETS = 5 * 1024 * 1024

test('a delaying wire carries everything in order, the end too, and takes its time in each direction', async (t) => {
  const [port = 0] = await freePorts(1)
  const echo = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket)).listen(port, FAR)
  t.after(() => echo.close())
  await once(echo, 'listening')
  const wire = await startDelayProxy({ from: [NEAR], to: [FAR], port, oneWayMs: ONE_WAY_MS })
  t.after(() => wire.stop())
  const said = randomBytes(OCTETS)
  const startedAt = performance.now()
  const socket = connect(port, NEAR)
  socket.end(said)
  const heard: Buffer[] = []
  let firstAt = 0
  socket.on('data', (chunk: Buffer) => {
    firstAt ||= performance.now()
    heard.push(chunk)
  })
  await once(socket, 'end', { signal: AbortSignal.timeout(60_000) })
  assert.ok(Buffer.concat(heard).equals(said))
  assert.ok(
    firstAt - startedAt >= 2 * ONE_WAY_MS,
    `the first octets were back after ${firstAt - startedAt} ms`,
  )
})
