import type { Mailbox } from '@pigeon/mail/headers.ts'
import type { Clock } from '#platform/clock.ts'
import type { HttpAnswer } from './http-exchange.ts'
import { partsOf, type AttachedPart, type MailParts } from './mail-parts.ts'
import { ownMessageId } from './own-message-id.ts'
import { jsonOf, readStatus, textAt, type ApiVerdict, type RelayApi } from './relay-api.ts'

export interface PostmarkOptions {
  readonly endpoint: URL
  readonly serverToken: string
  /** Transactional mail and campaigns go in different ones. */
  readonly messageStream: string
}

/** A request has at most 10 MB with its attachments in base64. */
const MAX_OCTETS = 10_000_000

/**
 * Postmark, `POST /email`. There is no way to hand it a whole message: it takes parts and writes the message itself.
 * `X-PM-KeepID` makes it keep our Message-ID. Its tracking is off. It has no idempotency key.
 * postmarkapp.com/developer/api/email-api, .../overview#error-codes
 */
export function postmarkApi(deps: { readonly clock: Clock }, options: PostmarkOptions): RelayApi {
  const url = new URL('/email', options.endpoint)
  const headers = {
    'x-postmark-server-token': options.serverToken,
    accept: 'application/json',
    'content-type': 'application/json',
  }
  return {
    rewrites: 'all',
    maxMessageOctets: MAX_OCTETS,
    hasTokens: false,
    secrets: () => [options.serverToken],
    async request(mail) {
      const id = ownMessageId(mail.mime)
      // Its names have no underscores.
      const named = id === undefined ? {} : { Metadata: { 'pigeon-message': id } }
      const parts = { ...bodyOf(await partsOf(mail)), ...named }
      return {
        url,
        headers,
        body: Buffer.from(JSON.stringify({ ...parts, MessageStream: options.messageStream })),
      }
    },
    read: (answer) => readPostmark(answer, deps.clock.now()),
  }
}

function bodyOf(parts: MailParts) {
  const { text, html, replyTo, attachments } = parts
  return {
    From: inOneLine(parts.from),
    To: inOneLine(parts.to),
    ...(replyTo.length === 0 ? {} : { ReplyTo: replyTo.map(inOneLine).join(', ') }),
    Subject: parts.subject,
    ...(html === undefined ? {} : { HtmlBody: html }),
    ...(text === undefined && html !== undefined ? {} : { TextBody: text ?? ' ' }),
    Headers: [
      ...parts.headers.map(({ name, value }) => ({ Name: name, Value: value })),
      { Name: 'X-PM-KeepID', Value: 'true' },
    ],
    ...(attachments.length === 0 ? {} : { Attachments: attachments.map(attachment) }),
    TrackOpens: false,
    TrackLinks: 'None',
  }
}

/** Not encoded: the API takes UTF-8 and encodes names itself. */
function inOneLine({ name, email }: Mailbox): string {
  return name === undefined || name === '' ? email : `"${name.replace(/["\\]/g, '\\$&')}" <${email}>`
}

function attachment({ base64, contentType, filename, cid }: AttachedPart) {
  const file = { Name: filename, Content: base64, ContentType: contentType }
  return cid === null ? file : { ...file, ContentID: `cid:${cid}` }
}

/** Sender signature not found; not confirmed; account pending, which sends to its own domain only. */
const SENDER_CODES = new Set(['400', '401', '412'])
/** Bad token; not allowed to send; account may not send; the message stream is not there. */
const SUSPENDED_CODES = new Set(['10', '405', '413', '1235'])

/** Most refusals are HTTP 422 with a code of Postmark's own in the body. */
function readPostmark(answer: HttpAnswer, now: Date): ApiVerdict {
  const json = jsonOf(answer)
  const code = textAt(json, 'ErrorCode') ?? ''
  if (answer.status === 200 && (code === '0' || code === '')) {
    return { verdict: 'sent', relayId: textAt(json, 'MessageID') ?? null }
  }
  if (answer.status >= 500 || answer.status === 429) return readStatus(answer, now)
  if (code === '406') return { verdict: 'bounced', class: 'inactive' }
  if (SENDER_CODES.has(code)) return { verdict: 'sender_refused' }
  if (SUSPENDED_CODES.has(code)) return { verdict: 'suspended' }
  if (code === '429') return readStatus({ ...answer, status: 429 }, now)
  if (code === '100') return readStatus({ ...answer, status: 503 }, now)
  if (code === '300' && /'to'/i.test(textAt(json, 'Message') ?? '')) {
    return { verdict: 'failed', class: 'syntax' }
  }
  return readStatus(answer, now)
}
