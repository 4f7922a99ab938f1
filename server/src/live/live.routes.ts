import websocket from '@fastify/websocket'
import { Type } from 'typebox'
import type { App } from '#http/app.ts'
import { problems } from '#http/schemas.ts'
import type { Authenticate } from '#http/who.ts'
import type { Clock } from '#platform/clock.ts'
import type { Log } from '#platform/log.ts'
import type { Database } from '#platform/postgres/database.ts'
import { Problem } from '#platform/problem.ts'
import type { Stream } from '#platform/stream/stream.ts'
import { createLiveEvents } from './follow-events.ts'
import { createListenTo } from './listen-to.ts'
import { CLOSE, serveConnection, type LiveConnection } from './live-connection.ts'
import { createWatches } from './watches.ts'

export interface LiveRouteDeps {
  readonly db: Database
  readonly clock: Clock
  readonly log: Log
  readonly authenticate: Authenticate
  readonly stream: Pick<Stream, 'ends' | 'read' | 'wait'>
}

export const LIVE_LIMITS = {
  /** Of a tenant, in a process. */
  connectionsATenant: 50,
  /** In a process, those included that have not said yet who they are. */
  connections: 2_000,
  messageBytes: 8 * 1024,
} as const

const Upgraded = Type.Null({ description: 'A WebSocket from here on.' })

const description = `A WebSocket (RFC 6455). Send \`Authorization\`, or begin with \`{"type": "auth", "token": "..."}\`, then
\`{"type": "subscribe", "topic": "..."}\`. Topics: \`campaign:ID\` (scope \`campaigns:read\`), \`messages\` and \`messages:ID\`
(\`messages:read\`), \`lanes\` (\`operation:read\`). Nobody hears anything before they have said who
they are. A request that is not an upgrade is refused. See docs/live.md.`

/** `GET /v1/stream`: says what happens as it happens, until the app closes. */
export function registerLive(app: App, deps: LiveRouteDeps): void {
  const { log } = deps
  const events = createLiveEvents(deps)
  const watches = createWatches(deps)
  const connections = new Set<LiveConnection>()
  const served = {
    ...deps,
    listenTo: createListenTo({ ...deps, events, watches }),
    takePlace: createPlaces(LIVE_LIMITS.connectionsATenant),
  }
  // Fastify's own way to wait for what is registered is `app.ready()`.
  void app.register(websocket, {
    options: { maxPayload: LIVE_LIMITS.messageBytes, perMessageDeflate: false },
    errorHandler: (error, socket) => {
      log.debug({ err: error }, 'a live connection broke')
      socket.terminate()
    },
    preClose: async () => {
      const words = 'The server stops. Connect again.'
      await Promise.all([...connections].map((connection) => connection.end(CLOSE.goingAway, words)))
      await Promise.all([watches.stop(), events.stop()])
    },
  })
  void app.register(async (scope: App) => {
    scope.route({
      method: 'GET',
      url: '/v1/stream',
      exposeHeadRoute: false,
      schema: {
        operationId: 'openStream',
        tags: ['Live'],
        summary: 'What happens, as it happens',
        description,
        response: { 101: Upgraded, ...problems(401, 422, 503) },
      },
      config: { public: true },
      preValidation: async (request) => {
        if (connections.size >= LIVE_LIMITS.connections)
          throw new Problem('unavailable', 'live.full', 'Too many connections. Try again later.')
        if (request.headers.authorization !== undefined) await deps.authenticate(request)
      },
      handler: async () => {
        const detail = 'This is a WebSocket: connect to it with wss:// or ws://.'
        return Promise.reject(new Problem('invalid', 'live.not_an_upgrade', detail))
      },
      wsHandler: (socket, request) => {
        const connection = serveConnection(served, socket, request.headers.authorization)
        connections.add(connection)
        socket.once('close', () => connections.delete(connection))
      },
    })
  })
}

/** Counts the connections of each tenant. */
function createPlaces(most: number): (tenantId: string) => () => void {
  const taken = new Map<string, number>()
  return (tenantId) => {
    const count = taken.get(tenantId) ?? 0
    if (count >= most) {
      const detail = `A tenant has at most ${most} live connections. Close one, or subscribe to more topics on one.`
      throw new Problem('limited', 'live.too_many_connections', detail)
    }
    taken.set(tenantId, count + 1)
    return () => {
      const left = (taken.get(tenantId) ?? 1) - 1
      if (left === 0) taken.delete(tenantId)
      else taken.set(tenantId, left)
    }
  }
}
