import type { WebSocket } from 'ws'
import { requireScope, type Authenticate, type Identity } from '#http/who.ts'
import type { Clock } from '#platform/clock.ts'
import type { Log } from '#platform/log.ts'
import { Problem } from '#platform/problem.ts'
import { parseClientMessage, type ClientMessage } from './client-message.ts'
import type { ListenTo } from './listen-to.ts'
import { parseTopic, scopeOfTopic, type LiveTopic } from './live-topic.ts'

export interface ConnectionDeps {
  readonly authenticate: Authenticate
  readonly listenTo: ListenTo
  /** A place among the tenant's connections: what gives it back. Throws a Problem when all are taken. */
  readonly takePlace: (tenantId: string) => () => void
  readonly clock: Clock
  readonly log: Log
}

export interface LiveConnection {
  /** Says so and closes; resolves when the connection is gone. */
  end(code: CloseCode, words: string): Promise<void>
}

export const CONNECTION_LIMITS = {
  /** Until a client has said who it is. */
  authMs: 10_000,
  /** How often it is looked whether its credentials are still good: as long as requests may be answered from memory. */
  recheckMs: 5_000,
  /** Between two pings; one that is not answered by the next ends the connection. */
  pingMs: 30_000,
  topics: 50,
  /** More than this may wait for a client for so long: many things can happen at once. */
  waitingBytes: 1024 * 1024,
  slowMs: 5_000,
  /** ... and never more than this. */
  mostWaitingBytes: 8 * 1024 * 1024,
  /** Messages of a client that have not been answered yet. */
  waiting: 100,
  /** For a client to answer a close. */
  closeMs: 2_000,
  /** ... and for one that reads slowly, to come to it. */
  slowCloseMs: 15_000,
} as const

/** RFC 6455, section 7.4.1, and of its registry 1013: try again later. */
export const CLOSE = { goingAway: 1001, policy: 1008, internal: 1011, tryAgainLater: 1013 } as const
export type CloseCode = (typeof CLOSE)[keyof typeof CLOSE]

/** RFC 6455, section 5.5: a control frame has 125 bytes, two of which are the code. */
const MAX_REASON_CHARS = 120

interface Connection extends ConnectionDeps {
  readonly socket: WebSocket
  /** Aborted when the connection is gone. */
  readonly over: AbortSignal
  readonly topics: Map<string, { readonly topic: LiveTopic; readonly stop: () => void }>
  credential: string | undefined
  identity: Identity | null
  leave: () => void
  isEnding: boolean
  /** Monotonic; since when too much waits for the client. Null: it keeps up. */
  slowSinceMs: number | null
}

/** Serves one client until it goes or is sent away. `credential`: the header `Authorization`, where there was one. */
export function serveConnection(
  deps: ConnectionDeps,
  socket: WebSocket,
  credential: string | undefined,
): LiveConnection {
  const over = new AbortController()
  const connection: Connection = {
    ...deps,
    socket,
    over: over.signal,
    topics: new Map(),
    credential: undefined,
    identity: null,
    leave: () => undefined,
    isEnding: false,
    slowSinceMs: null,
  }
  socket.once('close', () => {
    over.abort()
    for (const { stop } of connection.topics.values()) stop()
    connection.leave()
  })
  let waiting = 0
  let chain = Promise.resolve()
  const next = (work: () => Promise<void>): void => {
    waiting += 1
    chain = chain.then(() => attempt(connection, work)).finally(() => (waiting -= 1))
  }
  if (credential !== undefined) next(() => admit(connection, credential))
  socket.on('message', (data: Buffer, isBinary) => {
    if (waiting < CONNECTION_LIMITS.waiting)
      next(async () => answer(connection, parseClientMessage(isBinary ? '' : data.toString())))
    else void end(connection, CLOSE.policy, 'Too many messages at once. Wait for the answers.')
  })
  void keepAlive(connection)
  void keepAdmitted(connection)
  return { end: (code, words) => end(connection, code, words) }
}

/** A refusal is told; an error of ours is logged and ends the connection. */
async function attempt(connection: Connection, work: () => Promise<void>): Promise<void> {
  try {
    if (!connection.isEnding) await work()
  } catch (error) {
    if (!(error instanceof Problem)) {
      connection.log.error({ err: error }, 'A live connection failed.')
      return void end(connection, CLOSE.internal, 'Something went wrong on our side. Connect again.')
    }
    tellProblem(connection, error)
    if (error.kind !== 'unauthenticated' && connection.identity !== null) return
    const code = error.kind === 'limited' ? CLOSE.tryAgainLater : CLOSE.policy
    void end(connection, code, error.message)
  }
}

async function answer(connection: Connection, message: ClientMessage): Promise<void> {
  if (message.type === 'ping') return say(connection, { type: 'pong' })
  if (message.type === 'auth') return admit(connection, `Bearer ${message.token}`)
  if (connection.identity === null)
    throw new Problem(
      'unauthenticated',
      'auth.missing',
      'Say who you are first: {"type":"auth","token":...}.',
    )
  if (message.type === 'subscribe') return subscribe(connection, connection.identity, message)
  connection.topics.get(message.topic)?.stop()
  connection.topics.delete(message.topic)
  say(connection, { type: 'unsubscribed', topic: message.topic })
}

