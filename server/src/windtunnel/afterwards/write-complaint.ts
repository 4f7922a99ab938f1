import type { ComplaintFormat } from './afterwards.schema.ts'
import { fieldText, mailDate, mailText } from './mail-text.ts'

/** A message that somebody called spam. */
export interface UnwantedMail {
  readonly recipient: string
  readonly mailFrom: string
  /** From where it came. */
  readonly ip: string
  /** To whom the provider tells it. */
  readonly to: string
  /** Who tells it. */
  readonly from: string
  readonly subject: string
  /** Of the message, with LF line ends. */
  readonly header: string
  readonly at: Date
  /** Unique; letters and digits. */
  readonly id: string
}

/** What a provider's feedback loop sends, with CRLF line ends. */
export function writeComplaint(format: ComplaintFormat, mail: UnwantedMail): string {
  return mailText(format === 'outlook' ? wholeMessage(mail) : feedbackReport(mail, format === 'arf_redacted'))
}

/** RFC 5965. Redacted (RFC 6590 speaks of how): the recipient's address is gone wherever it stood. */
function feedbackReport(mail: UnwantedMail, isRedacted: boolean): string[] {
  const header = isRedacted ? mail.header.replaceAll(mail.recipient, REDACTED) : mail.header
  return [
    ...head(mail, `FW: ${fieldText(mail.subject)}`),
    `Content-Type: multipart/report; report-type=feedback-report; boundary="=_${mail.id}"`,
    '',
    `--=_${mail.id}`,
    'Content-Type: text/plain; charset=us-ascii',
    '',
    `This is an email abuse report for a message received from IP ${mail.ip}.`,
    '',
    `--=_${mail.id}`,
    'Content-Type: message/feedback-report',
    '',
    'Feedback-Type: abuse',
    'User-Agent: Windtunnel-FBL/1.0',
    'Version: 1',
    ...(isRedacted ? [] : [`Original-Rcpt-To: <${mail.recipient}>`]),
    `Original-Mail-From: <${mail.mailFrom}>`,
    `Source-IP: ${mail.ip}`,
    `Arrival-Date: ${mailDate(mail.at)}`,
    '',
    `--=_${mail.id}`,
    'Content-Type: message/rfc822',
    '',
    header,
    '',
    `--=_${mail.id}--`,
    '',
  ]
}

const REDACTED = 'redacted@redacted.invalid'

/** Outlook.com's loop: the message comes back as it was, with a field that names the recipient. */
function wholeMessage(mail: UnwantedMail): string[] {
  return [
    ...head(mail, `complaint about message from ${mail.ip}`),
    `Content-Type: multipart/mixed; boundary="=_${mail.id}"`,
    '',
    `--=_${mail.id}`,
    'Content-Type: message/rfc822',
    'Content-Disposition: inline',
    '',
    `X-HmXmrOriginalRecipient: ${mail.recipient}`,
    mail.header,
    '',
    `--=_${mail.id}--`,
    '',
  ]
}

function head({ from, to, id, at }: UnwantedMail, subject: string): string[] {
  return [
    `Date: ${mailDate(at)}`,
    `From: <${from}>`,
    `To: <${to}>`,
    `Subject: ${subject}`,
    `Message-ID: <${id}@${from.slice(from.lastIndexOf('@') + 1)}>`,
    'MIME-Version: 1.0',
  ]
}
