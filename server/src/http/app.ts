import multipart from '@fastify/multipart'
import { fastify } from 'fastify'
import type {
  FastifyBaseLogger,
  FastifyTypeProvider,
  FastifyInstance,
  FastifyRequest,
  RawServerDefault,
} from 'fastify'
import { STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Static, TSchema } from 'typebox'
import type { Clock } from '#platform/clock.ts'
import { uuidv7 } from '#platform/ids.ts'
import type { Log } from '#platform/log.ts'
import { registerDocs } from './docs.ts'
import { handleError, pathOf, refuse } from './handle-error.ts'
import { registerHealth } from './health.ts'
import type { HealthChecks } from './health.ts'
import { createKnownPaths } from './known-paths.ts'
import { registerOpenApi } from './openapi.ts'
import { prepareSchema } from './prepare-schema.ts'
import { problemBody, type Refusal } from './problem-reply.ts'
import { assertAccessIsDeclared } from './route-config.ts'
import { createValidatorCompiler } from './validation.ts'
import { admit } from './who.ts'
import type { Authenticate } from './who.ts'

/** What a handler returns may be read-only: it is written out, not changed. */
type ReadOnly<T> = T extends Date
  ? T
  : T extends readonly (infer Item)[]
    ? readonly ReadOnly<Item>[]
    : T extends object
      ? { readonly [Key in keyof T]: ReadOnly<T[Key]> }
      : T

/** Types of a route from its TypeBox schemas. */
interface ApiTypeProvider extends FastifyTypeProvider {
  readonly validator: this['schema'] extends TSchema ? Static<this['schema']> : unknown
  readonly serializer: this['schema'] extends TSchema ? ReadOnly<Static<this['schema']>> : unknown
}

export type App = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ApiTypeProvider
>

export interface AppDeps {
  readonly log: Log
  readonly clock: Clock
  readonly authenticate: Authenticate
  /** What `/readyz` asks: each must answer within a deadline. */
  readonly checks?: HealthChecks
  /** Whose X-Forwarded-For is believed: addresses and networks. */
  readonly trustedProxies?: readonly string[]
}

/** A JSON body may be this long. Files come as multipart and have their own limit. */
const MAX_BODY_BYTES = 8 * 1024 * 1024
/** A client that sends its request slower than this is cut off. An upload of a gigabyte takes a while. */
const REQUEST_TIMEOUT_MS = 15 * 60_000
/** ... and its headers within this. */
const HEADERS_TIMEOUT_MS = 30_000
const KEEP_ALIVE_TIMEOUT_MS = 72_000
const MAX_URL_STEP_CHARS = 500

/** The HTTP side of the platform without its features: they register their routes on it. Nothing listens yet. */
export async function createApp(deps: AppDeps): Promise<App> {
  const app: App = fastify({
    logger: false,
    bodyLimit: MAX_BODY_BYTES,
    trustProxy: [...(deps.trustedProxies ?? [])],
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    http: { headersTimeout: HEADERS_TIMEOUT_MS },
    routerOptions: { maxParamLength: MAX_URL_STEP_CHARS },
    return503OnClosing: true,
    forceCloseConnections: 'idle',
    genReqId: requestIdOf,
    frameworkErrors: (error, request, reply) => {
      handleError(deps.log)(error, request, reply)
    },
    clientErrorHandler: (error, socket) => {
      if (!socket.writable) return
      const refusal = unreadable(error.code)
      const body = JSON.stringify(problemBody(refusal, ''))
      socket.end(
        `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status]}\r\ncontent-type: application/problem+json\r\nconnection: close\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
      )
    },
  }).withTypeProvider<ApiTypeProvider>()

  app.removeContentTypeParser('text/plain')
  app.setValidatorCompiler(createValidatorCompiler())
  app.setErrorHandler(handleError(deps.log))
  prepareRoutes(app)
  logRequests(app, deps)
  app.addHook('onRequest', async (request) => {
    // Paths that do not exist are told to everybody, as the document at /v1/openapi.json tells which do.
    if (request.is404) return
    await admit(deps.authenticate, request, request.routeOptions.config)
  })
  await app.register(multipart)
  await registerOpenApi(app)
  registerHealth(app, deps.checks ?? {})
  await registerDocs(app)
  return app
}

/** What Node could not make a request of. */
function unreadable(code: string | undefined): Refusal {
  if (code === 'HPE_HEADER_OVERFLOW')
    return { status: 431, code: 'request.headers_too_large', detail: 'The headers are too long together.' }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return {
      status: 408,
      code: 'request.too_slow',
      detail: 'The request did not come in time. Send it again.',
    }
  return { status: 400, code: 'request.malformed', detail: 'This is not an HTTP request.' }
}

const REQUEST_ID = /^[\w.:-]{1,128}$/

/** The caller's own id if it is a reasonable one, so that both sides speak of the same request. */
function requestIdOf(request: IncomingMessage): string {
  const given = request.headers['x-request-id']
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : uuidv7()
}

function prepareRoutes(app: App): void {
  const paths = createKnownPaths()
  app.addHook('onRoute', (route) => {
    if (route.url.startsWith('/docs')) route.config = { ...route.config, public: true }
    assertAccessIsDeclared(route)
    paths.add(route)
    const { schema } = route
    if (schema === undefined) return
    // Once: Fastify adds a HEAD route of its own for every GET, with the schema that is already prepared.
    route.schema = {
      ...schema,
      ...Object.fromEntries(
        (['body', 'querystring', 'params'] as const)
          .filter((part) => schema[part] !== undefined)
          .map((part) => [part, prepareSchema(schema[part], { closed: true })]),
      ),
      ...(schema.response === undefined ? {} : { response: prepareResponses(schema.response) }),
    }
  })
  app.setNotFoundHandler((request, reply) => {
    const methods = paths.methodsOf(pathOf(request))
    if (methods.length === 0) {
      return refuse(reply, request.id, {
        status: 404,
        code: 'request.no_such_path',
        detail: `There is nothing at ${request.method} ${pathOf(request)}. See /docs.`,
      })
    }
    const allow = methods.join(', ')
    return refuse(reply, request.id, {
      status: 405,
      code: 'request.method',
      detail: `${pathOf(request)} answers ${allow}.`,
      allow,
    })
  })
}

function prepareResponses(responses: unknown): unknown {
  if (typeof responses !== 'object' || responses === null) return responses
  return Object.fromEntries(
    Object.entries(responses).map(([status, schema]) => [status, prepareSchema(schema, { closed: false })]),
  )
}

function logRequests(app: App, deps: AppDeps): void {
  const started = new WeakMap<FastifyRequest, number>()
  app.addHook('onRequest', async (request, reply) => {
    started.set(request, deps.clock.monotonicMs())
    reply.header('x-request-id', request.id)
    reply.header('x-content-type-options', 'nosniff')
    // Answers hold tokens and addresses of people: no cache between us and the caller keeps them.
    if (request.url.startsWith('/v1/')) reply.header('cache-control', 'no-store')
  })
  app.addHook('onResponse', async (request, reply) => {
    const ms = Math.round(deps.clock.monotonicMs() - (started.get(request) ?? deps.clock.monotonicMs()))
    // A request that worked is news to nobody; one that was refused or failed is to the operator.
    deps.log[reply.statusCode < 400 ? 'debug' : 'info'](
      { request_id: request.id, method: request.method, path: pathOf(request), status: reply.statusCode, ms },
      'request',
    )
  })
}
