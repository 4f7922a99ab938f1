import type { BounceClass } from '@pigeon/mail/bounce-class.ts'
import { diagnose } from './diagnose.ts'
import { MAX_RECIPIENTS, type ReturnedMail, type ReturnedRecipient } from './returned-mail.ts'

/** What Amazon SES writes as JSON, by mail or by HTTP: https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html */
type Json = Readonly<Record<string, unknown>>

/** Its words for what its own suppression list or a mailbox said, where no server's reply is given. */
const SUB_TYPES: Readonly<Record<string, BounceClass>> = {
  NoEmail: 'unknown_user',
  Suppressed: 'rejected',
  OnAccountSuppressionList: 'rejected',
  MailboxFull: 'mailbox_full',
  MessageTooLarge: 'message_too_big',
  ContentRejected: 'content',
  AttachmentRejected: 'security',
}

/** Reads a notification of SES in the text of a mail; undefined when there is none. `original` of the result is for the caller to add. */
export function readSesNotification(text: string): Omit<ReturnedMail, 'original'> | undefined {
  const json = notificationIn(text)
  const notification = json === undefined ? undefined : parsed(json)
  switch (notification?.notificationType) {
    case 'Bounce':
      return bounceOf(objectAt(notification, 'bounce'))
    case 'Complaint':
      return complaintOf(objectAt(notification, 'complaint'))
    case 'Delivery':
      return deliveryOf(objectAt(notification, 'delivery'))
    default:
      return undefined
  }
}

/** On a line of its own, or in the field Message of a notification of SNS, folded as mail folds. */
function notificationIn(text: string): string | undefined {
  const begin = text.indexOf('{"notificationType"')
  if (begin >= 0) return text.slice(begin, endOfLine(text, begin))
  if (!text.includes('"Message"')) return undefined
  const quoted = /"Message"\s{0,9}:\s{0,9}("(?:[^"\\]|\\[^])*")/.exec(text)?.[1]
  const inner: unknown = quoted === undefined ? undefined : parsedValue(quoted.replace(/\n ?/g, ''))
  return typeof inner === 'string' && inner.startsWith('{"notificationType"') ? inner : undefined
}

function bounceOf(bounce: Json): Omit<ReturnedMail, 'original'> {
  const subType = SUB_TYPES[textAt(bounce, 'bounceSubType')]
  const isPermanent = textAt(bounce, 'bounceType') === 'Permanent'
  return {
    kind: 'bounce',
    reportingMta: textAt(bounce, 'reportingMTA').replace(/^dns; ?/, '') || undefined,
    recipients: listAt(bounce, 'bouncedRecipients').map((each): ReturnedRecipient => {
      const found = diagnose({
        said: textAt(each, 'diagnosticCode'),
        status: textAt(each, 'status') || undefined,
      })
      const isSilent = found.class === 'other' && subType !== undefined
      return {
        recipient: textAt(each, 'emailAddress'),
        action: 'failed',
        ...found,
        class: isSilent ? subType : found.class,
        hard: isPermanent && (found.hard || (isSilent && subType === 'unknown_user')),
        confidence: 'high',
      }
    }),
  }
}

function complaintOf(complaint: Json): Omit<ReturnedMail, 'original'> {
  return {
    kind: 'complaint',
    recipients: listAt(complaint, 'complainedRecipients').map((each) => ({
      recipient: textAt(each, 'emailAddress'),
      action: 'failed',
      class: 'feedback',
      hard: false,
      diagnostic: '',
      confidence: 'high',
    })),
    feedback: {
      type: textAt(complaint, 'complaintFeedbackType') || 'abuse',
      userAgent: textAt(complaint, 'userAgent') || undefined,
    },
  }
}

function deliveryOf(delivery: Json): Omit<ReturnedMail, 'original'> {
  const names = Array.isArray(delivery.recipients) ? delivery.recipients.slice(0, MAX_RECIPIENTS) : []
  return {
    kind: 'delivered',
    recipients: names.map((recipient) => ({
      recipient: String(recipient),
      action: 'delivered',
      class: 'other',
      hard: false,
      diagnostic: textAt(delivery, 'smtpResponse'),
      confidence: 'high',
    })),
  }
}

function parsed(json: string): Json | undefined {
  const value = parsedValue(json)
  return isObject(value) ? value : undefined
}

function parsedValue(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch (error) {
    // Cut short, or not JSON: then it is no notification.
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function objectAt(value: Json, name: string): Json {
  const found = value[name]
  return isObject(found) ? found : {}
}

function listAt(value: Json, name: string): Json[] {
  const found = value[name]
  return Array.isArray(found) ? found.slice(0, MAX_RECIPIENTS).filter(isObject) : []
}

function textAt(value: Json, name: string): string {
  const found = value[name]
  return typeof found === 'string' ? found : ''
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf('\n', from)
  return end < 0 ? text.length : end
}
