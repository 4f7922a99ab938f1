import { createPublicKey, verify } from 'node:crypto'
import type { BounceClass } from '@pigeon/mail/bounce-class.ts'
import { dateOf, parseJson, textAt } from './json.ts'
import { header, isFresh, STALE, type Genuine, type ProviderInput, type Refused } from './provider.ts'
import {
  bouncedBy,
  codeIn,
  complainedBy,
  enhancedIn,
  ownMessageId,
  type RelayFeedback,
} from './relay-event.ts'

/** Reasons for which SendGrid drops a message, of addresses that it knows to be no good. */
const DROPPED: readonly (readonly [words: RegExp, of: BounceClass, isHard: boolean])[] = [
  [/bounced address/i, 'inactive', true],
  [/invalid/i, 'syntax', true],
  [/spam reporting|unsubscribed/i, 'feedback', false],
]

/**
 * SendGrid's signed event webhook: ECDSA over the timestamp and the body as it came, with the public key of the account.
 * www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features
 */
export function readSendgrid(input: ProviderInput): Genuine | Refused {
  const { request, verification, now } = input
  const timestamp = header(request, 'x-twilio-email-event-webhook-timestamp')
  const signature = header(request, 'x-twilio-email-event-webhook-signature')
  if (!isSigned(verification, Buffer.from(timestamp + request.body), signature))
    return { refused: 'The signature is not that of the verification key.' }
  if (!isFresh(dateOf(timestamp, new Date(0)), now)) return STALE
  const events = parseJson(request.body)
  const told = Array.isArray(events) ? events : []
  return { events: told.flatMap((event: unknown) => feedbackOf(event, input)) }
}

function isSigned(key: string | null, content: Buffer, signature: string): boolean {
  if (key === null) return false
  try {
    const publicKey = createPublicKey({ key: Buffer.from(key, 'base64'), format: 'der', type: 'spki' })
    return verify('sha256', content, publicKey, Buffer.from(signature, 'base64'))
  } catch {
    return false
  }
}

function feedbackOf(event: unknown, { sourceId, now }: ProviderInput): RelayFeedback[] {
  const messageId = ownMessageId(textAt(event, 'pigeon_message') ?? textAt(event, 'smtp-id'))
  const eventId = textAt(event, 'sg_event_id')
  if (messageId === undefined || eventId === undefined) return []
  const told = { eventId, messageId, at: dateOf(textAt(event, 'timestamp'), now) }
  const reply = textAt(event, 'reason') ?? ''
  const status = textAt(event, 'status')
  const bounce = {
    ...told,
    reply,
    code: codeIn(reply),
    enhanced: enhancedIn(status) ?? enhancedIn(reply),
    reportingMta: null,
  }
  switch (textAt(event, 'event')) {
    case 'spamreport':
      return [complainedBy(sourceId, { ...told, feedbackType: 'abuse', reporter: null })]
    case 'bounce':
      // `blocked`: refused for now, for what is not the address.
      return [bouncedBy(sourceId, { ...bounce, class: null, isHard: textAt(event, 'type') !== 'blocked' })]
    case 'dropped': {
      const [, kind = 'other', isHard = false] = DROPPED.find(([words]) => words.test(reply)) ?? []
      return [bouncedBy(sourceId, { ...bounce, class: kind, isHard })]
    }
    default:
      return []
  }
}
