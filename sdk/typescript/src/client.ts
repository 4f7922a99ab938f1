import createClient from 'openapi-fetch'
import type { Client } from 'openapi-fetch'
import type { paths } from './api.gen.ts'
import { errorOf, PigeonError } from './pigeon-error.ts'

export { PigeonError }
export type { FieldError, ProblemBody } from './pigeon-error.ts'
export type { components, operations, paths } from './api.gen.ts'

export interface PigeonOptions {
  /** Where the API is, e.g. `http://127.0.0.1:3000`. */
  readonly baseUrl: string
  /** An access token or an API key, or a function that gives the current one. Absent for set-up and sign-in. */
  readonly token?: string | (() => string | undefined)
  /** For one request. Milliseconds; 30 s when absent. */
  readonly timeoutMs?: number
  /** For a request that uploads a file. Milliseconds; 15 min when absent. */
  readonly uploadTimeoutMs?: number
}

const TIMEOUT_MS = 30_000
const UPLOAD_TIMEOUT_MS = 15 * 60_000

/** `GET`, `POST`, `PUT` and `DELETE` by path, typed. A refusal is thrown as a `PigeonError`. */
export type Pigeon = Client<paths>

/**
 * A client of the API:
 *
 *     const pigeon = createPigeon({ baseUrl: 'http://127.0.0.1:3000', token: 'pg_test_...' })
 *     const domain = await take(pigeon.POST('/v1/domains', { body: { name: 'example.com' } }))
 */
export function createPigeon(options: PigeonOptions): Pigeon {
  return createClient<paths>({
    baseUrl: options.baseUrl.replace(/\/+$/, ''),
    fetch: async (request) => send(request, options),
  })
}

async function send(request: Request, options: PigeonOptions): Promise<Response> {
  const token = typeof options.token === 'function' ? options.token() : options.token
  if (token !== undefined && !request.headers.has('authorization'))
    request.headers.set('authorization', `Bearer ${token}`)
  const isUpload = request.headers.get('content-type')?.startsWith('multipart/') === true
  const timeoutMs = isUpload
    ? (options.uploadTimeoutMs ?? UPLOAD_TIMEOUT_MS)
    : (options.timeoutMs ?? TIMEOUT_MS)
  const deadline = AbortSignal.timeout(timeoutMs)
  const response = await answer(request, deadline, timeoutMs)
  if (!response.ok) throw await errorOf(response)
  return response
}

async function answer(request: Request, deadline: AbortSignal, timeoutMs: number): Promise<Response> {
  try {
    return await fetch(request, { signal: AbortSignal.any([request.signal, deadline]) })
  } catch (error) {
    if (request.signal.aborted) throw error
    const { origin } = new URL(request.url)
    if (deadline.aborted) {
      throw new PigeonError(`${origin} did not answer within ${timeoutMs / 1000} s.`, {
        status: 0,
        code: 'client.timeout',
        cause: error,
      })
    }
    throw new PigeonError(`${origin} cannot be reached (${reasonOf(error)}). Is Pigeon running there?`, {
      status: 0,
      code: 'client.unreachable',
      cause: error,
    })
  }
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error
  if (cause instanceof Error && 'code' in cause) return String(cause.code)
  return cause instanceof Error ? cause.message : String(cause)
}

/** The answer itself: `await take(pigeon.GET('/v1/me'))`. Refusals were thrown before. */
export async function take<R extends { data?: unknown }>(
  call: Promise<R>,
): Promise<Exclude<R['data'], undefined>> {
  const { data } = await call
  if (data === undefined)
    throw new PigeonError('The server answered without a body.', { status: 204, code: 'client.no_body' })
  // Excluded by the line above, which the compiler does not see through the index type.
  return data as Exclude<R['data'], undefined>
}

/**
 * The body of a request that uploads a file (`openAsBlob` of node:fs reads it from disk as it is sent):
 *
 *     pigeon.POST(path, { params, ...upload({ mode: 'skip' }, await openAsBlob('people.csv'), 'people.csv') })
 */
export function upload<Fields extends Record<string, string | undefined>>(
  fields: Fields,
  file: Blob,
  fileName: string,
): { body: Fields & { file: string }; bodySerializer: () => FormData } {
  return {
    body: { ...fields, file: fileName },
    bodySerializer: () => {
      const form = new FormData()
      for (const [name, value] of Object.entries(fields)) if (value !== undefined) form.append(name, value)
      // The file comes last: the server streams it and must know the rest before.
      form.append('file', file, fileName)
      return form
    },
  }
}

/** What a page asks for; spread it into the query. */
export interface PageQuery {
  limit: number
  cursor?: string
}

interface Page<Item> {
  readonly data: readonly Item[]
  readonly next_cursor: string | null
}

const ROWS_A_PAGE = 100

/**
 * All items of a list, page by page:
 *
 *     for await (const list of paginate((page) => take(pigeon.GET('/v1/lists', { params: { query: { ...page } } })))) ...
 */
export async function* paginate<Item>(
  fetchPage: (page: PageQuery) => Promise<Page<Item>>,
  limit: number = ROWS_A_PAGE,
): AsyncGenerator<Item, void, undefined> {
  let cursor: string | undefined
  for (;;) {
    const page = await fetchPage(cursor === undefined ? { limit } : { limit, cursor })
    yield* page.data
    if (page.next_cursor === null) return
    if (page.next_cursor === cursor)
      throw new PigeonError('The server gave the same cursor twice.', {
        status: 200,
        code: 'client.endless_list',
      })
    cursor = page.next_cursor
  }
}
