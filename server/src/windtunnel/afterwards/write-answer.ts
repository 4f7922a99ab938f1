import { fieldText, mailDate, mailText } from './mail-text.ts'

/** A message to which a recipient's program writes. */
export interface AnsweredMail {
  readonly recipient: string
  readonly to: string
  readonly subject: string
  /** Of the message, with its angle brackets; empty when it has none. */
  readonly messageId: string
  readonly at: Date
  /** Unique; letters and digits. */
  readonly id: string
}

/** An answer for a person who is away (RFC 3834), with CRLF line ends. */
export function writeAutoReply(mail: AnsweredMail): string {
  const isTold = mail.messageId !== ''
  return mailText([
    ...head(mail, `Automatic reply: ${fieldText(mail.subject)}`),
    ...(isTold ? [`In-Reply-To: ${mail.messageId}`, `References: ${mail.messageId}`] : []),
    'Auto-Submitted: auto-replied',
    'X-Auto-Response-Suppress: All',
    'Precedence: bulk',
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=utf-8',
    '',
    'Thank you for your message. I am out of the office until Monday.',
    '',
  ])
}

/** What a mail program sends to the address in List-Unsubscribe when its reader wants no more (RFC 2369, 3.2). */
export function writeUnsubscribe(mail: AnsweredMail): string {
  return mailText([
    ...head(mail, 'unsubscribe'),
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=us-ascii',
    '',
    'This message was sent by a mail program for its reader.',
    '',
  ])
}

function head({ recipient, to, at, id }: AnsweredMail, subject: string): string[] {
  return [
    `Date: ${mailDate(at)}`,
    `From: <${recipient}>`,
    `To: <${to}>`,
    `Subject: ${subject}`,
    `Message-ID: <${id}@${recipient.slice(recipient.lastIndexOf('@') + 1)}>`,
  ]
}
