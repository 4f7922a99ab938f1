import type { SmtpPhase } from '@pigeon/mail/bounce-class.ts'
import { findCampaign } from '#campaigns/get-campaign.ts'
import { getMessage, type AttemptRow, type Message } from '#messages/get-message.ts'
import type { Analytics } from '#platform/analytics/open-analytics.ts'
import { adviceFor, adviceText, type Advice } from './class-advice.ts'
import { recipientOf, senderOf } from './explain-address.ts'
import { explainWay, type ExplainDeps } from './explain-way.ts'
import type { Explanation } from './explanation.ts'
import { timeOf } from './lane-outlook.ts'
import { isBounceClass, readAttempt, type RuleFacts } from './read-attempt.ts'

export interface TraceDeps extends ExplainDeps {
  readonly analytics: Analytics
}

/** An attempt with its transcript, and how its reply was read. Its class is what delivery took it for. */
export interface TracedAttempt extends AttemptRow {
  /** What was refused: a step of the conversation. */
  readonly phase: SmtpPhase | null
  /** The rule that reads the reply today. */
  readonly rule: RuleFacts | null
  readonly meaning: string
}

export interface Trace extends Omit<Message, 'attempts_made' | 'timeline'> {
  /** What became of it in plain language, with the fix. */
  readonly explanation: string
  /** For the last refusal; null where there was none. */
  readonly advice: (Advice & { readonly class: string; readonly page: string | null }) | null
  readonly attempts_made: TracedAttempt[]
  readonly timeline: Message['timeline']
  /** The way that it would take now; null when it is final, or its campaign is gone. */
  readonly way: Explanation | null
}

const FINAL: ReadonlySet<string> = new Set([
  'delivered',
  'sent',
  'bounced',
  'failed',
  'suppressed',
  'cancelled',
])

/** Everything that is known of a message, in words. Problem `messages.not_found`. */
export async function traceMessage(deps: TraceDeps, tenantId: string, id: string): Promise<Trace> {
  const message = await getMessage(deps, tenantId, id)
  const attempts = message.attempts_made.map(traced)
  const advice = lastAdvice(message, attempts)
  const way = FINAL.has(message.state) ? null : await wayOf(deps, tenantId, message)
  return { ...message, attempts_made: attempts, advice, way, explanation: explained(message, advice, way) }
}

function traced(attempt: AttemptRow): TracedAttempt {
  return { ...attempt, ...readAttempt(attempt), meaning: meaningOf(attempt) }
}

const MEANINGS: Readonly<Record<string, string>> = {
  delivered: 'The receiving server took it.',
  sent: 'The relay took it.',
  deferred: 'Put off.',
  bounced: 'Refused for good.',
  failed: 'Given up.',
}

function meaningOf(attempt: AttemptRow): string {
  const what = MEANINGS[attempt.outcome] ?? `${attempt.outcome}.`
  return isBounceClass(attempt.class) ? `${what} ${adviceFor(attempt.class, attempt).what}` : what
}

/** An expiry says nothing about the cause: the refusal before it does. */
function lastAdvice(message: Message, attempts: readonly TracedAttempt[]): Trace['advice'] {
  const refused = attempts.findLast((attempt) => isBounceClass(attempt.class) && attempt.class !== 'expired')
  const found = message.class === 'expired' ? (refused?.class ?? message.class) : message.class
  if (!isBounceClass(found)) return null
  const reply = message.reply ?? refused?.reply ?? ''
  return { class: found, ...adviceFor(found, { reply, provider: message.provider }) }
}

async function wayOf(deps: TraceDeps, tenantId: string, message: Message): Promise<Explanation | null> {
  if (message.campaign_id === null) return null
  const campaign = await findCampaign(deps, tenantId, message.campaign_id)
  return explainWay(deps, {
    tenantId,
    mode: message.mode,
    recipient: recipientOf(message.recipient),
    from: senderOf(campaign.from_email),
    campaignId: campaign.id,
    listId: campaign.list_id,
    messageClass: campaign.message_class,
  })
}

const IN_DOUBT =
  'Whether it has arrived is not known: the connection ended after the whole message was sent and before the reply.'

function explained(message: Message, advice: Trace['advice'], way: Explanation | null): string {
  const why = advice === null ? '' : adviceText(advice)
  const parts = {
    queued: ['It waits for its first attempt.', way?.explanation],
    sending: ['An attempt is under way.', why],
    deferred: ['It was put off.', why, nextTry(message), way?.verdict === 'sends' ? '' : way?.explanation],
    delivered: [
      'Delivered: the receiving server took it. What the mailbox does with it then, nobody is told.',
    ],
    sent: ['The relay took it and delivers it from here; what comes back is seen only if it tells.'],
    bounced: ['The receiving server refused it for good.', why],
    failed: ['It was given up.', message.class === 'expired' ? 'Its time was over.' : '', why],
    suppressed: [
      'It was not sent: the address is suppressed. Delete the suppression if the recipient asked for mail again.',
    ],
    cancelled: ['It was not sent: its campaign was cancelled.'],
  } satisfies Record<string, (string | undefined)[]>
  const known: Readonly<Record<string, readonly (string | undefined)[]>> = parts
  const sentences = [
    ...(known[message.state] ?? [`It is ${message.state}.`]),
    message.in_doubt ? IN_DOUBT : '',
  ]
  return sentences.filter((sentence) => sentence !== undefined && sentence !== '').join(' ')
}

function nextTry({ next_attempt_at: next, expires_at: end, attempts }: Message): string {
  const until = end === null ? '' : `, until ${timeOf(end)}`
  return next === null ? '' : `Attempt ${attempts + 1} follows at ${timeOf(next)}${until}.`
}
