import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls, TLSSocket } from 'node:tls'
import { createReplyParser, type Reply, type ReplyParser } from '@pigeon/mail/smtp-reply.ts'
import type { Clock } from '#platform/clock.ts'
import { createDeadline } from './deadline.ts'
import type { TlsPeer } from './tls-proof.ts'

/** Why nothing more comes. */
export type WireEnd =
  /** `isOurs`: it says nothing about the server, because this machine could not even try. */
  | { readonly kind: 'broken'; readonly error: string; readonly isOurs?: true }
  | { readonly kind: 'timeout'; readonly error: string }

export type WireRead = { readonly kind: 'reply'; readonly reply: Reply } | WireEnd

/** More unread replies than this are not an answer to anything we asked. */
const MAX_UNREAD = 50

/** Where the last TLS session with a server is kept, for the next connection to it (RFC 5077, RFC 8446 2.2). */
export interface TlsSessionSlot {
  get(): Buffer | undefined
  keep(session: Buffer): void
  forget(): void
}

export interface SecureOptions {
  readonly ca?: string | undefined
  readonly session?: TlsSessionSlot | undefined
}

/** A socket that speaks in whole replies. Nothing here rejects, and no wait is without an end. */
export interface SmtpWire {
  /** The next reply. Those that came before the end are read first. */
  read(timeoutMs: number): Promise<WireRead>
  write(data: string | Buffer): void
  /** Resolves when the operating system has taken all of it: undefined, or why it has not. */
  flush(data: Buffer, timeoutMs: number): Promise<WireEnd | undefined>
  /**
   * STARTTLS, client side: what was read in plain before is forgotten (RFC 3207 4.2). Any certificate will do: `peer`
   * says what it was. `ca` (PEM) stands in for the authorities that are known.
   */
  secure(host: string, timeoutMs: number, how?: SecureOptions): Promise<WireEnd | undefined>
  /** Whether TLS went on from an earlier session, without a new exchange of keys and certificates. */
  isResumed(): boolean
  /** Undefined before `secure`. */
  peer(): TlsPeer | undefined
  /** The address it leaves from. */
  localAddress(): string | null
  hasUnread(): boolean
  ended(): WireEnd | undefined
  /** Called once, at the end or at once. */
  onEnd(listener: () => void): void
  end(reason: string): void
}

export interface WireOptions {
  readonly address: string
  readonly port: number
  readonly localAddress?: string | undefined
  readonly connectMs: number
  readonly clock: Clock
  /** Ends the wait for the connection. */
  readonly signal?: AbortSignal | undefined
}

/** Connects. A wire that has ended already says why in `ended()`. */
export async function openWire(options: WireOptions): Promise<SmtpWire> {
  const socket = connectTcp({
    host: options.address,
    port: options.port,
    noDelay: true,
    autoSelectFamily: false,
    ...(options.localAddress === undefined ? {} : { localAddress: options.localAddress }),
  })
  const wire = createWire(socket, options)
  const abort = (): void => wire.end('given up')
  options.signal?.addEventListener('abort', abort)
  await wire.ready('connect', options.connectMs)
  options.signal?.removeEventListener('abort', abort)
  return wire
}

type Attached = SmtpWire & { ready(event: 'connect' | 'secureConnect', timeoutMs: number): Promise<void> }

