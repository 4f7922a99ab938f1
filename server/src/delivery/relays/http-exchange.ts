import { request as plainRequest, type Agent, type ClientRequest, type IncomingMessage } from 'node:http'
import { request as tlsRequest } from 'node:https'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { createDeadline } from '#delivery/transport/deadline.ts'
import type { SendResult } from '#delivery/transport/transport.ts'
import type { Clock } from '#platform/clock.ts'
import type { AddressLookup } from './endpoint.ts'

/** How long each step may take, in milliseconds. */
export interface RelayTimeouts {
  /** TCP and TLS. */
  readonly connectMs: number
  /** One block of the body leaving this machine. */
  readonly blockMs: number
  /** From the last octet of the body to the whole answer. Too short a wait makes duplicates. */
  readonly answerMs: number
}

export const RELAY_TIMEOUTS: RelayTimeouts = { connectMs: 15_000, blockMs: 60_000, answerMs: 90_000 }

export interface HttpRequest {
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

export interface HttpAnswer {
  readonly kind: 'http'
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  /** Its first `MAX_ANSWER_OCTETS`; less when the connection was lost on the way. */
  readonly body: string
}

/** How a request ended: an answer, or why there is none. `dotSent`: the last octet of the body may have left. */
export type HttpEnd = HttpAnswer | Extract<SendResult, { kind: 'broken' | 'timeout' | 'unsent' }>

export interface HttpExchange {
  readonly end: HttpEnd
  readonly address: string | null
}

export interface ExchangeDeps {
  readonly clock: Clock
  readonly agent: Agent
  readonly timeouts: RelayTimeouts
  readonly lookup: AddressLookup
  /** Ends the exchange at once. */
  readonly signal: AbortSignal
}

const MAX_ANSWER_OCTETS = 64 * 1024
/** The body leaves in blocks of this size, so that a slow link is judged block by block. */
const BLOCK_OCTETS = 64 * 1024

/**
 * One POST. All of the body but its last block is written first; then `beforeLastBlock` is awaited, and the last block
 * leaves. Until that moment the server cannot have the whole request, so whatever breaks before it is no doubt. Never
 * rejects. Follows no redirect.
 */
export async function exchange(
  deps: ExchangeDeps,
  request: HttpRequest,
  beforeLastBlock: () => Promise<void>,
): Promise<HttpExchange> {
  const flight = launch(deps, request)
  await fly(flight, deps.timeouts, request.body, beforeLastBlock)
  const end = await flight.ended
  return { end, address: flight.address() }
}

type Phase = 'connect' | 'data' | 'dot'

interface Flight {
  readonly outgoing: ClientRequest
  readonly ended: Promise<HttpEnd>
  isOver(): boolean
  /** The step that begins, and how long it may take. */
  enter(phase: Phase, ms: number): void
  /** Our own doing takes its time. */
  pause(): void
  finish(end: HttpEnd): void
  /** Resolves when `begin` called back, or when the exchange is over. */
  until(begin: (done: () => void) => void): Promise<void>
  address(): string | null
}

function launch(deps: ExchangeDeps, request: HttpRequest): Flight {
  const { promise: ended, resolve } = Promise.withResolvers<HttpEnd>()
  let phase: Phase = 'connect'
  let over = false
  let status: IncomingMessage | undefined
  let chunks: Buffer[] = []
  let address: string | null = null

  const outgoing = (request.url.protocol === 'https:' ? tlsRequest : plainRequest)(request.url, {
    method: 'POST',
    agent: deps.agent,
    lookup: deps.lookup,
    headers: { ...request.headers, 'content-length': String(request.body.length) },
  })
  const deadline = createDeadline(deps.clock, () => fail('timeout', 'no answer in time'))
  const onAbort = (): void => fail('broken', 'the process is stopping')

  function finish(end: HttpEnd): void {
    if (over) return
    over = true
    deadline.stop()
    deps.signal.removeEventListener('abort', onAbort)
    // What came back whole over a request that left whole can be used again; anything else cannot.
    if (status?.complete !== true || !outgoing.writableFinished) outgoing.destroy()
    chunks = []
    resolve(end)
  }

  function fail(kind: 'broken' | 'timeout', error: string): void {
    // With a status line the server has decided, whatever became of the rest.
    if (status !== undefined) return answered(status)
    const words = phase === 'connect' && kind === 'timeout' ? 'no connection in time' : error
    finish({ kind, phase, error: words, dotSent: phase === 'dot' })
  }

  function answered(incoming: IncomingMessage): void {
    const body = Buffer.concat(chunks).toString('utf8')
    finish({ kind: 'http', status: incoming.statusCode ?? 0, headers: incoming.headers, body })
  }

  function read(incoming: IncomingMessage): void {
    status = incoming
    let octets = 0
    incoming.on('data', (chunk: Buffer) => {
      octets += chunk.length
      if (octets <= MAX_ANSWER_OCTETS) chunks.push(chunk)
      else answered(incoming)
    })
    incoming.on('end', () => answered(incoming))
    incoming.on('error', () => answered(incoming))
    incoming.on('close', () => answered(incoming))
  }

  outgoing.on('response', read)
  outgoing.on('error', (error) => fail('broken', error.message))
  outgoing.on('close', () => fail('broken', 'the connection was closed without an answer'))
  deps.signal.addEventListener('abort', onAbort)
  if (deps.signal.aborted) onAbort()
  return {
    outgoing,
    ended,
    isOver: () => over,
    enter(next, ms) {
      if (over) return
      address ??= outgoing.socket?.remoteAddress ?? null
      phase = next
      deadline.arm(ms)
    },
    pause: () => deadline.disarm(),
    finish,
    until: (begin) => Promise.race([new Promise<void>((done) => begin(done)), ended.then(() => undefined)]),
    address: () => address ?? outgoing.socket?.remoteAddress ?? null,
  }
}

async function fly(
  flight: Flight,
  timeouts: RelayTimeouts,
  body: Buffer,
  beforeLastBlock: () => Promise<void>,
): Promise<void> {
  const { outgoing } = flight
  flight.enter('connect', timeouts.connectMs)
  await flight.until((done) => whenConnected(outgoing, done))
  const lastAt = Math.max(0, Math.ceil(body.length / BLOCK_OCTETS) - 1) * BLOCK_OCTETS
  for (let at = 0; at < lastAt && !flight.isOver(); at += BLOCK_OCTETS) {
    flight.enter('data', timeouts.blockMs)
    await flight.until((done) => outgoing.write(body.subarray(at, at + BLOCK_OCTETS), () => done()))
  }
  if (flight.isOver()) return
  flight.enter('data', timeouts.blockMs)
  flight.pause()
  try {
    await beforeLastBlock()
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error)
    return flight.finish({ kind: 'unsent', reason: 'journal_failed', error: words, retryAfterMs: 0 })
  }
  if (flight.isOver()) return
  flight.enter('dot', timeouts.answerMs)
  outgoing.end(body.subarray(lastAt))
}

function whenConnected(outgoing: ClientRequest, done: () => void): void {
  const watch = (socket: Socket): void => {
    if (socket instanceof TLSSocket && !socket.authorized) socket.once('secureConnect', done)
    else if (socket.connecting) socket.once('connect', done)
    else done()
  }
  if (outgoing.socket === null) outgoing.once('socket', watch)
  else watch(outgoing.socket)
}
