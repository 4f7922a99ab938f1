import type { components } from './api.gen.ts'

export type ProblemBody = components['schemas']['Problem']
export type FieldError = NonNullable<ProblemBody['errors']>[number]

/** A refusal of the server, or no answer from it. `code` is stable, the message says what to do. */
export class PigeonError extends Error {
  /** The HTTP status; 0 when there was no answer. */
  readonly status: number
  readonly code: string
  readonly errors: readonly FieldError[]
  readonly requestId: string | undefined
  /** How long to wait before asking again, where the server says so. Milliseconds. */
  readonly retryAfterMs: number | undefined

  constructor(
    message: string,
    facts: {
      status: number
      code: string
      errors?: readonly FieldError[] | undefined
      requestId?: string | undefined
      retryAfterMs?: number | undefined
      cause?: unknown
    },
  ) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause })
    this.name = 'PigeonError'
    this.status = facts.status
    this.code = facts.code
    this.errors = facts.errors ?? []
    this.requestId = facts.requestId
    this.retryAfterMs = facts.retryAfterMs
  }
}

/** A body longer than this is not one of our problems. */
const MAX_PROBLEM_CHARS = 1_000_000

/** Reads application/problem+json; what a proxy answers instead becomes an error with its status. */
export async function errorOf(response: Response): Promise<PigeonError> {
  const text = (await response.text()).slice(0, MAX_PROBLEM_CHARS)
  const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN)
  const retryAfterMs = Number.isFinite(retryAfter) ? retryAfter * 1000 : undefined
  const requestId = response.headers.get('x-request-id') ?? undefined
  const problem = parseProblem(text)
  if (problem === undefined) {
    const message = `The server answered ${response.status} ${response.statusText}`.trimEnd()
    return new PigeonError(`${message}.`, {
      status: response.status,
      code: `http.${response.status}`,
      requestId,
      retryAfterMs,
    })
  }
  const { code, errors, request_id } = problem
  return new PigeonError(problem.detail, {
    status: response.status,
    code,
    errors,
    requestId: request_id,
    retryAfterMs,
  })
}

function parseProblem(text: string): ProblemBody | undefined {
  try {
    const body: unknown = JSON.parse(text)
    return isProblem(body) ? body : undefined
  } catch {
    return undefined
  }
}

function isProblem(body: unknown): body is ProblemBody {
  if (typeof body !== 'object' || body === null) return false
  const hasTexts =
    'code' in body && typeof body.code === 'string' && 'detail' in body && typeof body.detail === 'string'
  return hasTexts && (!('errors' in body) || Array.isArray(body.errors))
}
