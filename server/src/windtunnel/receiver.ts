import { createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import { TLSSocket, createSecureContext } from 'node:tls'
import type { SecureContext } from 'node:tls'
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
  /** Key and certificate when STARTTLS is offered. */
  readonly certificate: { readonly key: string; readonly cert: string } | undefined
}

interface Open {
  readonly session: SmtpSession
  readonly socket: () => Socket
}

/** Listens as one provider on its loopback address. Rejects with the system's error when the port is taken. */
export async function startReceiver(deps: ReceiverDeps, port: number): Promise<Receiver> {
  const { profile } = deps.behaviour
  const secureContext =
    deps.certificate === undefined ? undefined : createSecureContext({ ...deps.certificate })
  const open = new Set<Open>()
  const openByIp = new Map<string, number>()
  const server = createServer({ noDelay: true }, (socket) =>
    welcome(deps, secureContext, socket, open, openByIp),
  )
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

function welcome(
  deps: ReceiverDeps,
  secureContext: SecureContext | undefined,
  socket: Socket,
  open: Set<Open>,
  openByIp: Map<string, number>,
): void {
  const ip = socket.remoteAddress ?? '127.0.0.1'
  // A visitor that breaks the connection is an ordinary event here; 'close' follows and cleans up.
  socket.on('error', () => socket.destroy())
  const refusal = deps.behaviour.onConnect(openByIp.get(ip) ?? 0)
  if (refusal !== undefined) {
    deps.count(refusal)
    socket.resume()
    socket.end(createWords(deps.behaviour.profile, ip, deps.nextId).situation(refusal, ''))
    socket.setTimeout(1000, () => socket.destroy())
    return
  }
  openByIp.set(ip, (openByIp.get(ip) ?? 0) + 1)
  const entry = converse(deps, secureContext, socket, ip)
  open.add(entry)
  socket.on('close', () => {
    entry.session.close()
    open.delete(entry)
    const left = (openByIp.get(ip) ?? 1) - 1
    if (left === 0) openByIp.delete(ip)
    else openByIp.set(ip, left)
  })
}

function converse(
  deps: ReceiverDeps,
  secureContext: SecureContext | undefined,
  plain: Socket,
  ip: string,
): Open {
  let socket = plain
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
    startTls:
      secureContext === undefined
        ? undefined
        : () => {
            plain.off('data', onData)
            socket = new TLSSocket(plain, { isServer: true, secureContext })
            socket.on('error', () => plain.destroy())
            socket.on('data', onData)
            // What comes through TLS does not count as activity of the plain socket.
            plain.setTimeout(0)
            socket.setTimeout(IDLE_TIMEOUT_MS, () => plain.destroy())
            session.secured()
          },
  })
  plain.setTimeout(IDLE_TIMEOUT_MS, () => plain.destroy())
  plain.on('data', onData)
  session.greet()
  return { session, socket: () => socket }
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
