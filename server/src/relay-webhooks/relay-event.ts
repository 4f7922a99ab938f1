import { createHash } from 'node:crypto'
import type { BounceClass, SmtpPhase } from '@pigeon/mail/bounce-class.ts'
import { classifyReply } from '@pigeon/mail/classify-reply.ts'
import type { BouncedFeedback, ComplainedFeedback } from '#events/feedback-events.ts'
import { isUuid } from '#platform/ids.ts'

/** What a relay has told of one of our messages. */
export type RelayFeedback = BouncedFeedback | ComplainedFeedback

/** The provider's own words for a bounce, as far as it gives them. */
export interface ToldBounce {
  /** Of this event, stable when it is told again. */
  readonly eventId: string
  readonly messageId: string
  readonly at: Date
  readonly isHard: boolean
  /** The provider's kind, where that says more than the reply. */
  readonly class: BounceClass | null
  readonly code: number | null
  readonly enhanced: string | null
  readonly reply: string
  readonly reportingMta: string | null
}

export interface ToldComplaint {
  readonly eventId: string
  readonly messageId: string
  readonly at: Date
  readonly feedbackType: string
  readonly reporter: string | null
}

const MAX_REPLY_CHARS = 1_000
const PHASE: SmtpPhase = 'rcpt'

export function bouncedBy(sourceId: string, told: ToldBounce): BouncedFeedback {
  const { code, enhanced, reportingMta } = told
  const reply = told.reply.slice(0, MAX_REPLY_CHARS)
  return {
    ...common(sourceId, told),
    type: 'bounced',
    class: told.class ?? classOf(told),
    isHard: told.isHard,
    code,
    enhanced,
    reply: reply === '' ? null : reply,
    reportingMta,
  }
}

export function complainedBy(sourceId: string, told: ToldComplaint): ComplainedFeedback {
  const { feedbackType, reporter } = told
  return { ...common(sourceId, told), type: 'complained', feedbackType, reporter }
}

function common(sourceId: string, told: { eventId: string; messageId: string; at: Date }) {
  return {
    id: stableId(sourceId, told.eventId),
    messageId: told.messageId,
    // Record finds whose it is.
    tenantId: null,
    at: told.at.toISOString(),
    via: 'relay',
  } as const
}

function classOf({ code, enhanced, reply, isHard }: ToldBounce): BounceClass {
  const assumed = isHard ? 550 : 450
  return classifyReply({ code: code ?? assumed, enhanced: enhanced ?? undefined, text: reply, phase: PHASE })
    .class
}

/** A UUID of version 8 (RFC 9562, 5.8) from what the provider calls its event: the same event has the same. */
function stableId(sourceId: string, eventId: string): string {
  const octets = createHash('sha256').update(`relay ${sourceId} ${eventId}`).digest().subarray(0, 16)
  octets.writeUInt8(((octets[6] ?? 0) & 0x0f) | 0x80, 6)
  octets.writeUInt8(((octets[8] ?? 0) & 0x3f) | 0x80, 8)
  const hex = octets.toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

/** The id of a message of ours in a Message-ID as `<id@domain>`, or alone; undefined for any other text. */
export function ownMessageId(text: string | undefined): string | undefined {
  const id = text?.trim().replace(/^</, '').split('@', 1)[0]?.replace(/>$/, '')
  return id !== undefined && isUuid(id) ? id.toLowerCase() : undefined
}

/** `5.1.1` at the beginning of a text or as all of it. */
export function enhancedIn(text: string | undefined): string | null {
  return /(?:^|[^\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])/.exec(text ?? '')?.[1] ?? null
}

/** The SMTP code in `smtp; 550 5.1.1 ...` or `550 ...`. */
export function codeIn(text: string | undefined): number | null {
  const code = /(?:^|;\s*)([245]\d\d)(?=[ -]|$)/.exec(text?.trim() ?? '')?.[1]
  return code === undefined ? null : Number(code)
}
