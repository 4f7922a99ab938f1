import { verify, X509Certificate } from 'node:crypto'
import type { BounceClass } from '@pigeon/mail/bounce-class.ts'
import { at, dateOf, listAt, parseJson, textAt } from './json.ts'
import { isFresh, STALE, type Genuine, type ProviderInput, type Refused } from './provider.ts'
import {
  bouncedBy,
  codeIn,
  complainedBy,
  enhancedIn,
  ownMessageId,
  type RelayFeedback,
} from './relay-event.ts'

/** Of Amazon itself: whoever can serve from there is Amazon. */
const AMAZON_HOST = /^sns\.[a-z0-9-]{2,32}\.amazonaws\.com(\.cn)?$/

/** What of a message is signed, in this order. docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html */
const SIGNED = {
  Notification: ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type'],
  SubscriptionConfirmation: [
    'Message',
    'MessageId',
    'SubscribeURL',
    'Timestamp',
    'Token',
    'TopicArn',
    'Type',
  ],
} as const

const SUB_TYPES: ReadonlyMap<string, BounceClass> = new Map([
  ['NoEmail', 'unknown_user'],
  ['Suppressed', 'inactive'],
  ['OnAccountSuppressionList', 'inactive'],
  ['MailboxFull', 'mailbox_full'],
  ['MessageTooLarge', 'message_too_big'],
  ['ContentRejected', 'content'],
  ['AttachmentRejected', 'content'],
])

/** Where the certificate of a message is fetched; undefined when that is not Amazon, so that nothing is fetched. */
export function certificateUrl(body: string): URL | undefined {
  const url = amazonUrl(textAt(parseJson(body), 'SigningCertURL'))
  return url?.pathname.endsWith('.pem') === true ? url : undefined
}

/** https at Amazon SNS; undefined for anything else. */
export function amazonUrl(text: string | undefined): URL | undefined {
  const url = text === undefined ? null : URL.parse(text)
  if (url === null || url.protocol !== 'https:' || url.port !== '' || url.username !== '') return undefined
  return AMAZON_HOST.test(url.hostname) ? url : undefined
}

/**
 * Bounces and complaints of Amazon SES, which come as messages of one SNS topic: signed with a certificate of Amazon, and of
 * the topic whose ARN the operator has given, because everybody's topics are signed with the same. `pem` is undefined when
 * the certificate's place is not Amazon's.
 */
export function readSes(input: ProviderInput, pem: string | undefined): Genuine | Refused {
  const json = parseJson(input.request.body)
  if (!isSigned(json, pem)) return { refused: 'It is not signed by Amazon SNS.' }
  if (input.verification === null || textAt(json, 'TopicArn') !== input.verification)
    return { refused: 'It is not of the topic whose ARN was given.' }
  if (!isFresh(dateOf(textAt(json, 'Timestamp'), new Date(0)), input.now)) return STALE
  if (textAt(json, 'Type') === 'SubscriptionConfirmation') {
    const confirm = amazonUrl(textAt(json, 'SubscribeURL'))
    return confirm === undefined ? { refused: 'Its SubscribeURL is not at Amazon.' } : { events: [], confirm }
  }
  return { events: feedbackOf(parseJson(textAt(json, 'Message') ?? ''), input) }
}

function isSigned(json: unknown, pem: string | undefined): boolean {
  const type = textAt(json, 'Type')
  if (pem === undefined || (type !== 'Notification' && type !== 'SubscriptionConfirmation')) return false
  const version = textAt(json, 'SignatureVersion')
  if (version !== '1' && version !== '2') return false
  const content = SIGNED[type]
    .map((name) => [name, textAt(json, name)] as const)
    .flatMap(([name, value]) => (value === undefined ? [] : [`${name}\n${value}\n`]))
    .join('')
  try {
    const { publicKey } = new X509Certificate(pem)
    const signature = Buffer.from(textAt(json, 'Signature') ?? '', 'base64')
    return verify(version === '1' ? 'sha1' : 'sha256', Buffer.from(content), publicKey, signature)
  } catch {
    return false
  }
}

function feedbackOf(event: unknown, { sourceId, now }: ProviderInput): RelayFeedback[] {
  const messageId = messageIdOf(at(event, 'mail'))
  if (messageId === undefined) return []
  // Notifications of an identity and events of a configuration set call it differently.
  switch (textAt(event, 'notificationType') ?? textAt(event, 'eventType')) {
    case 'Bounce':
      return bounceOf(at(event, 'bounce'), { sourceId, messageId, now })
    case 'Complaint': {
      const complaint = at(event, 'complaint')
      const eventId = textAt(complaint, 'feedbackId')
      if (eventId === undefined) return []
      return [
        complainedBy(sourceId, {
          eventId,
          messageId,
          at: dateOf(textAt(complaint, 'timestamp'), now),
          feedbackType: textAt(complaint, 'complaintFeedbackType') ?? 'abuse',
          reporter: textAt(complaint, 'userAgent') ?? null,
        }),
      ]
    }
    default:
      return []
  }
}

function bounceOf(
  bounce: unknown,
  { sourceId, messageId, now }: { sourceId: string; messageId: string; now: Date },
): RelayFeedback[] {
  const eventId = textAt(bounce, 'feedbackId')
  if (eventId === undefined) return []
  const diagnostic = textAt(bounce, 'bouncedRecipients', 0, 'diagnosticCode') ?? ''
  const status = textAt(bounce, 'bouncedRecipients', 0, 'status')
  return [
    bouncedBy(sourceId, {
      eventId,
      messageId,
      at: dateOf(textAt(bounce, 'timestamp'), now),
      isHard: textAt(bounce, 'bounceType') === 'Permanent',
      class: SUB_TYPES.get(textAt(bounce, 'bounceSubType') ?? '') ?? null,
      code: codeIn(diagnostic),
      enhanced: enhancedIn(status) ?? enhancedIn(diagnostic),
      reply: diagnostic,
      reportingMta: textAt(bounce, 'reportingMTA')?.replace(/^dns;\s*/i, '') ?? null,
    }),
  ]
}

/** By the tag that it was sent with, or by the Message-ID that it had before SES gave it another. */
function messageIdOf(mail: unknown): string | undefined {
  const headers = listAt(mail, 'headers')
  const original = headers.find((header) => textAt(header, 'name')?.toLowerCase() === 'message-id')
  return ownMessageId(textAt(mail, 'tags', 'pigeon_message', 0) ?? textAt(original, 'value'))
}
