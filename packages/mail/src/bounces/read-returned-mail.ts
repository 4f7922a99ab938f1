import type { Buffer } from 'node:buffer'
import { addressIn, addressesIn } from './addresses.ts'
import {
  hasBouncePhrase,
  hasBounceSubject,
  isAutoReply,
  isFromDaemon,
  isPersonsAutoReply,
  isWarning,
} from './bounce-signs.ts'
import { holdsStatus, readDeliveryStatus, type DeliveryStatus, type StatusEntry } from './delivery-status.ts'
import { diagnose } from './diagnose.ts'
import { readFeedbackReport } from './feedback-report.ts'
import { field, NO_FIELDS, parameter, type HeaderFields } from './header-fields.ts'
import { readParts, returnedHeader, type MailPart, type MailParts } from './mail-parts.ts'
import { originalRecipient, originalSenders, readOriginal } from './original-message.ts'
import { readTextBounce, type NamedRecipient } from './read-text-bounce.ts'
import type {
  Confidence,
  ReportedAction,
  ReturnedKind,
  ReturnedMail,
  ReturnedRecipient,
} from './returned-mail.ts'
import { readSesNotification } from './ses-notification.ts'
import { readExplanation, type Explanation } from './text-part.ts'

/** A mail that was taken apart, with what every reading of it needs. */
interface Opened {
  readonly mail: MailParts
  readonly explanation: Explanation
  /** The header of our message, as far as it came back. */
  readonly original: HeaderFields
}

/**
 * Reads a mail that came back: a delivery report (RFC 3464, RFC 6533), a bounce in any program's own words, a complaint (RFC 5965),
 * or none of them. Never throws, whatever it is given; reads at most `MAX_READ_OCTETS` of it, in time linear in that.
 * Whose message it was is for `identifyMessage` to verify.
 */
export function readReturnedMail(octets: Buffer): ReturnedMail {
  const mail = readParts(octets)
  const explanation = readExplanation(mail.parts)
  const opened = { mail, explanation, original: originalOf(mail.parts, explanation) }
  return (
    readComplaint(opened) ??
    readReport(opened) ??
    readNotification(opened) ??
    readWords(opened) ??
    readRest(opened)
  )
}

function originalOf(parts: readonly MailPart[], explanation: Explanation): HeaderFields {
  for (const part of parts) {
    const header = returnedHeader(part)
    if (header !== undefined && header.size > 0) return header
  }
  return explanation.returned
}

function readComplaint({ mail, original, explanation }: Opened): ReturnedMail | undefined {
  const part = mail.parts.find(({ type }) => type === 'message/feedback-report')
  const given = part?.text() ?? explanation.text
  const isReport =
    part !== undefined || /^feedback-type:/im.test(given) || isOldComplaint(mail.fields, original)
  if (!isReport) return readOptOut(mail.fields, explanation)
  const { feedback, recipients } = readFeedbackReport(part === undefined ? fieldsIn(given) : given)
  const named = recipients.length > 0 ? recipients : [originalRecipient(original) ?? '']
  return {
    kind: 'complaint',
    recipients: named.map((recipient) => complained(recipient)),
    original: readOriginal(mail.fields, original, undefined),
    feedback,
  }
}

/** Outlook.com's loop sends the message itself, without a report. */
function isOldComplaint(fields: HeaderFields, original: HeaderFields): boolean {
  return (
    original.has('x-hmxmroriginalrecipient') && /^complaint about message/i.test(field(fields, 'subject'))
  )
}

function fieldsIn(text: string): string {
  return text.slice(Math.max(0, text.search(/^feedback-type:/im)))
}

/** A mail program that writes to the address of List-Unsubscribe for its reader. */
function readOptOut(fields: HeaderFields, { text }: Explanation): ReturnedMail | undefined {
  if (!/sent this e?-?mail to unsubscribe|request to unsubscribe/i.test(text.slice(0, 1_000)))
    return undefined
  return {
    kind: 'complaint',
    recipients: [complained(addressIn(field(fields, 'from')) ?? '')],
    original: readOriginal(fields, NO_FIELDS, undefined),
    feedback: { type: 'opt-out' },
  }
}

function complained(recipient: string): ReturnedRecipient {
  return { recipient, action: 'failed', class: 'feedback', hard: false, diagnostic: '', confidence: 'high' }
}

function readReport(opened: Opened): ReturnedMail | undefined {
  const { mail, explanation, original } = opened
  const status = reportOf(opened)
  if (status === undefined || status.entries.length === 0) return undefined
  const words = wordsFor(explanation, originalSenders(mail.fields, original))
  const recipients = status.entries.map((entry) => reported(entry, words(entry.recipient), original))
  return {
    kind: kindOf(recipients.map(({ action }) => action)),
    recipients,
    reportingMta: status.reportingMta,
    original: readOriginal(mail.fields, original, status.envelopeId),
  }
}

