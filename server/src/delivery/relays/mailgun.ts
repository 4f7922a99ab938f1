import { randomBytes } from 'node:crypto'
import type { Clock } from '#platform/clock.ts'
import type { HttpAnswer } from './http-exchange.ts'
import { jsonOf, LIMIT_REST_MS, readStatus, textAt, type ApiVerdict, type RelayApi } from './relay-api.ts'
import { restAsked } from './retry-after.ts'

export interface MailgunOptions {
  readonly endpoint: URL
  /** The sending domain as it is set up at Mailgun. */
  readonly domain: string
  readonly apiKey: string
}

/** Mailgun takes messages of up to 25 MB. */
const MAX_OCTETS = 25_000_000
/** "recipient limit exceeded, try again after ...": a status of Mailgun's own. */
const RECIPIENT_LIMIT = 420

/**
 * Mailgun, `POST /v3/{domain}/messages.mime`: the message as it is, signature and Message-ID included. Its tracking is
 * off. It has no idempotency key. documentation.mailgun.com/docs/mailgun/api-reference/send/mailgun/messages
 */
export function mailgunApi(deps: { readonly clock: Clock }, options: MailgunOptions): RelayApi {
  const url = new URL(`/v3/${encodeURIComponent(options.domain)}/messages.mime`, options.endpoint)
  const basic = Buffer.from(`api:${options.apiKey}`).toString('base64')
  return {
    rewrites: [],
    maxMessageOctets: MAX_OCTETS,
    hasTokens: false,
    secrets: () => [options.apiKey, basic],
    async request({ rcptTo, mime }) {
      const boundary = randomBytes(24).toString('hex')
      return {
        url,
        headers: {
          authorization: `Basic ${basic}`,
          'content-type': `multipart/form-data; boundary=${boundary}`,
        },
        body: formOf(boundary, [
          field('to', rcptTo),
          field('o:tracking', 'no'),
          Buffer.from(
            'Content-Disposition: form-data; name="message"; filename="message.eml"\r\n' +
              'Content-Type: message/rfc822\r\n\r\n',
          ),
          mime,
        ]),
      }
    },
    read: (answer) => readMailgun(answer, deps.clock.now()),
  }
}

function field(name: string, value: string): Buffer {
  return Buffer.from(`Content-Disposition: form-data; name="${name}"\r\n\r\n${value}`)
}

/** RFC 7578. The last two pieces are one part: the header of the file, and the file. */
function formOf(boundary: string, pieces: readonly Buffer[]): Buffer {
  const between = Buffer.from(`\r\n--${boundary}\r\n`)
  const file = pieces.at(-1) ?? Buffer.alloc(0)
  const joined = pieces.slice(0, -1).flatMap((piece) => [between, piece])
  return Buffer.concat([...joined, file, Buffer.from(`\r\n--${boundary}--\r\n`)]).subarray(2)
}

function readMailgun(answer: HttpAnswer, now: Date): ApiVerdict {
  const json = jsonOf(answer)
  if (answer.status === 200) {
    return { verdict: 'sent', relayId: textAt(json, 'id')?.replace(/^<|>$/g, '') ?? null }
  }
  const words = textAt(json, 'message') ?? answer.body
  if (answer.status === RECIPIENT_LIMIT || /limit exceeded/i.test(words)) {
    return { verdict: 'limited', retryAfterMs: restAsked(answer, now, LIMIT_REST_MS) }
  }
  // One relay is one domain: when that may not send or is not there, nothing can be sent.
  if ([402, 404].includes(answer.status) || /not allowed to send/i.test(words))
    return { verdict: 'suspended' }
  if (answer.status === 400 && /'to' parameter/i.test(words)) return { verdict: 'failed', class: 'syntax' }
  return readStatus(answer, now)
}
