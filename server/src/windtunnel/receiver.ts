import { createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { SecureContext } from 'node:tls'
import type { StartTls } from './receiver-certificates.ts'
import { createSmtpSession } from './smtp-session.ts'
import type { SmtpSession } from './smtp-session.ts'
import type { SessionDeps } from './smtp-state.ts'
import { createWords } from './smtp-words.ts'

const IDLE_TIMEOUT_MS = 120_000
/** Open connections of one provider; those beyond it are closed without a word. */
const MAX_CONNECTIONS = 5000

export interface Receiver {
  readonly address: string
  readonly port: number
  connections(): number
  /** Stops listening, tells idle visitors to go, gives running transactions up to `graceMs`, then cuts. */
  stop(graceMs: number): Promise<void>
}

export interface ReceiverDeps extends SessionDeps {
  /** Asked at every connection: habits change. */
  readonly startTls: () => StartTls
}

interface Open {
  readonly session: SmtpSession
  readonly socket: () => Socket
}

/** Listens as one provider on its loopback address. Rejects with the system's error when the port is taken. */
export async function startReceiver(deps: ReceiverDeps, port: number): Promise<Receiver> {
  const { profile } = deps.behaviour
  const open = new Set<Open>()
  const openByIp = new Map<string, number>()
  const server = createServer({ noDelay: true }, (socket) => welcome(deps, socket, open, openByIp))
  server.maxConnections = MAX_CONNECTIONS
  await listen(server, profile.address, port)
  const address = server.address()
  return {
    address: profile.address,
    port: typeof address === 'object' && address !== null ? address.port : port,
    connections: () => open.size,
    stop: (graceMs) => stopServer(server, open, graceMs),
  }
}

function welcome(deps: ReceiverDeps, socket: Socket, open: Set<Open>, openByIp: Map<string, number>): void {
  const ip = socket.remoteAddress ?? '127.0.0.1'
  // A visitor that breaks the connection is an ordinary event here; 'close' follows and cleans up.
  socket.on('error', () => socket.destroy())
  const refusal = deps.behaviour.judge({ kind: 'connect', ip, open: openByIp.get(ip) ?? 0 })
  if (refusal !== undefined) {
    deps.count(refusal)
    socket.resume()
    socket.end(createWords(deps.behaviour.profile, ip, deps.nextId).situation(refusal))
    socket.setTimeout(1000, () => socket.destroy())
    return
  }
  openByIp.set(ip, (openByIp.get(ip) ?? 0) + 1)
  const entry = converse(deps, socket, ip)
  open.add(entry)
  socket.on('close', () => {
    entry.session.close()
    open.delete(entry)
    const left = (openByIp.get(ip) ?? 1) - 1
    if (left === 0) openByIp.delete(ip)
    else openByIp.set(ip, left)
  })
}

function converse(deps: ReceiverDeps, plain: Socket, ip: string): Open {
  let socket = plain
  const startTls = deps.startTls()
  const onData = (chunk: Buffer) => session.push(chunk)
  const session: SmtpSession = createSmtpSession(deps, {
    ip,
    write: (text) => void socket.write(text),
    end: (text) => {
      socket.end(text)
      socket.setTimeout(1000, () => plain.destroy())
    },
    cut: () => plain.destroy(),
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    startTls: startTls.kind === 'absent' ? undefined : () => secure(startTls),
  })
  const secure = (how: Exclude<StartTls, { kind: 'absent' }>) => {
    plain.off('data', onData)
    if (how.kind === 'broken') return breakHandshake(plain)
    socket = securedSocket(plain, how.context)
    socket.on('data', onData)
    session.secured()
  }
  plain.setTimeout(IDLE_TIMEOUT_MS, () => plain.destroy())
  plain.on('data', onData)
  session.greet()
  return { session, socket: () => socket }
}

function securedSocket(plain: Socket, secureContext: SecureContext): TLSSocket {
  const socket = new TLSSocket(plain, { isServer: true, secureContext })
  socket.on('error', () => plain.destroy())
  // What comes through TLS does not count as activity of the plain socket.
  plain.setTimeout(0)
  socket.setTimeout(IDLE_TIMEOUT_MS, () => plain.destroy())
  return socket
}

/** The client hello is answered with what is no TLS record, as servers do whose TLS is half set up. */
function breakHandshake(plain: Socket): void {
  plain.once('data', () => {
    plain.end('454 4.7.0 TLS not available due to local problem\r\n')
    plain.setTimeout(1000, () => plain.destroy())
  })
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port, exclusive: true }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

async function stopServer(server: Server, open: Set<Open>, graceMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  for (const { session, socket } of open) {
    if (session.isBusy()) continue
    session.close()
    socket().end('421 4.3.2 Service shutting down\r\n')
    socket().destroySoon()
  }
  const cutting = setTimeout(() => {
    for (const { socket } of open) socket().destroy()
  }, graceMs)
  await closed
  clearTimeout(cutting)
}