/** A client may give newer credentials before the old ones are over: of the same tenant. */
async function admit(connection: Connection, credential: string): Promise<void> {
  const identity = await connection.authenticate({ headers: { authorization: credential } })
  if (connection.over.aborted) return
  if (connection.identity === null) connection.leave = connection.takePlace(identity.tenantId)
  else if (connection.identity.tenantId !== identity.tenantId)
    throw new Problem('unauthenticated', 'live.other_tenant', 'A connection is of one tenant. Open another.')
  connection.identity = identity
  connection.credential = credential
  say(connection, { type: 'authenticated', tenant_id: identity.tenantId })
}

async function subscribe(
  connection: Connection,
  identity: Identity,
  { topic: name, lastEventId }: { readonly topic: string; readonly lastEventId?: string },
): Promise<void> {
  const topic = parseTopic(name)
  if (topic === undefined) {
    const detail = 'There is no such topic. There are campaign:ID, messages, messages:ID and lanes.'
    return tellProblem(connection, new Problem('invalid', 'live.no_such_topic', detail), name)
  }
  if (connection.topics.has(name))
    return tellProblem(
      connection,
      new Problem('conflict', 'live.subscribed', 'You listen to it already.'),
      name,
    )
  if (connection.topics.size >= CONNECTION_LIMITS.topics) {
    const detail = `A connection has at most ${CONNECTION_LIMITS.topics} topics. Leave one, or open another connection.`
    return tellProblem(connection, new Problem('limited', 'live.too_many_topics', detail), name)
  }
  try {
    requireScope(identity, scopeOfTopic(topic))
    const ear = {
      tell: (text: string) => write(connection, text),
      ended: (problem: Problem) => {
        connection.topics.delete(name)
        tellProblem(connection, problem, name)
      },
    }
    // The place is taken before anything can end it.
    let stop = (): void => undefined
    connection.topics.set(name, { topic, stop: () => stop() })
    stop = await connection.listenTo(identity.tenantId, topic, name, ear, lastEventId)
    if (connection.over.aborted) stop()
  } catch (error) {
    connection.topics.delete(name)
    if (!(error instanceof Problem)) throw error
    tellProblem(connection, error, name)
  }
}

/** Ends those who never say who they are, whose credentials are over, and who may not hear a topic of theirs any more. */
async function keepAdmitted(connection: Connection): Promise<void> {
  const { clock, over, authenticate, log } = connection
  await clock.sleep(CONNECTION_LIMITS.authMs, over)
  if (over.aborted) return
  if (connection.identity === null)
    return void end(
      connection,
      CLOSE.policy,
      'Nobody has said who this is. Connect again, and begin with auth.',
    )
  while (!over.aborted && !connection.isEnding) {
    try {
      const identity = await authenticate({ headers: { authorization: connection.credential } })
      for (const { topic } of connection.topics.values()) requireScope(identity, scopeOfTopic(topic))
      connection.identity = identity
    } catch (error) {
      if (error instanceof Problem) {
        tellProblem(connection, error)
        return void end(connection, CLOSE.policy, error.message)
      }
      log.warn({ err: error }, 'It is not known whether the credentials of a live connection are still good.')
    }
    await clock.sleep(CONNECTION_LIMITS.recheckMs, over)
  }
}

async function keepAlive({ socket, clock, over }: Connection): Promise<void> {
  let isAlive = true
  socket.on('pong', () => (isAlive = true))
  for (;;) {
    await clock.sleep(CONNECTION_LIMITS.pingMs, over)
    if (over.aborted) return
    if (!isAlive) return socket.terminate()
    isAlive = false
    socket.ping()
  }
}

function tellProblem(connection: Connection, { code, message: detail }: Problem, topic?: string): void {
  say(connection, { type: 'error', code, detail, ...(topic === undefined ? {} : { topic }) })
}

function say(connection: Connection, message: object): void {
  write(connection, JSON.stringify(message))
}

/** What happens faster than a client reads is not kept for it without end. */
function write(connection: Connection, text: string): void {
  const { socket } = connection
  if (connection.isEnding || socket.readyState !== socket.OPEN) return
  if (isTooSlow(connection)) {
    const words = 'You read too slowly. Connect again with last_event_id.'
    return void end(connection, CLOSE.tryAgainLater, words, CONNECTION_LIMITS.slowCloseMs)
  }
  socket.send(text)
}

function isTooSlow(connection: Connection): boolean {
  const { bufferedAmount } = connection.socket
  const nowMs = connection.clock.monotonicMs()
  if (bufferedAmount <= CONNECTION_LIMITS.waitingBytes) connection.slowSinceMs = null
  else connection.slowSinceMs ??= nowMs
  const { slowSinceMs } = connection
  const isLate = slowSinceMs !== null && nowMs - slowSinceMs > CONNECTION_LIMITS.slowMs
  return isLate || bufferedAmount > CONNECTION_LIMITS.mostWaitingBytes
}

async function end(
  connection: Connection,
  code: CloseCode,
  words: string,
  closeMs: number = CONNECTION_LIMITS.closeMs,
): Promise<void> {
  const { socket, clock, over } = connection
  connection.isEnding = true
  socket.close(code, words.slice(0, MAX_REASON_CHARS))
  await clock.sleep(closeMs, over)
  if (!over.aborted) socket.terminate()
}
