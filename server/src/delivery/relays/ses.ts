import type { Clock } from '#platform/clock.ts'
import type { HttpAnswer } from './http-exchange.ts'
import { MESSAGE_TAG, ownMessageId } from './own-message-id.ts'
import { jsonOf, readStatus, textAt, type ApiVerdict, type RelayApi } from './relay-api.ts'
import { header } from './retry-after.ts'
import { signRequest, type AwsCredentials } from './sigv4.ts'

export interface SesOptions {
  readonly endpoint: URL
  readonly region: string
  readonly credentials: AwsCredentials
  readonly configurationSet?: string | undefined
}

/** The limit of SES for a message is 40 MB after encoding; the request carries it in base64 once more. */
const MAX_OCTETS = 40_000_000
/** "Maximum sending rate exceeded": messages a second. */
const RATE_REST_MS = 1_000
/** "Daily message quota exceeded", over the last 24 hours. AWS advises to wait up to ten minutes. */
const QUOTA_REST_MS = 10 * 60_000

const SUSPENDED = new Set(['AccountSuspendedException', 'SendingPausedException'])
const LIMITED = new Set([
  'TooManyRequestsException',
  'LimitExceededException',
  'ThrottlingException',
  'Throttling',
])

/**
 * Amazon SES, API version 2: `SendEmail` with a raw message. It writes Date and Message-ID anew, so a signature of ours
 * must not cover them; its own id is in the answer. It has no idempotency key.
 * docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html, .../dg/header-fields.html
 */
export function sesApi(deps: { readonly clock: Clock }, options: SesOptions): RelayApi {
  const url = new URL('/v2/email/outbound-emails', options.endpoint)
  const { credentials, configurationSet, region } = options
  return {
    rewrites: ['date', 'message-id', 'return-path'],
    maxMessageOctets: MAX_OCTETS,
    hasTokens: false,
    secrets: () => [credentials.secretAccessKey, credentials.sessionToken ?? ''],
    async request({ mailFrom, rcptTo, mime }) {
      const id = ownMessageId(mime)
      const body = Buffer.from(
        JSON.stringify({
          Content: { Raw: { Data: mime.toString('base64') } },
          // The envelope: with it the To and Cc of the message are only shown.
          Destination: { ToAddresses: [rcptTo] },
          ...(mailFrom === '' ? {} : { FeedbackForwardingEmailAddress: mailFrom }),
          ...(id === undefined ? {} : { EmailTags: [{ Name: MESSAGE_TAG, Value: id }] }),
          ...(configurationSet === undefined ? {} : { ConfigurationSetName: configurationSet }),
        }),
      )
      const unsigned = { method: 'POST', url, headers: { 'content-type': 'application/json' }, body }
      const scope = { region, service: 'ses', now: deps.clock.now() }
      return { url, body, headers: signRequest(unsigned, credentials, scope) }
    },
    read: (answer) => readSes(answer, deps.clock.now()),
  }
}

function readSes(answer: HttpAnswer, now: Date): ApiVerdict {
  const json = jsonOf(answer)
  if (answer.status === 200) return { verdict: 'sent', relayId: textAt(json, 'MessageId') ?? null }
  const type = errorType(answer, json)
  const words = textAt(json, 'message') ?? textAt(json, 'Message') ?? ''
  if (SUSPENDED.has(type)) return { verdict: 'suspended' }
  if (LIMITED.has(type) || answer.status === 429) {
    return { verdict: 'limited', retryAfterMs: /rate/i.test(words) ? RATE_REST_MS : QUOTA_REST_MS }
  }
  const isSenderUnknown = type === 'MailFromDomainNotVerifiedException' || /not verified/i.test(words)
  if (isSenderUnknown || type === 'NotFoundException') return { verdict: 'sender_refused' }
  if (type === 'MessageRejected' && /blacklisted/i.test(words)) {
    return { verdict: 'bounced', class: 'inactive' }
  }
  if (type === 'BadRequestException' && /address|domain|recipient/i.test(words)) {
    return { verdict: 'failed', class: 'syntax' }
  }
  return readStatus(answer, now)
}

/** `x-amzn-errortype: MessageRejected:http://...`, or the same in the body. */
function errorType(answer: HttpAnswer, json: unknown): string {
  const named = header(answer, 'x-amzn-errortype') ?? textAt(json, '__type') ?? textAt(json, 'code') ?? ''
  return named.split(':', 1)[0]?.replace(/^.*#/, '') ?? ''
}
