import { timingSafeEqual } from 'node:crypto'
import type { BounceClass } from '@pigeon/mail/bounce-class.ts'
import { dateOf, parseJson, textAt } from './json.ts'
import { header, type Genuine, type ProviderInput, type Refused } from './provider.ts'
import {
  bouncedBy,
  codeIn,
  complainedBy,
  enhancedIn,
  ownMessageId,
  type RelayFeedback,
} from './relay-event.ts'

/** Of Postmark's types, those after which nothing more comes of the message: how it is called here, and whether for good. */
const TYPES: ReadonlyMap<string, readonly [of: BounceClass | null, isHard: boolean]> = new Map([
  ['HardBounce', [null, true]],
  ['BadEmailAddress', ['syntax', true]],
  ['SoftBounce', [null, false]],
  ['DnsError', ['host_unknown', false]],
  ['Blocked', ['blocked', false]],
  ['SpamNotification', ['spam', false]],
  ['VirusNotification', ['virus', false]],
  ['DMARCPolicy', ['auth_failure', false]],
  ['ManuallyDeactivated', ['inactive', false]],
  ['Undeliverable', [null, false]],
])

/**
 * Postmark's webhooks. It signs nothing: it sends the user and password that stand in the address it was given.
 * postmarkapp.com/developer/webhooks/webhooks-overview, .../bounce-webhook, .../spam-complaint-webhook
 */
export function readPostmark(input: ProviderInput): Genuine | Refused {
  if (!isKnown(header(input.request, 'authorization'), input.password))
    return { refused: 'The user and password of the address are missing or wrong.' }
  return { events: feedbackOf(parseJson(input.request.body), input) }
}

function isKnown(authorization: string, password: string): boolean {
  const [given, expected] = [
    Buffer.from(authorization),
    Buffer.from(`Basic ${Buffer.from(`pigeon:${password}`).toString('base64')}`),
  ]
  return given.length === expected.length && timingSafeEqual(given, expected)
}

function feedbackOf(event: unknown, { sourceId, now }: ProviderInput): RelayFeedback[] {
  const messageId = ownMessageId(textAt(event, 'Metadata', 'pigeon-message'))
  const id = textAt(event, 'ID')
  const record = textAt(event, 'RecordType')
  if (messageId === undefined || id === undefined) return []
  const told = { eventId: `${record} ${id}`, messageId, at: dateOf(textAt(event, 'BouncedAt'), now) }
  if (record === 'SpamComplaint')
    return [complainedBy(sourceId, { ...told, feedbackType: 'abuse', reporter: null })]
  const type = TYPES.get(textAt(event, 'Type') ?? '')
  if (record !== 'Bounce' || type === undefined) return []
  const details = textAt(event, 'Details') ?? ''
  const reply = details === '' ? (textAt(event, 'Description') ?? '') : details
  return [
    bouncedBy(sourceId, {
      ...told,
      reply,
      code: codeIn(reply),
      enhanced: enhancedIn(reply),
      class: type[0],
      isHard: type[1],
      reportingMta: null,
    }),
  ]
}
