import { SAMPLE_RECIPIENT } from './sample-bounces.ts'
import { SAMPLE_ORIGINAL } from './sample-formats.ts'

function complaint(fields: readonly string[], original: string): string {
  return [
    'From: <feedback@provider.example>',
    'To: <fbl@sender.example>',
    'Subject: FW: Seeds for November',
    'MIME-Version: 1.0',
    'Content-Type: multipart/report; report-type=feedback-report; boundary="arf"',
    '',
    '--arf',
    'Content-Type: text/plain',
    '',
    'This is an email abuse report.',
    '',
    '--arf',
    'Content-Type: message/feedback-report',
    '',
    ...fields,
    '',
    '--arf',
    'Content-Type: message/rfc822',
    '',
    original,
    '',
    'The garden opens its gates.',
    '--arf--',
    '',
  ].join('\n')
}

/** Complaints (RFC 5965) about a message with this header: with and without the recipient. */
export function sampleComplaints(original: string = SAMPLE_ORIGINAL): readonly string[] {
  const fields = ['Feedback-Type: abuse', 'User-Agent: Provider-FBL/1.0', 'Version: 1']
  const redacted = original.replace(/^To: .*$/m, 'To: <redacted@provider.example>')
  return [
    complaint([...fields, `Original-Rcpt-To: <${SAMPLE_RECIPIENT}>`, 'Source-IP: 192.0.2.7'], original),
    complaint([...fields, 'Original-Mail-From: <news@sender.example>'], original),
    complaint(['Feedback-Type: fraud', 'User-Agent: Provider-FBL/1.0', 'Version: 1'], redacted),
  ]
}

function answer(fields: readonly string[], text: string): string {
  return [
    'From: Someone <someone@receiver.example>',
    'To: news@sender.example',
    ...fields,
    '',
    text,
    '',
  ].join('\n')
}

/** Programs that answer for people (RFC 3834). */
export const SAMPLE_AUTO_REPLIES: readonly string[] = [
  answer(
    ['Subject: Out of office', 'Auto-Submitted: auto-replied'],
    'I am away until Monday. Urgent mail to deputy@receiver.example.',
  ),
  answer(
    ['Subject: Automatic reply: Seeds for November', 'X-Auto-Response-Suppress: All'],
    'Thank you. Your message could not be read yet; write to <office@receiver.example>.',
  ),
  answer(
    ['Subject: Re: Seeds for November', 'Precedence: auto_reply', 'Return-Path: <>'],
    'We have received your message and opened ticket 4711.',
  ),
  answer(
    ['Subject: Automatic reply: Undelivered mail', 'Auto-Submitted: auto-replied', 'Return-Path: <>'],
    'I am on holiday. In my absence write to <deputy@receiver.example>.',
  ),
  answer(
    [
      'Subject: Read: Seeds for November',
      'Return-Path: <>',
      'Content-Type: multipart/report; report-type=disposition-notification; boundary="mdn"',
    ],
    [
      '--mdn',
      'Content-Type: text/plain',
      '',
      'Your message to someone@receiver.example was displayed.',
      '',
      '--mdn',
      'Content-Type: message/disposition-notification',
      '',
      'Final-Recipient: rfc822; someone@receiver.example',
      'Disposition: manual-action/MDN-sent-manually; displayed',
      '',
      '--mdn--',
    ].join('\n'),
  ),
]

/** What looks a little like a bounce, and is none. */
export const SAMPLE_NO_BOUNCES: readonly string[] = [
  answer(['Subject: Re: Seeds for November'], 'Please tell me more about the seeds. My number is 550 5321.'),
  answer(
    ['Subject: Returned mail'],
    'My parcel was returned by the post. Do you know somebody@else.example?',
  ),
  answer(
    ['Subject: Question about bounces'],
    'My customers see "550 5.1.1 User unknown" for x@y.example: what does it mean?',
  ),
  answer(
    ['Subject: Delivery problem with your parcel'],
    'Your parcel could not be delivered to the address that you gave. Write to help@shop.example.',
  ),
  [
    'From: no-reply@shop.example',
    'To: news@sender.example',
    'Subject: How to have fewer bounces: delivery status explained',
    'List-Unsubscribe: <https://shop.example/u>',
    '',
    'Mail that was rejected by a server comes back. Questions to <help@shop.example>.',
    '',
  ].join('\n'),
]
