import { Buffer } from 'node:buffer'

/** One recipient's refusal, from which a program writes its bounce. */
export interface SampleRefusal {
  readonly recipient: string
  /** As a server says it, with its code: `550 5.1.1 User unknown`. */
  readonly reply: string
  readonly action?: string
}

/** Writes a bounce as a program does. The text has LF line ends. */
export type SampleFormat = (refusals: readonly SampleRefusal[], original?: string) => string

export const SAMPLE_ORIGINAL = [
  'Return-Path: <news@sender.example>',
  'Received: from mta.sender.example (mta.sender.example [192.0.2.7]) by relay.example with ESMTPS; Sat, 7 Nov 2026 09:00:00 +0000',
  'Message-ID: <0195d0e4-7a11-7c3e-8f55-0242ac120002@sender.example>',
  'From: Garden News <news@sender.example>',
  'To: someone@receiver.example',
  'Subject: Seeds for November',
  'Date: Sat, 7 Nov 2026 09:00:00 +0000',
].join('\n')

const BOUNDARY = 'sample-boundary/1762506000'

/** A report (RFC 3464) with Postfix's explanation. */
export const postfix: SampleFormat = (refusals, original = SAMPLE_ORIGINAL) =>
  report('MAILER-DAEMON@relay.example (Mail Delivery System)', 'Undelivered Mail Returned to Sender', {
    text: [
      'This is the mail system at host relay.example.',
      '',
      "I'm sorry to have to inform you that your message could not",
      'be delivered to one or more recipients. It is attached below.',
      '',
      ...refusals.map(
        ({ recipient, reply }) =>
          `<${recipient}>: host mx.receiver.example[192.0.2.25] said: ${reply} (in reply to RCPT TO command)`,
      ),
    ],
    status: refusals.map(({ recipient, reply, action = 'failed' }) => [
      `Final-Recipient: rfc822; ${recipient}`,
      `Original-Recipient: rfc822;${recipient}`,
      `Action: ${action}`,
      `Status: ${statusOf(reply)}`,
      'Remote-MTA: dns; mx.receiver.example',
      `Diagnostic-Code: smtp; ${reply}`,
    ]),
    original,
  })

/** A report of sendmail, with the transcript of its session. */
export const sendmail: SampleFormat = (refusals, original = SAMPLE_ORIGINAL) =>
  report(
    'Mail Delivery Subsystem <MAILER-DAEMON@relay.example>',
    'Returned mail: see transcript for details',
    {
      text: [
        'The original message was received at Sat, 7 Nov 2026 09:00:00 GMT',
        'from mta.sender.example [192.0.2.7]',
        '',
        '   ----- The following addresses had permanent fatal errors -----',
        ...refusals.map(({ recipient }) => `<${recipient}>`),
        '',
        '   ----- Transcript of session follows -----',
        '... while talking to mx.receiver.example.:',
        ...refusals.flatMap(({ recipient, reply }) => [
          '>>> DATA',
          `<<< ${reply}`,
          `${reply.slice(0, 3)} <${recipient}>... refused`,
        ]),
      ],
      status: refusals.map(({ recipient, reply }) => [
        `Final-Recipient: RFC822; ${recipient}`,
        'Action: failed',
        `Status: ${statusOf(reply)}`,
        `Diagnostic-Code: SMTP; ${reply}`,
      ]),
      original,
    },
  )

/** Exim writes no report, and names the recipients in a header field. */
export const exim: SampleFormat = (refusals, original = SAMPLE_ORIGINAL) =>
  [
    'Return-path: <>',
    `X-Failed-Recipients: ${refusals.map(({ recipient }) => recipient).join(', ')}`,
    'Auto-Submitted: auto-replied',
    'From: Mail Delivery System <Mailer-Daemon@relay.example>',
    'To: news@sender.example',
    'Subject: Mail delivery failed: returning message to sender',
    '',
    'This message was created automatically by mail delivery software.',
    '',
    'A message that you sent could not be delivered to one or more of its',
    'recipients. This is a permanent error. The following address(es) failed:',
    '',
    ...refusals.flatMap(({ recipient, reply }) => [
      `  ${recipient}`,
      `    host mx.receiver.example [192.0.2.25]`,
      `    SMTP error from remote mail server after RCPT TO:<${recipient}>:`,
      `    ${reply}`,
    ]),
    '',
    '------ This is a copy of the message, including all the headers. ------',
    '',
    original,
    '',
  ].join('\n')

/** What qmail, and what was made from it, has written since 1997. */
export const qmail: SampleFormat = (refusals, original = SAMPLE_ORIGINAL) =>
  [
    'Return-Path: <>',
    'From: MAILER-DAEMON@relay.example',
    'To: news@sender.example',
    'Subject: failure notice',
    '',
    'Hi. This is the qmail-send program at relay.example.',
    "I'm afraid I wasn't able to deliver your message to the following addresses.",
    "This is a permanent error; I've given up. Sorry it didn't work out.",
    '',
    ...refusals.flatMap(({ recipient, reply }) => [
      `<${recipient}>:`,
      '192.0.2.25 does not like recipient.',
      `Remote host said: ${reply}`,
      'Giving up on 192.0.2.25.',
      '',
    ]),
    '--- Below this line is a copy of the message.',
    '',
    original,
    '',
  ].join('\n')