function reportOf({ mail, explanation }: Opened): DeliveryStatus | undefined {
  const part = mail.parts.find(({ type }) => /^message\/(?:global-)?(?:x-)?delivery-status$/.test(type))
  if (part !== undefined) return readDeliveryStatus(part.text())
  return holdsStatus(explanation.whole) ? readDeliveryStatus(explanation.whole) : undefined
}

/** What people are told of one recipient; read only when the report says too little. */
function wordsFor({ text }: Explanation, senders: ReadonlySet<string>): (recipient: string) => string {
  let named: readonly NamedRecipient[] | undefined
  return (recipient) => {
    named ??= readTextBounce(text, senders)
    const own = named.find((each) => each.recipient.toLowerCase() === recipient.toLowerCase())
    return own?.said ?? (named.length <= 1 ? text : '')
  }
}

function reported(entry: StatusEntry, told: string, original: HeaderFields): ReturnedRecipient {
  const action = entry.action ?? actionOf(entry.status)
  const found = diagnose({ said: entry.diagnostic, told, status: entry.status })
  return {
    recipient: entry.recipient || (originalRecipient(original) ?? ''),
    originalRecipient: entry.originalRecipient,
    action,
    ...found,
    hard: found.hard && action === 'failed',
    remoteMta: entry.remoteMta,
    confidence: 'high',
  }
}

function actionOf(status: string | undefined): ReportedAction {
  return status?.startsWith('2') === true ? 'delivered' : 'failed'
}

/** One recipient who got nothing makes a bounce of it. */
function kindOf(actions: readonly ReportedAction[]): ReturnedKind {
  if (actions.includes('failed')) return 'bounce'
  return actions.includes('delayed') ? 'delayed' : 'delivered'
}

function readNotification({ mail, explanation, original }: Opened): ReturnedMail | undefined {
  const found = readSesNotification(explanation.whole)
  return found && { ...found, original: readOriginal(mail.fields, original, undefined) }
}

/** A bounce in words. Nothing is believed from a mail that neither comes from a program nor brings back a message. */
function readWords(opened: Opened): ReturnedMail | undefined {
  const { mail, explanation, original } = opened
  const failed = addressesIn(field(mail.fields, 'x-failed-recipients'))
  const origins = [isFromDaemon(mail.fields), failed.length > 0, isUnfinishedReport(mail)].filter(
    Boolean,
  ).length
  const words = [hasBounceSubject(mail.fields), hasBouncePhrase(explanation.text)].filter(Boolean).length
  const isMeant = origins > 0 ? origins + words > 1 : words === 2 && original.size > 0
  if (!isMeant || (failed.length === 0 && isPersonsAutoReply(mail.fields)) || isReceipt(mail))
    return undefined
  const named = namedIn(opened, failed)
  if (named.length === 0) return undefined
  const action = isWarning(explanation.text) ? 'delayed' : 'failed'
  const confidence = origins + words > 2 ? 'medium' : 'low'
  return {
    kind: kindOf([action]),
    recipients: named.map((each) => worded(each, explanation.text, action, confidence)),
    original: readOriginal(mail.fields, original, undefined),
  }
}

/** Called a report of delivery, without the fields of one. */
function isUnfinishedReport({ type, fields }: MailParts): boolean {
  const kind = parameter(field(fields, 'content-type'), 'report-type')?.toLowerCase()
  return type === 'multipart/report' && (kind === undefined || kind === 'delivery-status')
}

/** A reader's program says what became of a message that arrived (RFC 8098). */
function isReceipt({ parts }: MailParts): boolean {
  return parts.some(({ type }) => type === 'message/disposition-notification')
}

/** From the explanation, else from the header of the bounce, else from our message. */
function namedIn({ mail, explanation, original }: Opened, failed: readonly string[]): NamedRecipient[] {
  const inText = readTextBounce(explanation.text, originalSenders(mail.fields, original))
  if (inText.length > 0) return inText
  if (failed.length > 0) return failed.map((recipient) => ({ recipient, said: explanation.text }))
  const recipient = originalRecipient(original)
  return recipient === undefined ? [] : [{ recipient, said: explanation.text }]
}

function worded(
  { recipient, said }: NamedRecipient,
  told: string,
  action: ReportedAction,
  confidence: Confidence,
): ReturnedRecipient {
  const isSilent = !/[a-z]{3}/i.test(said.replaceAll(recipient, ''))
  const found = diagnose({ said: isSilent ? '' : said, told })
  return { recipient, action, ...found, hard: found.hard && action === 'failed', confidence }
}

function readRest({ mail, original }: Opened): ReturnedMail {
  return {
    kind: isAutoReply(mail.fields) || isReceipt(mail) ? 'auto_reply' : 'unknown',
    recipients: [],
    original: readOriginal(mail.fields, original, undefined),
  }
}
