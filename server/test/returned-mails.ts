/** Mails that come back, for tests: lines end with CRLF. */

interface Sample {
  /** More fields of the message that comes back. */
  readonly fields?: string
}

const ORIGINAL = [
  'From: News <news@sender.example>',
  'To: Reader',
  'Subject: News',
  'Message-ID: <1@sender.example>',
]

/** A report of failure in the format of RFC 3464. */
export function notDelivered(sample: Sample & { readonly recipient: string }): string {
  return report(
    sample,
    `Final-Recipient: rfc822; ${sample.recipient}`,
    'failed',
    '5.1.1',
    '550 5.1.1 User unknown',
  )
}

/** A warning: the server goes on trying. */
export function delayed(): string {
  return report({}, 'Final-Recipient: rfc822; ann@receiver.example', 'delayed', '4.4.1', '421 4.4.1 Busy')
}

function report(sample: Sample, recipient: string, action: string, status: string, reply: string): string {
  return lines(
    'From: MAILER-DAEMON@mx.receiver.example',
    'To: <bounces@sender.example>',
    'Subject: Delivery Status Notification',
    'Content-Type: multipart/report; report-type=delivery-status; boundary="b"',
    '',
    '--b',
    'Content-Type: text/plain',
    '',
    'A message could not be delivered.',
    '--b',
    'Content-Type: message/delivery-status',
    '',
    'Reporting-MTA: dns; mx.receiver.example',
    '',
    recipient,
    `Action: ${action}`,
    `Status: ${status}`,
    `Diagnostic-Code: smtp; ${reply}`,
    '',
    ...original(sample),
  )
}

/** A complaint in the format of RFC 5965, with the recipient taken out. */
export function complaint(sample: Sample): string {
  return lines(
    'From: <loop@provider.example>',
    'To: <abuse@in.example>',
    'Subject: Complaint',
    'Content-Type: multipart/report; report-type=feedback-report; boundary="b"',
    '',
    '--b',
    'Content-Type: text/plain',
    '',
    'This is an email abuse report.',
    '--b',
    'Content-Type: message/feedback-report',
    '',
    'Feedback-Type: abuse',
    'User-Agent: Loop/1.0',
    'Version: 1',
    '',
    ...original(sample),
  )
}

function original({ fields }: Sample): string[] {
  return [
    '--b',
    'Content-Type: message/rfc822',
    '',
    ...(fields === undefined ? [] : [fields]),
    ...ORIGINAL,
    '',
    'Hello',
    '--b--',
    '',
  ]
}

export function autoReply(): string {
  return lines(
    'From: Ann <ann@receiver.example>',
    'Subject: Out of office',
    'Auto-Submitted: auto-replied',
    '',
    'I am away.',
    '',
  )
}

function lines(...each: readonly string[]): string {
  return each.join('\r\n')
}