/** The simple notice that Gmail sent before it took to reports. */
export const gmail: SampleFormat = (refusals, original = SAMPLE_ORIGINAL) =>
  [
    'Return-Path: <>',
    'From: Mail Delivery Subsystem <mailer-daemon@googlemail.com>',
    'To: news@sender.example',
    'Subject: Delivery Status Notification (Failure)',
    'Content-Type: text/plain; charset=UTF-8',
    'Content-Transfer-Encoding: quoted-printable',
    '',
    'Delivery to the following recipient failed permanently:',
    '',
    ...refusals.map(({ recipient }) => `     ${recipient}`),
    '',
    'Technical details of permanent failure:=20',
    'Google tried to deliver your message, but it was rejected by the server for=',
    ' the recipient domain receiver.example by mx.receiver.example. [192.0.2.25].',
    '',
    'The error that the other server returned was:',
    ...refusals.map(({ reply }) => reply.replaceAll('=', '=3D')),
    '',
    '----- Original message -----',
    '',
    original,
    '',
  ].join('\n')

/** A report of Exchange Online: HTML and text for people, in base64. */
export const office365: SampleFormat = (refusals, original = SAMPLE_ORIGINAL) =>
  report('<postmaster@receiver.example>', 'Undeliverable: Seeds for November', {
    text: [
      'Delivery has failed to these recipients or groups:',
      '',
      ...refusals.map(({ recipient }) => `${recipient}<mailto:${recipient}>`),
      'Your message could not be delivered.',
    ],
    isBase64: true,
    status: refusals.map(({ recipient, reply }) => [
      `Final-Recipient: rfc822;${recipient}`,
      'Action: failed',
      `Status: ${statusOf(reply)}`,
      `Diagnostic-Code: smtp;${reply}`,
      'Remote-MTA: dns;mx.receiver.example',
      `X-Display-Name: ${recipient}`,
    ]),
    original,
  })

/** OpenSMTPD before it wrote reports. */
export const opensmtpd: SampleFormat = (refusals, original = SAMPLE_ORIGINAL) =>
  [
    'Return-Path: <>',
    'Subject: Delivery status notification: error',
    'From: Mailer Daemon <MAILER-DAEMON@relay.example>',
    'To: news@sender.example',
    '',
    '    Hi!',
    '',
    '    This is the MAILER-DAEMON, please DO NOT REPLY to this e-mail.',
    '',
    '    An error has occurred while attempting to deliver a message for',
    '    the following list of recipients:',
    '',
    ...refusals.map(({ recipient, reply }) => `${recipient}: ${reply}`),
    '',
    '    Below is a copy of the original message:',
    '',
    original,
    '',
  ].join('\n')

/** What a program says itself stands where another has the server's reply. */
export const local: SampleFormat = (refusals, original = SAMPLE_ORIGINAL) =>
  qmail(refusals, original)
    .replaceAll('192.0.2.25 does not like recipient.\n', '')
    .replaceAll('Remote host said: ', '')
    .replaceAll('Giving up on 192.0.2.25.\n', '')

interface Report {
  readonly text: readonly string[]
  readonly isBase64?: boolean
  /** The fields of each recipient. */
  readonly status: readonly (readonly string[])[]
  readonly original: string
}

function report(from: string, subject: string, { text, isBase64 = false, status, original }: Report): string {
  const explanation = text.join('\n')
  return [
    'Return-Path: <>',
    `From: ${from}`,
    'To: news@sender.example',
    `Subject: ${subject}`,
    'MIME-Version: 1.0',
    `Content-Type: multipart/report; report-type=delivery-status;\n\tboundary="${BOUNDARY}"`,
    '',
    'This is a MIME-encapsulated message.',
    '',
    `--${BOUNDARY}`,
    'Content-Type: text/plain; charset=us-ascii',
    ...(isBase64 ? ['Content-Transfer-Encoding: base64'] : []),
    '',
    isBase64 ? Buffer.from(explanation).toString('base64') : explanation,
    '',
    `--${BOUNDARY}`,
    'Content-Type: message/delivery-status',
    '',
    'Reporting-MTA: dns; relay.example',
    'Arrival-Date: Sat, 7 Nov 2026 09:00:00 +0000 (GMT)',
    '',
    status.map((fields) => fields.join('\n')).join('\n\n'),
    '',
    `--${BOUNDARY}`,
    'Content-Type: text/rfc822-headers',
    '',
    original,
    '',
    `--${BOUNDARY}--`,
    '',
  ].join('\n')
}

function statusOf(reply: string): string {
  return /\b[245]\.\d{1,3}\.\d{1,3}\b/.exec(reply)?.[0] ?? `${reply.startsWith('4') ? '4' : '5'}.0.0`
}
