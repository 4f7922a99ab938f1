import type { LookupFunction } from 'node:net'
import { Agent, request, type Dispatcher } from 'undici'
import { guardedLookup } from '#delivery/relays/endpoint.ts'
import type { Clock } from '#platform/clock.ts'
import { signatureOf } from './signature.ts'
import { isWrittenPrivate } from './webhook.ts'

/** What a receiver made of a delivery. Without a status there was no answer, and `error` says why. */
export interface PostResult {
  readonly at: Date
  readonly durationMs: number
  readonly status: number | null
  readonly response: string | null
  readonly error: string | null
}

export interface Post {
  readonly url: string
  /** All that are valid: each signs. */
  readonly secrets: readonly string[]
  readonly id: string
  readonly body: string
}

export interface Poster {
  /** Never rejects. */
  post(post: Post): Promise<PostResult>
  /** Cuts what is on its way. */
  close(): Promise<void>
}

export interface PosterDeps {
  readonly clock: Clock
  /** Whether receivers may be on private addresses and on this machine: a setting of the installation. */
  readonly allowPrivate: boolean
  /** Default that of the system. */
  readonly lookup?: LookupFunction
  /** For the whole of it, connecting included. Default 15 s. */
  readonly timeoutMs?: number
}

const TIMEOUT_MS = 15_000
/** A connection without a request is closed after this: before most receivers do it while a request is on its way. */
const KEEP_ALIVE_MS = 4_000
/** So much of an answer is kept. */
const KEPT_CHARS = 1_000
/** An answer that is longer is not read to its end, and its connection not used again. */
const MAX_ANSWER_BYTES = 64 * 1024
const USER_AGENT = 'Pigeon-Webhooks/1.0'

/**
 * Posts deliveries over connections that stay open. A name is looked up by the guard, and the connection goes to an address
 * that has passed it, however often the name changes its mind. Redirects are not followed: they are an answer as others are.
 */
export function createPoster(deps: PosterDeps): Poster {
  const { clock, timeoutMs = TIMEOUT_MS } = deps
  // How many connections there are is bounded by who posts, receiver by receiver.
  const agent = new Agent({
    connect: { lookup: guardedLookup(deps, deps.lookup), timeout: timeoutMs },
    keepAliveTimeout: KEEP_ALIVE_MS,
    pipelining: 1,
  })
  return {
    post: async (post) => {
      const at = clock.now()
      const startedMs = clock.monotonicMs()
      const durationMs = (): number => Math.round(clock.monotonicMs() - startedMs)
      try {
        refusePrivate(post.url, deps)
        const answer = await request(post.url, optionsOf(post, at, agent, timeoutMs))
        const response = await beginningOf(answer.body)
        return { at, durationMs: durationMs(), status: answer.statusCode, response, error: null }
      } catch (error) {
        return {
          at,
          durationMs: durationMs(),
          status: null,
          response: null,
          error: wordsOf(error, timeoutMs),
        }
      }
    },
    close: () => agent.destroy(),
  }
}

function optionsOf(post: Post, at: Date, dispatcher: Dispatcher, timeoutMs: number) {
  const { id, body, secrets } = post
  const timestamp = Math.floor(at.getTime() / 1000)
  return {
    method: 'POST',
    dispatcher,
    signal: AbortSignal.timeout(timeoutMs),
    body,
    headers: {
      'content-type': 'application/json',
      'user-agent': USER_AGENT,
      'webhook-id': id,
      'webhook-timestamp': String(timestamp),
      'webhook-signature': signatureOf(secrets, { id, timestamp, body }),
    },
  } as const
}

function refusePrivate(url: string, { allowPrivate }: PosterDeps): void {
  const { hostname, protocol } = new URL(url)
  if (allowPrivate) return
  if (protocol !== 'https:' || isWrittenPrivate(hostname))
    throw new Error('Nothing is sent to private addresses, or without https.')
}

/** A receiver that has answered has decided, whatever becomes of its words. */
async function beginningOf(body: Dispatcher.ResponseData['body']): Promise<string> {
  const chunks: Buffer[] = []
  let [kept, octets] = [0, 0]
  try {
    for await (const chunk of body) {
      if (!Buffer.isBuffer(chunk)) continue
      octets += chunk.length
      if (kept < KEPT_CHARS) chunks.push(chunk.subarray(0, KEPT_CHARS - kept))
      kept = Math.min(octets, KEPT_CHARS)
      if (octets > MAX_ANSWER_BYTES) break
    }
  } catch {
    // What had come of it is all there is.
  }
  // PostgreSQL keeps no NUL in text.
  return Buffer.concat(chunks).toString('utf8').replaceAll('\0', '')
}

function wordsOf(error: unknown, timeoutMs: number): string {
  if (!(error instanceof Error)) return String(error)
  if (error.name === 'TimeoutError') return `No answer within ${timeoutMs / 1000} s.`
  const cause = error instanceof AggregateError ? error.errors.map(String).join('; ') : ''
  return (error.message || cause || error.name).slice(0, KEPT_CHARS)
}
