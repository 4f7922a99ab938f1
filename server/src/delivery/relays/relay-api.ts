import type { BounceClass } from '@pigeon/mail/bounce-class.ts'
import type { HttpAnswer, HttpRequest } from './http-exchange.ts'
import type { Rewrites } from './relay.ts'
import { restAsked } from './retry-after.ts'

/** One message to one recipient, as the APIs take it. */
export interface RelayMail {
  /** Empty for the null sender. */
  readonly mailFrom: string
  readonly rcptTo: string
  /** The whole message, signed, CRLF line ends, no dot-stuffing. */
  readonly mime: Buffer
}

/** How one provider's API is spoken to: pure but for what `request` needs to sign or to authorise. */
export interface RelayApi {
  readonly rewrites: Rewrites
  /** Octets of a message that it takes at most. */
  readonly maxMessageOctets: number
  /**
   * Throws `MailError` when the message has no form that this API takes, and `NoCredentials` when there are none.
   * `isRefused`: the credentials of the last request were, and there may be newer ones.
   */
  request(mail: RelayMail, isRefused: boolean): Promise<HttpRequest>
  /** What the answer means for the message and for the relay. */
  read(answer: HttpAnswer): ApiVerdict
  /** Whether a 401 may mean that a token is too old: then it is asked for once more, with new credentials. */
  readonly hasTokens: boolean
  /** What must not be seen in a transcript or an error. */
  secrets(): readonly string[]
}

/** There is nothing to authorise a request with. The message says why, without a secret. */
export class NoCredentials extends Error {
  override readonly name = 'NoCredentials'
}

export type ApiVerdict =
  | { readonly verdict: 'sent'; readonly relayId: string | null }
  | { readonly verdict: 'bounced' | 'failed'; readonly class: BounceClass }
  /** `isFault`: of the relay itself, which counts against its health. */
  | {
      readonly verdict: 'deferred'
      readonly class: BounceClass
      readonly isFault: boolean
      readonly inDoubt: boolean
      readonly retryAfterMs: number
    }
  | { readonly verdict: 'suspended' }
  | { readonly verdict: 'limited'; readonly retryAfterMs: number }
  | { readonly verdict: 'sender_refused' }

/** Without a word about when, a relay that says "too many" is left alone for this long. */
export const LIMIT_REST_MS = 10_000
/** A sending domain that is not set up at the relay: somebody has to do it, which takes a while. */
export const SENDER_REST_MS = 15 * 60_000

/**
 * What a status means where the API's own words say nothing better. 502 and 504 come from a gateway in front, which may
 * have passed the message on: in doubt. Any other 5xx is the API saying that it failed.
 */
export function readStatus(answer: HttpAnswer, now: Date): ApiVerdict {
  const { status } = answer
  if (status === 429) return { verdict: 'limited', retryAfterMs: restAsked(answer, now, LIMIT_REST_MS) }
  if (status === 401 || status === 403) return { verdict: 'suspended' }
  if (status === 413) return { verdict: 'failed', class: 'message_too_big' }
  if (status === 400 || status === 422) return { verdict: 'failed', class: 'content' }
  const inDoubt = status === 502 || status === 504 || status === 408
  const isFault = status < 200 || status >= 300
  const retryAfterMs = restAsked(answer, now, 0)
  return { verdict: 'deferred', class: isFault ? 'system' : 'protocol', isFault, inDoubt, retryAfterMs }
}

/** The answer in one line: `HTTP 422 406 You tried to send to a recipient that ...`. */
export function answerText(answer: HttpAnswer, words: string): string {
  return `HTTP ${answer.status} ${words.replace(/\s+/g, ' ').trim()}`.trim()
}

/** The body as JSON; undefined when it is none. */
export function jsonOf(answer: HttpAnswer): unknown {
  try {
    const value: unknown = JSON.parse(answer.body)
    return value
  } catch {
    return undefined
  }
}

/** A member of a JSON object, as text or number; undefined when it is not there. */
export function textAt(value: unknown, ...path: readonly (string | number)[]): string | undefined {
  let here = value
  for (const key of path) {
    if (typeof here !== 'object' || here === null) return undefined
    here = Object.entries(here).find(([name]) => name === String(key))?.[1]
  }
  return typeof here === 'string' || typeof here === 'number' ? String(here) : undefined
}
