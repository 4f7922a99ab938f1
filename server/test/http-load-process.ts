import { connect } from 'node:net'
import type { LoadOrder, LoadResult } from './http-load.ts'

/**
 * Asks for paths over connections that stay open, one request at a time on each, and says how long answers took. Plain
 * sockets: a client with comforts would use more of the processor than the server that is measured.
 */
const HEADERS =
  'host: localhost\r\nuser-agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\naccept-language: en\r\naccept: text/html\r\n\r\n'
const END = '\r\n\r\n'

async function load(order: LoadOrder): Promise<LoadResult> {
  const latencies = new Float64Array(order.requests)
  const statuses: Record<string, number> = {}
  let begun = 0
  let ended = 0
  const startedAt = performance.now()

  async function ask(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const socket = connect(order.port, '127.0.0.1')
    let text = ''
    let sentAt = 0
    const next = (): void => {
      if (begun >= order.requests) {
        socket.end()
        return resolve()
      }
      const path = order.paths[begun % order.paths.length] ?? '/'
      begun += 1
      sentAt = performance.now()
      socket.write(`GET ${path} HTTP/1.1\r\n${HEADERS}`)
    }
    socket.setNoDelay(true)
    socket.setEncoding('latin1')
    socket.on('connect', next)
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('The server closed a connection.')))
    socket.on('data', (chunk: string) => {
      text += chunk
      const end = text.indexOf(END)
      if (end < 0) return
      const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0)
      if (text.length < end + END.length + length) return
      latencies[ended] = performance.now() - sentAt
      ended += 1
      const status = text.slice(9, 12)
      statuses[status] = (statuses[status] ?? 0) + 1
      text = ''
      next()
    })
    return promise
  }

  await Promise.all(Array.from({ length: order.connections }, ask))
  const seconds = (performance.now() - startedAt) / 1000
  latencies.sort()
  const at = (share: number): number => latencies[Math.floor(share * (latencies.length - 1))] ?? 0
  return { seconds, statuses, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) }
}

process.on('message', (order: LoadOrder) => {
  load(order).then(
    (result) => process.send?.(result),
    (error: unknown) => {
      process.stderr.write(`${String(error)}\n`)
      process.exit(1)
    },
  )
})
