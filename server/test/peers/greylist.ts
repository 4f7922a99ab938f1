import { createServer, type Socket } from 'node:net'
import type { PeerScope } from './debian.ts'

export interface Greylist {
  readonly port: number
  /** The recipients that Postfix asked about, in order. */
  asked(): readonly string[]
}

/** A policy service for Postfix (SMTPD_POLICY_README) that defers each pair of sender and recipient once. */
export async function startGreylist(scope: PeerScope): Promise<Greylist> {
  const asked: string[] = []
  const known = new Set<string>()
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket.on('close', () => sockets.delete(socket)).on('error', () => undefined))
    let text = ''
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        const recipient = /^recipient=(.*)$/m.exec(text.slice(0, end))?.[1] ?? ''
        text = text.slice(end + 2)
        asked.push(recipient)
        const action = known.has(recipient) ? 'DUNNO' : 'DEFER_IF_PERMIT 4.2.0 Greylisted, see help.example'
        known.add(recipient)
        socket.write(`action=${action}\n\n`)
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  scope.after(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('The policy service has no port.')
  return { port: address.port, asked: () => asked }
}
