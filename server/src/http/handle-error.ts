import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import type { Log } from '#platform/log.ts'
import { Problem } from '#platform/problem.ts'
import { problemBody, problemHeaders, refusalOf } from './problem-reply.ts'
import type { Refusal } from './problem-reply.ts'

/** Refusals that Fastify itself makes while it reads a request. */
const FASTIFY_REFUSALS: Record<string, { status: number; code: string; detail: string }> = {
  FST_ERR_CTP_INVALID_JSON_BODY: {
    status: 400,
    code: 'request.malformed_json',
    detail: 'The body is not valid JSON.',
  },
  FST_ERR_CTP_EMPTY_JSON_BODY: {
    status: 400,
    code: 'request.malformed_json',
    detail: 'The body is empty. Send JSON, or leave out Content-Type: application/json.',
  },
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: {
    status: 400,
    code: 'request.bad_length',
    detail: 'The body is not as long as Content-Length says.',
  },
  FST_ERR_CTP_BODY_TOO_LARGE: {
    status: 413,
    code: 'request.too_large',
    detail: 'The body is too large. Send less at a time.',
  },
  FST_ERR_CTP_INVALID_MEDIA_TYPE: {
    status: 415,
    code: 'request.media_type',
    detail: 'Send the body as application/json, or as multipart/form-data where a file is uploaded.',
  },
  FST_ERR_BAD_URL: { status: 400, code: 'request.bad_url', detail: 'The path is not a valid URL path.' },
  FST_ERR_MAX_PARAM_LENGTH: { status: 414, code: 'request.url_too_long', detail: 'The path is too long.' },
  FST_INVALID_MULTIPART_CONTENT_TYPE: {
    status: 415,
    code: 'request.media_type',
    detail: 'Send the file as multipart/form-data.',
  },
  FST_REQ_FILE_TOO_LARGE: { status: 413, code: 'request.too_large', detail: 'The file is too large.' },
}

const INTERNAL: Refusal = {
  status: 500,
  code: 'internal',
  detail: 'Something went wrong on our side. It has been logged: give the request_id when you ask about it.',
}

export function refuse(reply: FastifyReply, requestId: string, refusal: Refusal): FastifyReply {
  return reply
    .code(refusal.status)
    .headers(problemHeaders(refusal))
    .send(JSON.stringify(problemBody(refusal, requestId)))
}

/** Refusals become RFC 9457 bodies; everything else is a bug: logged whole, told as a 500 with its request id. */
export function handleError(log: Log) {
  return (error: FastifyError | Error, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const refusal = toRefusal(error)
    if (refusal.status >= 500) {
      log.error(
        { request_id: request.id, method: request.method, path: pathOf(request), err: error },
        'request failed',
      )
    }
    return refuse(reply, request.id, refusal)
  }
}

function toRefusal(error: FastifyError | Error): Refusal {
  if (error instanceof Problem) return refusalOf(error)
  if (!('statusCode' in error)) return INTERNAL
  const known = FASTIFY_REFUSALS[error.code]
  if (known !== undefined) return known
  const { statusCode } = error
  if (statusCode === undefined || statusCode < 400 || statusCode >= 500) return INTERNAL
  return { status: statusCode, code: 'request.refused', detail: error.message }
}

/** Without the query, which can hold what must not stand in a log. */
export function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0] ?? ''
}
