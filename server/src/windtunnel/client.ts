import { Agent, request } from 'node:http'
import type { Static, TSchema } from 'typebox'
import { Value } from 'typebox/value'
import { Problem } from '#platform/problem.ts'
import type { ProblemKind } from '#platform/problem.ts'
import { AfterwardsSchema } from './afterwards/afterwards.schema.ts'
import type { Afterwards, AfterwardsChange } from './afterwards/afterwards.schema.ts'
import * as shapes from './control.schema.ts'
import { HabitsSchema } from './habits.schema.ts'
import type { Habits, HabitsChange } from './habits.schema.ts'

const DEFAULT_TIMEOUT_MS = 10_000
const MAX_CONNECTIONS = 16
const MAX_REPLY_BYTES = 128 * 1024 * 1024

export type WindtunnelAddress = { readonly baseUrl: string } | { readonly socketPath: string }

export interface MessageQuery {
  readonly tenant?: string | undefined
  readonly recipient?: string | undefined
  readonly campaign?: string | undefined
  readonly before?: number | undefined
  readonly limit?: number | undefined
}

/** What the platform and tests ask the windtunnel. A refusal or a missed deadline throws a Problem. */
export interface WindtunnelClient {
  stats(campaign?: string): Promise<shapes.Stats>
  messages(query?: MessageQuery): Promise<shapes.MessagePage>
  /** Undefined when there is no such message, or its bytes are gone. */
  message(sequence: number): Promise<shapes.ParsedMessage | undefined>
  raw(sequence: number): Promise<Buffer | undefined>
  duplicates(limit?: number): Promise<readonly shapes.Duplicate[]>
  providers(): Promise<shapes.Providers['data']>
  changeHabits(provider: string, change: HabitsChange): Promise<Habits>
  zone(): Promise<readonly shapes.ZoneRecord[]>
  /** Replaces all records of the names and types given; `data: null` removes. */
  publish(records: readonly shapes.ZoneRecord[]): Promise<void>
  time(): Promise<shapes.Time>
  /** Makes the windtunnel's own time run faster, or moves it on. */
  changeTime(change: shapes.TimeChange): Promise<shapes.Time>
  /** What comes back of accepted mail: planned, done and pending. */
  afterwards(): Promise<shapes.AfterwardsState>
  /** From now on something comes back, or nothing. */
  switchAfterwards(on: boolean): Promise<shapes.AfterwardsState>
  changeAfterwards(provider: string, change: AfterwardsChange): Promise<Afterwards>
  sources(): Promise<readonly shapes.Source[]>
  block(block: shapes.Block): Promise<void>
  unblock(unblock: shapes.Unblock): Promise<void>
  recipient(address: string): Promise<shapes.RecipientFacts>
  /** The certificate, in PEM, that the trusted ones of the receivers and policies are signed by. */
  authority(): Promise<string>
  reset(): Promise<void>
  /** Closes idle connections. */
  close(): void
}

export function createWindtunnelClient(
  options: WindtunnelAddress & { readonly timeoutMs?: number },
): WindtunnelClient {
  const agent = new Agent({ keepAlive: true, maxSockets: MAX_CONNECTIONS })
  const call = (method: string, path: string, body?: unknown) => send(agent, options, method, path, body)
  const get = async <Schema extends TSchema>(path: string, schema: Schema) =>
    shaped(schema, await call('GET', path))

  return {
    stats: (campaign) => get(withQuery('/stats', { campaign }), shapes.StatsSchema),
    messages: (query = {}) => get(withQuery('/messages', { ...query }), shapes.MessagePageSchema),
    message: (sequence) => ifThere(() => get(`/messages/${sequence}`, shapes.ParsedMessageSchema)),
    raw: (sequence) => ifThere(() => call('GET', `/messages/${sequence}/raw`)),
    duplicates: async (limit) =>
      (await get(withQuery('/duplicates', { limit }), shapes.DuplicatesSchema)).data,
    providers: async () => (await get('/providers', shapes.ProvidersSchema)).data,
    changeHabits: async (provider, change) =>
      shaped(HabitsSchema, await call('PATCH', `/providers/${provider}`, change)),
    zone: async () => (await get('/zone', shapes.ZoneSchema)).records,
    publish: async (records) => void (await call('PUT', '/zone', { records })),
    time: () => get('/time', shapes.TimeSchema),
    changeTime: async (change) => shaped(shapes.TimeSchema, await call('PUT', '/time', change)),
    afterwards: () => get('/afterwards', shapes.AfterwardsStateSchema),
    switchAfterwards: async (on) =>
      shaped(shapes.AfterwardsStateSchema, await call('PUT', '/afterwards', { on })),
    changeAfterwards: async (provider, change) =>
      shaped(AfterwardsSchema, await call('PATCH', `/afterwards/${provider}`, change)),
    sources: async () => (await get('/sources', shapes.SourcesSchema)).data,
    block: async (block) => void (await call('POST', '/sources/block', block)),
    unblock: async (unblock) => void (await call('POST', '/sources/unblock', unblock)),
    recipient: (address) => get(`/recipients/${encodeURIComponent(address)}`, shapes.RecipientFactsSchema),
    authority: async () => (await call('GET', '/authority')).toString('utf8'),
    reset: async () => void (await call('DELETE', '/messages')),
    close: () => agent.destroy(),
  }
}

