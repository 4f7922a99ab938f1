import { STATUS_CODES } from 'node:http'
import type { FieldError, Problem, ProblemKind } from '#platform/problem.ts'

/** What each kind of refusal is in HTTP. */
export const STATUSES = {
  invalid: 422,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  too_large: 413,
  limited: 429,
  unavailable: 503,
} as const satisfies Record<ProblemKind, number>

/** The body of a refusal (RFC 9457). */
export interface ProblemBody {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly code: string
  readonly errors?: readonly FieldError[]
  readonly request_id: string
}

export interface Refusal {
  readonly status: number
  readonly code: string
  readonly detail: string
  readonly errors?: readonly FieldError[]
  readonly retryAfterMs?: number | undefined
  readonly allow?: string
}

export function refusalOf(problem: Problem): Refusal {
  const { code, message: detail, errors, retryAfterMs } = problem
  const status = STATUSES[problem.kind]
  return errors.length === 0
    ? { status, code, detail, retryAfterMs }
    : { status, code, detail, errors, retryAfterMs }
}

export function problemBody(refusal: Refusal, requestId: string): ProblemBody {
  return {
    // A name, not a page: the code is the stable part, and it is the same in every installation.
    type: `urn:pigeon:problem:${refusal.code}`,
    title: STATUS_CODES[refusal.status] ?? 'Error',
    status: refusal.status,
    detail: refusal.detail,
    code: refusal.code,
    ...(refusal.errors === undefined ? {} : { errors: refusal.errors }),
    request_id: requestId,
  }
}

export function problemHeaders(refusal: Refusal): Record<string, string> {
  return {
    'content-type': 'application/problem+json; charset=utf-8',
    ...(refusal.status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
    ...(refusal.allow === undefined ? {} : { allow: refusal.allow }),
    ...(refusal.retryAfterMs === undefined
      ? {}
      : { 'retry-after': String(Math.max(1, Math.ceil(refusal.retryAfterMs / 1000))) }),
  }
}
