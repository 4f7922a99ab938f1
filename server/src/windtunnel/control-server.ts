import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { TSchema, Static } from 'typebox'
import { Value } from 'typebox/value'
import type { Log } from '#platform/log.ts'
import { Problem } from '#platform/problem.ts'
import type { ProblemKind } from '#platform/problem.ts'
import type { Behaviour } from './behaviour.ts'
import { ZoneSchema } from './control.schema.ts'
import type { MessagePage, Providers } from './control.schema.ts'
import { HabitsChangeSchema } from './habits.schema.ts'
import type { MailStore } from './mail-store.ts'
import { isProviderName } from './profile.ts'
import type { ProviderName } from './profile.ts'
import { readMessage, summarise } from './read-message.ts'
import type { Zone } from './zone.ts'

const MAX_BODY_BYTES = 16 * 1024 * 1024
const REQUEST_TIMEOUT_MS = 30_000
const DEFAULT_PAGE = 50
const MAX_PAGE = 500

export interface ControlDeps {
  readonly store: MailStore
  readonly zone: Zone
  readonly behaviours: ReadonlyMap<ProviderName, Behaviour>
  readonly describeProviders: () => Providers
  readonly log: Pick<Log, 'error'>
}

export type ControlAddress =
  | { readonly port: number; readonly host: string }
  | { readonly socketPath: string }

export interface ControlServer {
  /** How a client reaches it. */
  readonly address: { readonly baseUrl: string } | { readonly socketPath: string }
  stop(): Promise<void>
}

/** The HTTP side door for the platform and for tests: loopback or a unix socket only, JSON in and out. */
export async function startControlServer(deps: ControlDeps, at: ControlAddress): Promise<ControlServer> {
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

interface Request {
  readonly parts: readonly string[]
  readonly query: URLSearchParams
  readonly body: () => Promise<unknown>
}

type Result = { readonly json: unknown } | { readonly raw: Buffer } | { readonly nothing: true }

async function answer(deps: ControlDeps, request: IncomingMessage, response: ServerResponse): Promise<void> {
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

async function route(deps: ControlDeps, what: string, request: Request): Promise<Result> {
  switch (what) {
    case 'GET stats':
      return { json: deps.store.stats(request.query.get('campaign') ?? undefined) }
    case 'GET duplicates':
      return {
        json: { data: deps.store.duplicates(wholeNumber(request.query, 'limit', MAX_PAGE) ?? DEFAULT_PAGE) },
      }
    case 'GET messages':
      return request.parts.length === 0 ? { json: page(deps, request.query) } : message(deps, request.parts)
    case 'DELETE messages':
      await deps.store.reset()
      for (const behaviour of deps.behaviours.values()) behaviour.forget()
      return { nothing: true }
    case 'GET zone':
      return { json: { records: deps.zone.all() } }
    case 'PUT zone':
      await deps.zone.publish(checked(ZoneSchema, await request.body()).records)
      return { nothing: true }
    case 'GET providers':
      return { json: deps.describeProviders() }
    case 'PATCH providers':
      return changeProvider(deps, request)
    default:
      throw new Problem(
        'not_found',
        'windtunnel.no_such_path',
        `There is no ${what.replace(' ', ' /')} here.`,
      )
  }
}

function page(deps: ControlDeps, query: URLSearchParams): MessagePage {
  const limit = wholeNumber(query, 'limit', MAX_PAGE) ?? DEFAULT_PAGE
  const found = deps.store.list({
    tenant: query.get('tenant') ?? undefined,
    campaign: query.get('campaign') ?? undefined,
    recipient: query.get('recipient') ?? undefined,
    before: wholeNumber(query, 'before', Number.MAX_SAFE_INTEGER),
    limit: limit + 1,
  })
  const data = found.slice(0, limit)
  return {
    data: data.map(summarise),
    next_before: found.length > limit ? (data.at(-1)?.sequence ?? null) : null,
  }
}

async function message(deps: ControlDeps, [sequence = '', view]: readonly string[]): Promise<Result> {
  const entry = /^\d{1,15}$/.test(sequence) ? deps.store.entry(Number(sequence)) : undefined
  if (entry === undefined)
    throw new Problem(
      'not_found',
      'windtunnel.no_such_message',
      'No message has this number, or it is too old.',
    )
  const raw = await deps.store.raw(entry)
  if (raw === undefined)
    throw new Problem('not_found', 'windtunnel.raw_not_kept', 'The bytes of this message were not kept.')
  if (view === 'raw') return { raw }
  if (view !== undefined)
    throw new Problem('not_found', 'windtunnel.no_such_path', 'A message has /raw and nothing else.')
  return { json: await readMessage(deps, entry, raw) }
}

async function changeProvider(deps: ControlDeps, { parts, body }: Request): Promise<Result> {
  const [name = ''] = parts
  const behaviour = isProviderName(name) ? deps.behaviours.get(name) : undefined
  if (behaviour === undefined)
    throw new Problem(
      'not_found',
      'windtunnel.no_such_provider',
      `No provider is called ${JSON.stringify(name.slice(0, 40))}.`,
    )
  behaviour.habits = { ...behaviour.habits, ...checked(HabitsChangeSchema, await body()) }
  return { json: behaviour.habits }
}

function checked<Schema extends TSchema>(schema: Schema, value: unknown): Static<Schema> {
  if (Value.Check(schema, value)) return value
  const [first] = Value.Errors(schema, value)
  throw new Problem(
    'invalid',
    'windtunnel.bad_body',
    `The body does not fit: ${first?.instancePath ?? ''} ${first?.message ?? ''}.`,
  )
}

function wholeNumber(query: URLSearchParams, name: string, max: number): number | undefined {
  const text = query.get(name)
  if (text === null) return undefined
  const number = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (number >= 1 && number <= max) return number
  throw new Problem('invalid', 'windtunnel.bad_parameter', `${name} must be a whole number from 1 to ${max}.`)
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
