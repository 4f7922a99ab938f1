import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Log } from '#platform/log.ts'
import { Problem } from '#platform/problem.ts'
import type { ProblemKind } from '#platform/problem.ts'
import { route } from './control-routes.ts'
import type { ControlDeps } from './control-routes.ts'

const MAX_BODY_BYTES = 16 * 1024 * 1024
const REQUEST_TIMEOUT_MS = 30_000

export type ControlAddress =
  | { readonly port: number; readonly host: string }
  | { readonly socketPath: string }

export interface ControlServer {
  /** How a client reaches it. */
  readonly address: { readonly baseUrl: string } | { readonly socketPath: string }
  stop(): Promise<void>
}

/** The HTTP side door for the platform and for tests: loopback or a unix socket only, JSON in and out. */
export async function startControlServer(
  deps: ControlDeps & { readonly log: Pick<Log, 'error'> },
  at: ControlAddress,
): Promise<ControlServer> {
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS }, (request, response) => {
    void answer(deps, request, response)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(
      'socketPath' in at ? { path: at.socketPath } : { host: at.host, port: at.port, exclusive: true },
      () => {
        server.off('error', reject)
        resolve()
      },
    )
  })
  return { address: addressOf(server, at), stop: () => stop(server) }
}

function addressOf(server: Server, at: ControlAddress): ControlServer['address'] {
  if ('socketPath' in at) return { socketPath: at.socketPath }
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : at.port
  return { baseUrl: `http://${at.host}:${port}` }
}

async function stop(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  server.closeAllConnections()
  await closed
}

async function answer(
  deps: ControlDeps & { readonly log: Pick<Log, 'error'> },
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    const url = new URL(request.url ?? '/', 'http://windtunnel')
    const parts = url.pathname.split('/').filter((part) => part !== '')
    const result = await route(deps, `${request.method ?? 'GET'} ${parts[0] ?? ''}`, {
      parts: parts.slice(1),
      query: url.searchParams,
      body: () => readJson(request),
    })
    if ('json' in result) send(response, 200, 'application/json', JSON.stringify(result.json))
    else if ('raw' in result) send(response, 200, 'message/rfc822', result.raw)
    else if ('pem' in result) send(response, 200, 'application/x-pem-file', result.pem)
    else response.writeHead(204).end()
  } catch (error) {
    if (!(error instanceof Problem)) deps.log.error({ err: error }, 'windtunnel: a control request failed')
    const problem =
      error instanceof Problem
        ? error
        : new Problem(
            'unavailable',
            'windtunnel.failed',
            'The windtunnel could not do this; its log says why.',
          )
    const { kind, code, message } = problem
    send(response, STATUS[kind], 'application/json', JSON.stringify({ kind, code, message }))
  }
}

const STATUS: Record<ProblemKind, number> = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  too_large: 413,
  limited: 429,
  unavailable: 503,
}

function send(response: ServerResponse, status: number, type: string, body: string | Buffer): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) }).end(body)
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request) {
    if (!Buffer.isBuffer(chunk)) continue
    size += chunk.length
    if (size > MAX_BODY_BYTES)
      throw new Problem(
        'too_large',
        'windtunnel.body_too_large',
        `A body has at most ${MAX_BODY_BYTES} bytes.`,
      )
    chunks.push(chunk)
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'))
  } catch (error) {
    throw new Problem('invalid', 'windtunnel.bad_json', 'The body is not JSON.', { cause: error })
  }
}
