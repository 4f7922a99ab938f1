import type { Mailbox } from '@pigeon/mail/headers.ts'
import { MailError } from '@pigeon/mail/mail-error.ts'
import type { Clock } from '#platform/clock.ts'
import type { HttpAnswer } from './http-exchange.ts'
import { partsOf, type AttachedPart, type MailParts } from './mail-parts.ts'
import { MESSAGE_TAG, ownMessageId } from './own-message-id.ts'
import { jsonOf, readStatus, textAt, type ApiVerdict, type RelayApi } from './relay-api.ts'
import { header } from './retry-after.ts'

/** The whole request has at most 30 MB; attachments in it are in base64, as they are in the message. */
const MAX_OCTETS = 28_000_000

/**
 * Twilio SendGrid, `POST /v3/mail/send`. It takes parts and writes the message itself; Message-ID, List-Unsubscribe and
 * other headers are passed on. Its tracking is off: links and pixels are ours. It has no idempotency key.
 * www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send
 */
export function sendgridApi(
  deps: { readonly clock: Clock },
  options: { readonly endpoint: URL; readonly apiKey: string },
): RelayApi {
  const url = new URL('/v3/mail/send', options.endpoint)
  const headers = { authorization: `Bearer ${options.apiKey}`, 'content-type': 'application/json' }
  return {
    rewrites: 'all',
    maxMessageOctets: MAX_OCTETS,
    hasTokens: false,
    secrets: () => [options.apiKey],
    request: async (mail) => ({
      url,
      headers,
      body: Buffer.from(JSON.stringify(bodyOf(await partsOf(mail), ownMessageId(mail.mime)))),
    }),
    read: (answer) => readSendgrid(answer, deps.clock.now()),
  }
}

function bodyOf(parts: MailParts, id: string | undefined) {
  if (parts.subject === '') throw new MailError('no_subject', 'SendGrid takes no message without a subject.')
  const { text, html, replyTo, attachments } = parts
  // A content must not be empty, and plain text comes first.
  const content = [
    ...(text === undefined && html !== undefined ? [] : [{ type: 'text/plain', value: text ?? ' ' }]),
    ...(html === undefined ? [] : [{ type: 'text/html', value: html }]),
  ]
  return {
    personalizations: [
      { to: [person(parts.to)], ...(id === undefined ? {} : { custom_args: { [MESSAGE_TAG]: id } }) },
    ],
    from: person(parts.from),
    ...(replyTo.length === 0 ? {} : { reply_to_list: replyTo.map(person) }),
    subject: parts.subject,
    content,
    ...(attachments.length === 0 ? {} : { attachments: attachments.map(attachment) }),
    headers: Object.fromEntries(parts.headers.map(({ name, value }) => [name, value])),
    tracking_settings: {
      click_tracking: { enable: false, enable_text: false },
      open_tracking: { enable: false },
      subscription_tracking: { enable: false },
    },
  }
}

function person({ name, email }: Mailbox) {
  return name === undefined || name === '' ? { email } : { email, name }
}

function attachment({ base64, contentType, filename, cid }: AttachedPart) {
  const place = cid === null ? { disposition: 'attachment' } : { disposition: 'inline', content_id: cid }
  return { content: base64, type: contentType, filename, ...place }
}

/** 200 would mean "valid, but not queued", which is only said to requests in sandbox mode. */
function readSendgrid(answer: HttpAnswer, now: Date): ApiVerdict {
  if (answer.status === 202) return { verdict: 'sent', relayId: header(answer, 'x-message-id') ?? null }
  const json = jsonOf(answer)
  const words = textAt(json, 'errors', 0, 'message') ?? ''
  const field = textAt(json, 'errors', 0, 'field') ?? ''
  if (answer.status === 403 && /verified sender|from address/i.test(words)) {
    return { verdict: 'sender_refused' }
  }
  // Not a block of ours for good: SendGrid says so after many bad requests.
  if (answer.status === 403 && /temporarily/i.test(words)) return { verdict: 'limited', retryAfterMs: 60_000 }
  if (answer.status === 400 && /^personalizations\.\d+\.to/.test(field)) {
    return { verdict: 'failed', class: 'syntax' }
  }
  return readStatus(answer, now)
}
