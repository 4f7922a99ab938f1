import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { createServer as createSocketServer, type Server, type Socket } from 'node:net'

export interface ApiRequest {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

export interface ApiReply {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** What a test makes of a whole request: an answer, or something that a server should not do. */
export type ApiStep = ApiReply | 'cut' | 'stall'

export interface ScriptedApiOptions {
  /** Default plain http. */
  readonly tls?: { readonly key: string; readonly cert: string }
  readonly answer: (request: ApiRequest, count: number) => ApiStep
  /** With the headers of a request, before its body is read. `undefined`: the body is read. */
  readonly early?: () => ApiStep | undefined
}

export interface ScriptedApi {
  readonly port: number
  /** Whole requests, in order. */
  readonly requests: ApiRequest[]
  connections(): number
  close(): Promise<void>
}

/** A small HTTP server on loopback that does what a test tells it. */
export async function startScriptedApi(options: ScriptedApiOptions): Promise<ScriptedApi> {
  const requests: ApiRequest[] = []
  const handler = (incoming: IncomingMessage, response: ServerResponse): void => {
    const early = options.early?.()
    if (early !== undefined) return perform(early, incoming, response)
    const chunks: Buffer[] = []
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
    incoming.on('error', () => {})
    incoming.on('end', () => {
      const request = {
        method: incoming.method ?? '',
        path: incoming.url ?? '',
        headers: incoming.headers,
        body: Buffer.concat(chunks),
      }
      requests.push(request)
      perform(options.answer(request, requests.length), incoming, response)
    })
    return undefined
  }
  const server = options.tls === undefined ? createServer(handler) : createTlsServer(options.tls, handler)
  return { ...(await listening(server)), requests }
}

/** Takes connections and says nothing, so that no handshake ends. */
export async function startSilentServer(): Promise<Omit<ScriptedApi, 'requests'>> {
  return listening(createSocketServer(() => {}))
}

/** A port of loopback where nobody listens. */
export async function closedPort(): Promise<number> {
  const { port, close } = await startSilentServer()
  await close()
  return port
}

function perform(step: ApiStep, incoming: IncomingMessage, response: ServerResponse): void {
  if (step === 'stall') return
  if (step === 'cut') {
    incoming.socket.destroy()
    return
  }
  response.writeHead(step.status, step.headers)
  response.end(step.body ?? '')
}

async function listening(server: Server): Promise<Omit<ScriptedApi, 'requests'>> {
  const sockets = new Set<Socket>()
  let connections = 0
  server.on('connection', (socket) => {
    connections += 1
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('The test server has no port.')
  return {
    port: address.port,
    connections: () => connections,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}
