import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import type { DelayOrder } from './delay-proxy.ts'

/** Octets on their way in one direction of one connection; then the sender has to wait. */
const MAX_ON_THE_WAY = 4 * 1024 * 1024

process.on('disconnect', () => process.exit(0))
process.once('message', (order: DelayOrder) => void listen(order))

async function listen({ from, to, port, oneWayMs }: DelayOrder): Promise<void> {
  for (const [index, address] of from.entries()) {
    const server = createServer({ allowHalfOpen: true }, (near) => {
      const far = connect({ host: to[index] ?? '', port, allowHalfOpen: true })
      carry(near, far, oneWayMs)
      carry(far, near, oneWayMs)
    })
    server.listen(port, address)
    await once(server, 'listening')
  }
  process.send?.('listening')
}

/** What `from` says reaches `to` that much later, its end included. */
function carry(from: Socket, to: Socket, oneWayMs: number): void {
  const onTheWay: { readonly atMs: number; readonly octets: Buffer | undefined }[] = []
  let held = 0
  let timer: NodeJS.Timeout | undefined

  function arrive(): void {
    timer = undefined
    const nowMs = performance.now()
    for (let first = onTheWay[0]; first !== undefined && first.atMs <= nowMs; first = onTheWay[0]) {
      onTheWay.shift()
      if (first.octets === undefined) to.end()
      else to.write(first.octets)
      held -= first.octets?.length ?? 0
    }
    if (held < MAX_ON_THE_WAY) from.resume()
    wait()
  }

  function wait(): void {
    const [first] = onTheWay
    if (first !== undefined) timer ??= setTimeout(arrive, Math.max(0, first.atMs - performance.now()))
  }

  function depart(octets: Buffer | undefined): void {
    onTheWay.push({ atMs: performance.now() + oneWayMs, octets })
    held += octets?.length ?? 0
    if (held >= MAX_ON_THE_WAY) from.pause()
    wait()
  }

  from.setNoDelay(true)
  from.on('data', depart)
  from.on('end', () => depart(undefined))
  from.on('error', () => to.destroy())
  from.on('close', () => {
    if (from.errored !== null) to.destroy()
  })
}
