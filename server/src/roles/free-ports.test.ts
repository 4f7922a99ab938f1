import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { freePorts } from './free-ports.ts'

test('free ports are different, and one can listen on them on any loopback address', async () => {
  const ports = await freePorts(8)
  assert.equal(new Set(ports).size, 8)
  for (const [n, port] of ports.entries()) {
    const server = createServer().listen(port, `127.10.1.${n + 1}`)
    await once(server, 'listening')
    server.close()
    await once(server, 'close')
  }
})

test('no port above the limit is given, where outgoing connections take theirs', async () => {
  const ports = await freePorts(50)
  assert.ok(ports.every((port) => port >= 20_000 && port < 32_768))
})
