import { createHmac, timingSafeEqual } from 'node:crypto'
import { at, dateOf, parseJson, textAt } from './json.ts'
import { isFresh, STALE, type Genuine, type ProviderInput, type Refused } from './provider.ts'
import { bouncedBy, complainedBy, enhancedIn, ownMessageId, type RelayFeedback } from './relay-event.ts'

/**
 * Mailgun's webhooks: HMAC-SHA256 of timestamp and token with the account's webhook signing key. The signature does not cover
 * the event, so the address that it comes to is a secret, too.
 * documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks
 */
export function readMailgun(input: ProviderInput): Genuine | Refused {
  const json = parseJson(input.request.body)
  const timestamp = textAt(json, 'signature', 'timestamp') ?? ''
  const token = textAt(json, 'signature', 'token') ?? ''
  const signature = Buffer.from(textAt(json, 'signature', 'signature') ?? '', 'hex')
  if (!isSigned(input.verification, timestamp + token, signature))
    return { refused: 'The signature is not that of the webhook signing key.' }
  if (!isFresh(dateOf(timestamp, new Date(0)), input.now)) return STALE
  return { events: feedbackOf(at(json, 'event-data'), input) }
}

function isSigned(key: string | null, content: string, signature: Buffer): boolean {
  if (key === null) return false
  const expected = createHmac('sha256', key).update(content).digest()
  return signature.length === expected.length && timingSafeEqual(signature, expected)
}

function feedbackOf(event: unknown, { sourceId, now }: ProviderInput): RelayFeedback[] {
  const messageId = ownMessageId(textAt(event, 'message', 'headers', 'message-id'))
  const eventId = textAt(event, 'id')
  if (messageId === undefined || eventId === undefined) return []
  const told = { eventId, messageId, at: dateOf(textAt(event, 'timestamp'), now) }
  const kind = textAt(event, 'event')
  if (kind === 'complained')
    return [complainedBy(sourceId, { ...told, feedbackType: 'abuse', reporter: null })]
  // A temporary failure is tried again by Mailgun.
  if (kind !== 'failed' || textAt(event, 'severity') !== 'permanent') return []
  const status = at(event, 'delivery-status')
  const message = textAt(status, 'message') ?? ''
  const reply = message === '' ? (textAt(status, 'description') ?? '') : message
  const reason = textAt(event, 'reason') ?? ''
  const code = Number(textAt(status, 'code'))
  return [
    bouncedBy(sourceId, {
      ...told,
      reply,
      // Mailgun has codes of its own, like 605.
      code: code >= 200 && code <= 599 ? code : null,
      enhanced: enhancedIn(textAt(status, 'enhanced-code')) ?? enhancedIn(reply),
      class: reason.startsWith('suppress-') ? (reason === 'suppress-bounce' ? 'inactive' : 'feedback') : null,
      isHard: reason === 'bounce' || reason === 'suppress-bounce',
      reportingMta: textAt(status, 'mx-host') ?? null,
    }),
  ]
}
