import type { BounceFormat } from './afterwards.schema.ts'
import { base64Lines, fieldText, mailDate, mailText } from './mail-text.ts'

/** A message that was accepted and could not be delivered. */
export interface UndeliveredMail {
  readonly recipient: string
  /** The envelope sender: who gets the report. */
  readonly mailFrom: string
  /** The server that reports. */
  readonly host: string
  /** What was said of the recipient, in one line: `550 5.1.1 No such user`. */
  readonly reply: string
  /** RFC 3463. */
  readonly status: string
  readonly subject: string
  /** Of the message, with LF line ends. */
  readonly header: string
  readonly at: Date
  /** Unique; letters and digits. */
  readonly id: string
}

type Writer = (mail: UndeliveredMail) => readonly string[]

/** A report of a message that did not arrive, as this program writes it, with CRLF line ends. */
export function writeBounce(format: BounceFormat, mail: UndeliveredMail): string {
  return mailText(WRITERS[format](mail))
}

const postfix: Writer = (mail) =>
  report(mail, `MAILER-DAEMON@${mail.host} (Mail Delivery System)`, 'Undelivered Mail Returned to Sender', {
    text: [
      `This is the mail system at host ${mail.host}.`,
      '',
      "I'm sorry to have to inform you that your message could not",
      'be delivered to one or more recipients. Its header is attached below.',
      '',
      `<${mail.recipient}>: host ${mail.host}[127.0.0.1] said: ${mail.reply} (in`,
      '    reply to RCPT TO command)',
    ],
    extra: [`Original-Recipient: rfc822;${mail.recipient}`, `Remote-MTA: dns; ${mail.host}`],
  })

const sendmail: Writer = (mail) =>
  report(
    mail,
    `Mail Delivery Subsystem <MAILER-DAEMON@${mail.host}>`,
    'Returned mail: see transcript for details',
    {
      text: [
        `The original message was received at ${mailDate(mail.at)}`,
        'from localhost [127.0.0.1]',
        '',
        '   ----- The following addresses had permanent fatal errors -----',
        `<${mail.recipient}>`,
        `    (reason: ${mail.reply})`,
        '',
        '   ----- Transcript of session follows -----',
        `... while talking to ${mail.host}.:`,
        `>>> RCPT To:<${mail.recipient}>`,
        `<<< ${mail.reply}`,
        `${mail.reply.slice(0, 3)} ${mail.status} <${mail.recipient}>... refused`,
      ],
      extra: [`Remote-MTA: DNS; ${mail.host}`],
    },
  )

/** Exchange writes for people first, in HTML and in text. */
const exchange: Writer = (mail) =>
  report(
    mail,
    `<postmaster@${domainOf(mail.recipient)}>`,
    `Undeliverable: ${fieldText(mail.subject)}`,
    {
      text: [
        'Delivery has failed to these recipients or groups:',
        '',
        `${mail.recipient}<mailto:${mail.recipient}>`,
        'Your message was not delivered. Please check the address and try again.',
        '',
        'Diagnostic information for administrators:',
        '',
        `Generating server: ${mail.host}`,
        '',
        mail.recipient,
        `Remote Server returned '${mail.reply}'`,
      ],
      isBase64: true,
      extra: [`Remote-MTA: dns;${mail.host}`, `X-Display-Name: ${mail.recipient}`],
    },
    ['X-MS-Exchange-Message-Is-Ndr:', 'Auto-Submitted: auto-replied'],
  )

const google: Writer = (mail) =>
  report(
    mail,
    'Mail Delivery Subsystem <mailer-daemon@googlemail.com>',
    'Delivery Status Notification (Failure)',
    {
      text: [
        '** Address not found **',
        '',
        `Your message wasn't delivered to ${mail.recipient} because the mailbox takes no mail.`,
        '',
        'The response was:',
        '',
        mail.reply,
      ],
      extra: [`Remote-MTA: dns; ${mail.host}`, `Last-Attempt-Date: ${mailDate(mail.at)}`],
    },
    [`X-Failed-Recipients: ${mail.recipient}`, 'Auto-Submitted: auto-replied'],
  )

const domino: Writer = (mail) =>
  report(
    mail,
    `Postmaster@${domainOf(mail.recipient)}`,
    `DELIVERY FAILURE: ${fieldText(mail.reply.slice(0, 100))}`,
    {
      text: [
        'Your message',
        '',
        `  Subject: ${mail.subject}`,
        '',
        'was not delivered to:',
        '',
        `  ${mail.recipient}`,
        '',
        'because:',
        '',
        `  ${mail.reply}`,
      ],
      extra: [],
    },
    ['X-MIMETrack: Serialize by Router on MX01'],
  )