function createWire(first: Socket, { clock, localAddress }: WireOptions): Attached {
  let socket = first
  let parser: ReplyParser = createReplyParser()
  let unread: Reply[] = []
  let end: WireEnd | undefined
  let isResumed = false
  let reader: ((read: WireRead) => void) | undefined
  /** Who waits for something else than a reply: a connection, a handshake, a write. */
  const waiters = new Set<() => void>()
  const listeners: (() => void)[] = []
  const deadline = createDeadline(clock, () => stop({ kind: 'timeout', error: 'no answer in time' }))

  function stop(reason: WireEnd): void {
    if (end !== undefined) return
    end = reason
    deadline.stop()
    socket.destroy()
    reader?.(reason)
    reader = undefined
    for (const waiter of waiters) waiter()
    for (const listener of listeners.splice(0)) listener()
  }

  function take(reply: Reply): void {
    if (reader === undefined) {
      unread.push(reply)
      return
    }
    const waiting = reader
    reader = undefined
    deadline.disarm()
    waiting({ kind: 'reply', reply })
  }

  function onData(chunk: Buffer): void {
    try {
      for (const reply of parser.push(chunk)) take(reply)
    } catch (error) {
      stop({ kind: 'broken', error: error instanceof Error ? error.message : String(error) })
    }
    const fault = parser.failure()
    if (fault !== undefined) stop({ kind: 'broken', error: fault.message })
    if (unread.length > MAX_UNREAD) stop({ kind: 'broken', error: 'more replies than commands' })
  }

  const onError = (error: NodeJS.ErrnoException): void => stop(faultOf(error, localAddress))
  const onFin = (): void => stop({ kind: 'broken', error: 'the server closed the connection' })
  const onClose = (): void => stop({ kind: 'broken', error: 'the connection was closed' })

  function attach(one: Socket): void {
    one.on('data', onData).on('error', onError).on('end', onFin).on('close', onClose)
  }

  /** Waits for `begin` to call back, the deadline, or the end of the wire. */
  function until(timeoutMs: number, begin: (done: () => void) => void): Promise<void> {
    if (end !== undefined) return Promise.resolve()
    return new Promise((resolve) => {
      const done = (): void => {
        if (!waiters.delete(done)) return
        deadline.disarm()
        resolve()
      }
      waiters.add(done)
      deadline.arm(timeoutMs)
      begin(done)
    })
  }

  attach(socket)
  return {
    read(timeoutMs) {
      const reply = unread.shift()
      if (reply !== undefined) return Promise.resolve({ kind: 'reply', reply })
      if (end !== undefined) return Promise.resolve(end)
      deadline.arm(timeoutMs)
      return new Promise((resolve) => {
        reader = resolve
      })
    },
    write(data) {
      if (end === undefined) socket.write(data)
    },
    async flush(data, timeoutMs) {
      let failure: WireEnd | undefined
      let isTaken = false
      await until(timeoutMs, (done) => {
        socket.write(data, (error) => {
          if (error) failure = { kind: 'broken', error: describe(error) }
          else isTaken = true
          done()
        })
      })
      // What was taken has been sent, even if the wire ended at the same moment.
      return isTaken ? undefined : (failure ?? end)
    },
    async secure(host, timeoutMs, { ca, session: slot } = {}) {
      if (unread.length > 0) stop({ kind: 'broken', error: 'a reply in plain where TLS should begin' })
      if (end !== undefined) return end
      const plain = socket
      // Faults of the plain socket come out of the TLS socket too, with better words.
      plain.off('data', onData).off('error', onError).off('end', onFin).off('close', onClose)
      plain.on('error', () => {})
      parser = createReplyParser()
      unread = []
      const servername = isIP(host) === 0 ? host : ''
      // The certificate does not end the handshake: any encryption is better than none (RFC 7435).
      const session = slot?.get()
      const secured = connectTls({
        socket: plain,
        servername,
        rejectUnauthorized: false,
        checkServerIdentity: () => undefined,
        ...(ca === undefined ? {} : { ca }),
        ...(session && { session }),
      })
      secured.on('session', (ticket: Buffer) => slot?.keep(ticket))
      secured.once('secureConnect', () => (isResumed = secured.isSessionReused()))
      socket = secured
      attach(socket)
      await this.ready('secureConnect', timeoutMs)
      return end
    },
    ready(event, timeoutMs) {
      return until(timeoutMs, (done) => void socket.once(event, done))
    },
    isResumed: () => isResumed,
    peer: () => (socket instanceof TLSSocket ? peerOf(socket) : undefined),
    localAddress: () => first.localAddress ?? null,
    hasUnread: () => unread.length > 0,
    ended: () => end,
    onEnd(listener) {
      if (end === undefined) listeners.push(listener)
      else listener()
    },
    end: (reason) => stop({ kind: 'broken', error: reason }),
  } satisfies Attached
}

function faultOf(error: NodeJS.ErrnoException, localAddress: string | undefined): WireEnd {
  if (error.code !== 'EADDRNOTAVAIL') return { kind: 'broken', error: describe(error) }
  const words =
    localAddress === undefined
      ? 'this machine has no free port for another connection to this address (EADDRNOTAVAIL)'
      : `mail cannot leave from ${localAddress}: this machine does not have that address. Add it to a network interface, or send from another (EADDRNOTAVAIL)`
  return { kind: 'broken', error: words, isOurs: true }
}

/** A server that sends more certificates than this is not read to the end. */
const MAX_CHAIN = 10

function peerOf(socket: TLSSocket): TlsPeer {
  return {
    protocol: socket.getProtocol(),
    cipher: socket.getCipher().standardName,
    trustError: socket.authorized ? undefined : String(socket.authorizationError),
    chain() {
      const chain: Buffer[] = []
      let one = socket.getPeerCertificate(true)
      // The last one is linked to itself, or to nothing; without any certificate the object is empty.
      while (Buffer.isBuffer(one?.raw) && chain.length < MAX_CHAIN && !chain.includes(one.raw)) {
        chain.push(one.raw)
        one = one.issuerCertificate
      }
      return chain
    },
  }
}

function describe(error: NodeJS.ErrnoException): string {
  return error.code === undefined || error.message.includes(error.code)
    ? error.message
    : `${error.code}: ${error.message}`
}
