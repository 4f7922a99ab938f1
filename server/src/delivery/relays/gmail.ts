import type { Clock } from '#platform/clock.ts'
import { addressedTo } from './addressed-to.ts'
import type { HttpAnswer } from './http-exchange.ts'
import { jsonOf, NoCredentials, readStatus, textAt, type ApiVerdict, type RelayApi } from './relay-api.ts'
import { restAsked } from './retry-after.ts'

/**
 * A token of OAuth 2.0 for the account, with the scope `gmail.send`. `isRefused`: the last one was, so a new one is
 * needed. Rejects when there is none.
 */
export type AccessToken = (asked: { readonly isRefused: boolean }) => Promise<string>

/** An upload of a message has at most 35 MB. */
const MAX_OCTETS = 35_000_000
/** A token that takes longer than this is not worth waiting for. */
const TOKEN_MS = 30_000
/** Requests a second of one user. */
const RATE_REST_MS = 5_000
/** Gmail counts messages over a day, and says for hours that there were too many. */
const DAY_REST_MS = 60 * 60_000

const LIMITED = new Set(['rateLimitExceeded', 'userRateLimitExceeded', 'quotaExceeded', 'RESOURCE_EXHAUSTED'])

/**
 * The Gmail API: an upload of the whole message, sent as the account that the token is for. There is no envelope: it
 * sends to whom the headers name, so these name the recipient alone. Gmail may write From and Message-ID anew and signs
 * itself. It has no idempotency key. A 200 is not quite a promise: past the limit of a day messages come back later.
 * developers.google.com/workspace/gmail/api/reference/rest/v1/users.messages/send, .../guides/handle-errors
 */
export function gmailApi(
  deps: { readonly clock: Clock; readonly accessToken: AccessToken },
  options: { readonly endpoint: URL },
): RelayApi {
  const url = new URL('/upload/gmail/v1/users/me/messages/send?uploadType=media', options.endpoint)
  const tokens = new Set<string>()
  return {
    rewrites: 'all',
    maxMessageOctets: MAX_OCTETS,
    hasTokens: true,
    secrets: () => [...tokens],
    async request({ rcptTo, mime }, isRefused) {
      const token = await tokenInTime(deps, isRefused)
      // The one before may still be on its way in another request.
      if (tokens.size > 1) tokens.delete([...tokens][0] ?? '')
      tokens.add(token)
      return {
        url,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'message/rfc822' },
        body: addressedTo(mime, rcptTo),
      }
    },
    read: (answer) => readGmail(answer, deps.clock.now()),
  }
}

async function tokenInTime(
  deps: { readonly clock: Clock; readonly accessToken: AccessToken },
  isRefused: boolean,
): Promise<string> {
  const done = new AbortController()
  const tooLate = deps.clock.sleep(TOKEN_MS, done.signal).then(() => undefined)
  try {
    const token = await Promise.race([deps.accessToken({ isRefused }), tooLate])
    if (token !== undefined) return token
  } catch {
    // Whatever is in that error may hold a secret: it stays where it came from.
    throw new NoCredentials('There is no access token for this Gmail account: connect it again.')
  } finally {
    done.abort()
  }
  throw new NoCredentials('No access token for this Gmail account came in time.')
}

function readGmail(answer: HttpAnswer, now: Date): ApiVerdict {
  const json = jsonOf(answer)
  if (answer.status === 200) return { verdict: 'sent', relayId: textAt(json, 'id') ?? null }
  const reason = textAt(json, 'error', 'errors', 0, 'reason') ?? textAt(json, 'error', 'status') ?? ''
  const words = textAt(json, 'error', 'message') ?? ''
  if (reason === 'dailyLimitExceeded' || /mail sending/i.test(words)) {
    return { verdict: 'limited', retryAfterMs: restAsked(answer, now, DAY_REST_MS) }
  }
  if (answer.status === 429 || LIMITED.has(reason)) {
    return { verdict: 'limited', retryAfterMs: restAsked(answer, now, RATE_REST_MS) }
  }
  if (answer.status === 400 && /mail service not enabled/i.test(words)) return { verdict: 'suspended' }
  if (answer.status === 400 && /recipient|to header/i.test(words)) {
    return { verdict: 'failed', class: 'syntax' }
  }
  return readStatus(answer, now)
}