function withQuery(path: string, values: Readonly<Record<string, string | number | undefined>>): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(values)) if (value !== undefined) query.set(name, String(value))
  return query.size === 0 ? path : `${path}?${query.toString()}`
}

async function ifThere<Found>(look: () => Promise<Found>): Promise<Found | undefined> {
  try {
    return await look()
  } catch (error) {
    if (error instanceof Problem && error.kind === 'not_found') return undefined
    throw error
  }
}

function shaped<Schema extends TSchema>(schema: Schema, bytes: Buffer): Static<Schema> {
  const value = parseJson(bytes)
  if (Value.Check(schema, value)) return value
  throw new Problem(
    'unavailable',
    'windtunnel.bad_reply',
    'The windtunnel answered in a shape that this version does not know.',
  )
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    return undefined
  }
}

async function send(
  agent: Agent,
  options: WindtunnelAddress & { readonly timeoutMs?: number },
  method: string,
  path: string,
  body: unknown,
): Promise<Buffer> {
  let reply = await exchange(agent, options, method, path, body)
  // Every request here may be made twice, and a connection of its own cannot be stale.
  if (reply === 'stale') reply = await exchange(undefined, options, method, path, body)
  if (reply === 'stale')
    throw new Problem('unavailable', 'windtunnel.unreachable', 'The windtunnel closed the connection.')
  const { status, bytes } = reply
  if (status < 300) return bytes
  const problem = parseJson(bytes)
  if (!Value.Check(shapes.ProblemBodySchema, problem)) {
    throw new Problem('unavailable', 'windtunnel.bad_reply', `The windtunnel answered with status ${status}.`)
  }
  throw new Problem(KINDS.get(status) ?? 'unavailable', problem.code, problem.message)
}

const KINDS = new Map<number, ProblemKind>([
  [400, 'invalid'],
  [404, 'not_found'],
  [409, 'conflict'],
  [413, 'too_large'],
  [429, 'limited'],
])

interface Reply {
  readonly status: number
  readonly bytes: Buffer
}

/** One request. 'stale': the server closed a kept connection at the moment we used it, so nothing was heard. */
function exchange(
  agent: Agent | undefined,
  options: WindtunnelAddress & { readonly timeoutMs?: number },
  method: string,
  path: string,
  body: unknown,
): Promise<Reply | 'stale'> {
  const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body))
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS
  const { promise, resolve, reject } = Promise.withResolvers<Reply | 'stale'>()
  const fail = (cause: unknown) =>
    reject(
      new Problem(
        'unavailable',
        'windtunnel.unreachable',
        `The windtunnel did not answer within ${timeoutMs} ms or cannot be reached. Is its role running?`,
        { cause },
      ),
    )
  const target =
    'socketPath' in options ? { socketPath: options.socketPath, path } : urlParts(options.baseUrl, path)
  const headers =
    payload === undefined ? {} : { 'content-type': 'application/json', 'content-length': payload.length }
  const sent = request(
    { ...target, method, agent: agent ?? false, headers, signal: AbortSignal.timeout(timeoutMs) },
    (response) => {
      const chunks: Buffer[] = []
      let size = 0
      response.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size > MAX_REPLY_BYTES) response.destroy(new Error('the reply is too large'))
        else chunks.push(chunk)
      })
      response.on('error', fail)
      response.on('end', () => resolve({ status: response.statusCode ?? 0, bytes: Buffer.concat(chunks) }))
    },
  )
  sent.on('error', (error) => {
    if (sent.reusedSocket && 'code' in error && error.code === 'ECONNRESET') resolve('stale')
    else fail(error)
  })
  sent.end(payload)
  return promise
}

function urlParts(baseUrl: string, path: string): { hostname: string; port: string; path: string } {
  const url = new URL(baseUrl)
  return { hostname: url.hostname, port: url.port, path }
}
