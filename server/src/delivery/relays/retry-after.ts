import type { HttpAnswer } from './http-exchange.ts'

/** No relay is left alone for longer than this because of one answer. */
export const MAX_REST_MS = 24 * 60 * 60 * 1000
/** Larger numbers are points in time (seconds since 1970), smaller ones are spans. */
const EPOCH_FROM = 1_000_000_000

/** `Retry after 2026-01-01T00:00:00.000Z` (Gmail), `try again after Mon, 25 Aug 2025 07:00:31 UTC` (Mailgun). */
const AFTER_IN_WORDS = [
  /retry after\s+(\d{4}-\d\d-\d\dT[\d:.]+Z)/i,
  /try again after\s+(\w{3}, \d{1,2} \w{3} \d{4} [\d:]{8} (?:UTC|GMT))/i,
]

/**
 * How long the relay wants to be left alone, in milliseconds: from Retry-After (RFC 9110 10.2.3), from
 * X-RateLimit-Reset when nothing remains of the limit, or from words in the body. `otherwise` when it does not say.
 */
export function restAsked(answer: HttpAnswer, now: Date, otherwise: number): number {
  const found =
    spanOf(header(answer, 'retry-after'), now) ??
    (header(answer, 'x-ratelimit-remaining') === '0' || answer.status === 429
      ? spanOf(header(answer, 'x-ratelimit-reset'), now)
      : undefined) ??
    spanInWords(answer.body, now)
  return Math.min(found ?? otherwise, MAX_REST_MS)
}

export function header(answer: HttpAnswer, name: string): string | undefined {
  const value = answer.headers[name]
  return typeof value === 'string' ? value : value?.[0]
}

function spanOf(text: string | undefined, now: Date): number | undefined {
  if (text === undefined) return undefined
  if (/^\d{1,12}(?:\.\d+)?$/.test(text)) {
    const seconds = Number(text)
    return seconds < EPOCH_FROM ? seconds * 1000 : until(seconds * 1000, now)
  }
  const at = Date.parse(text)
  return Number.isNaN(at) ? undefined : until(at, now)
}

function spanInWords(body: string, now: Date): number | undefined {
  for (const words of AFTER_IN_WORDS) {
    const found = words.exec(body)?.[1]
    if (found !== undefined) return spanOf(found, now)
  }
  return undefined
}

function until(at: number, now: Date): number {
  return Math.max(0, at - now.getTime())
}
