import { createHash } from 'node:crypto'
import { identifyMessage, type IdentityKeys } from '@pigeon/mail/bounces/identify-message.ts'
import type { ReturnedMail, ReturnedRecipient } from '@pigeon/mail/bounces/returned-mail.ts'
import type { BouncedFeedback, ComplainedFeedback } from '#events/feedback-events.ts'
import type { InboundAddress } from './inbound-address.ts'

/** What a mail to one of our addresses means. */
export type News =
  | { readonly kind: 'told'; readonly event: BouncedFeedback | ComplainedFeedback }
  | { readonly kind: 'unsubscribe'; readonly messageId: string }
  /** There is nothing to be done, and nothing to be kept. */
  | { readonly kind: 'ignored'; readonly why: 'auto_reply' | 'delayed' | 'delivered' }
  /** It is kept for people: nobody knows what it says, whose it is, or it is for them. */
  | { readonly kind: 'kept'; readonly why: KeptBecause }

/** `unnamed`: a report that names no message of ours; `forged`: one with an address or token that we did not sign. */
export type KeptBecause = 'unknown' | 'unnamed' | 'forged' | 'reply'

export interface MailToRead {
  /** As it came, for the ids of what it tells. */
  readonly content: Buffer
  readonly mail: ReturnedMail
  readonly to: InboundAddress
  readonly via: 'smtp' | 'imap'
  readonly at: Date
}

const MAX_NAME_CHARS = 255

/** Reads what a mail tells of one of our messages. A report that names another recipient (forwarding) is still of that message. */
export function readNews(keys: IdentityKeys, given: MailToRead): News {
  const { mail, to } = given
  if (mail.kind === 'auto_reply') return { kind: 'ignored', why: 'auto_reply' }
  if (to.kind === 'unsubscribe') return { kind: 'unsubscribe', messageId: to.messageId }
  if (to.kind === 'replies') return { kind: 'kept', why: 'reply' }
  if (mail.kind === 'delayed' || mail.kind === 'delivered') return { kind: 'ignored', why: mail.kind }
  if (mail.kind === 'unknown') return { kind: 'kept', why: 'unknown' }
  const about = messageOf(keys, given)
  if (typeof about === 'string') return { kind: 'kept', why: about }
  if (mail.kind === 'bounce') return { kind: 'told', event: bounced(given, about) }
  if (mail.feedback?.type === 'opt-out') return { kind: 'unsubscribe', messageId: about.messageId }
  return { kind: 'told', event: complained(given, about) }
}

interface AboutMessage {
  readonly messageId: string
  readonly tenantId: string | null
}

function messageOf(keys: IdentityKeys, { to, mail }: MailToRead): AboutMessage | 'forged' | 'unnamed' {
  if (to.kind === 'bounce') return { messageId: to.messageId, tenantId: null }
  const identity = identifyMessage(keys, mail.original)
  if (identity.kind !== 'message') return identity.kind
  return { messageId: identity.messageId, tenantId: identity.tenantId ?? null }
}

function bounced(given: MailToRead, about: AboutMessage): BouncedFeedback {
  const { mail, via } = given
  const said = mildest(mail.recipients)
  return {
    type: 'bounced',
    ...about,
    id: newsId('bounced', about.messageId, given.content),
    at: given.at.toISOString(),
    via,
    class: said?.class ?? 'other',
    isHard: said?.hard ?? false,
    code: said?.replyCode ?? null,
    enhanced: said?.status ?? null,
    reply: said === undefined || said.diagnostic === '' ? null : said.diagnostic,
    reportingMta: mail.reportingMta?.slice(0, MAX_NAME_CHARS) ?? null,
  }
}

/** A message has one recipient. Where it was forwarded to several, one that may work another day speaks for all. */
function mildest(recipients: readonly ReturnedRecipient[]): ReturnedRecipient | undefined {
  const failed = recipients.filter(({ action }) => action === 'failed')
  return failed.find(({ hard }) => !hard) ?? failed[0]
}

function complained(given: MailToRead, about: AboutMessage): ComplainedFeedback {
  const { mail, via } = given
  const reporter = mail.reportingMta ?? mail.feedback?.userAgent
  return {
    type: 'complained',
    ...about,
    id: newsId('complained', about.messageId, given.content),
    at: given.at.toISOString(),
    via,
    feedbackType: mail.feedback?.type ?? 'abuse',
    reporter: reporter?.slice(0, MAX_NAME_CHARS) ?? null,
  }
}

/** The same mail about the same message has the same id, so that it counts once: a UUID of the hash (RFC 9562, 5.8). */
export function newsId(type: string, messageId: string, content: Buffer): string {
  const hash = createHash('sha256').update(`${type}\0${messageId}\0`).update(content).digest()
  hash.writeUInt8((hash.readUInt8(6) & 0x0f) | 0x80, 6)
  hash.writeUInt8((hash.readUInt8(8) & 0x3f) | 0x80, 8)
  const hex = hash.toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`
}