/** Exim writes no report, and names the recipients in a header field. */
const exim: Writer = (mail) => [
  ...head(mail, `Mail Delivery System <Mailer-Daemon@${mail.host}>`, EXIM_SUBJECT),
  `X-Failed-Recipients: ${mail.recipient}`,
  'Auto-Submitted: auto-replied',
  '',
  'This message was created automatically by mail delivery software.',
  '',
  'A message that you sent could not be delivered to one or more of its',
  'recipients. This is a permanent error. The following address(es) failed:',
  '',
  `  ${mail.recipient}`,
  `    host ${mail.host} [127.0.0.1]`,
  `    SMTP error from remote mail server after RCPT TO:<${mail.recipient}>:`,
  `    ${mail.reply}`,
  '',
  '------ This is a copy of the headers of the message. ------',
  '',
  original(mail),
  '',
]
const EXIM_SUBJECT = 'Mail delivery failed: returning message to sender'

const qmail: Writer = (mail) => [
  ...head(mail, `MAILER-DAEMON@${mail.host}`, 'failure notice'),
  '',
  `Hi. This is the qmail-send program at ${mail.host}.`,
  "I'm afraid I wasn't able to deliver your message to the following addresses.",
  "This is a permanent error; I've given up. Sorry it didn't work out.",
  '',
  `<${mail.recipient}>:`,
  '127.0.0.1 does not like recipient.',
  `Remote host said: ${mail.reply}`,
  'Giving up on 127.0.0.1.',
  '',
  '--- Below this line is a copy of the message.',
  '',
  original(mail),
  '',
]

/** As carriers of mobile telephones write: a text in Japanese, and the server's reply within it. */
const japanese: Writer = (mail) => [
  ...head(mail, `Mail Delivery System <MAILER-DAEMON@${mail.host}>`, fieldText('メール送信エラー')),
  'MIME-Version: 1.0',
  'Content-Type: text/plain; charset=utf-8',
  'Content-Transfer-Encoding: base64',
  '',
  base64Lines(
    [
      '次のあて先へメールを送信できませんでした。',
      '',
      `<${mail.recipient}>: ${mail.reply}`,
      '',
      '----- Original message follows -----',
      '',
      original(mail),
      '',
    ].join('\n'),
  ),
  '',
]

const WRITERS: Readonly<Record<BounceFormat, Writer>> = {
  postfix,
  exim,
  qmail,
  sendmail,
  exchange,
  google,
  domino,
  japanese,
}

interface Report {
  readonly text: readonly string[]
  readonly isBase64?: boolean
  /** Further fields of the recipient. */
  readonly extra: readonly string[]
}

/** RFC 3464: an explanation, the fields of the recipient, and the header of the message (RFC 6522). */
function report(
  mail: UndeliveredMail,
  from: string,
  subject: string,
  { text, isBase64 = false, extra }: Report,
  fields: readonly string[] = [],
): string[] {
  const boundary = `=_${mail.id}`
  const explanation = text.join('\n')
  return [
    ...head(mail, from, subject),
    ...fields,
    'MIME-Version: 1.0',
    'Content-Type: multipart/report; report-type=delivery-status;',
    `\tboundary="${boundary}"`,
    '',
    'This is a MIME-encapsulated message.',
    '',
    `--${boundary}`,
    'Content-Type: text/plain; charset=utf-8',
    ...(isBase64 ? ['Content-Transfer-Encoding: base64'] : []),
    '',
    isBase64 ? base64Lines(explanation) : explanation,
    '',
    `--${boundary}`,
    'Content-Type: message/delivery-status',
    '',
    `Reporting-MTA: dns; ${mail.host}`,
    `Arrival-Date: ${mailDate(mail.at)}`,
    '',
    `Final-Recipient: rfc822; ${mail.recipient}`,
    'Action: failed',
    `Status: ${mail.status}`,
    `Diagnostic-Code: smtp; ${mail.reply}`,
    ...extra,
    '',
    `--${boundary}`,
    'Content-Type: text/rfc822-headers',
    '',
    original(mail),
    '',
    `--${boundary}--`,
    '',
  ]
}

function head(mail: UndeliveredMail, from: string, subject: string): string[] {
  return [
    'Return-Path: <>',
    `Date: ${mailDate(mail.at)}`,
    `From: ${from}`,
    `To: ${mail.mailFrom}`,
    `Subject: ${subject}`,
    `Message-ID: <${mail.id}@${mail.host}>`,
  ]
}

/** With what a server adds when it has taken a message (RFC 5321, 4.4). */
function original({ mailFrom, header }: UndeliveredMail): string {
  return `Return-Path: <${mailFrom}>\n${header}`
}

function domainOf(address: string): string {
  return address.slice(address.lastIndexOf('@') + 1)
}
