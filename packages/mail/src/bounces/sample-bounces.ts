import type { BounceClass } from '@pigeon/mail/bounce-class.ts'
import {
  exim,
  gmail,
  local,
  office365,
  opensmtpd,
  postfix,
  qmail,
  sendmail,
  type SampleFormat,
} from './sample-formats.ts'

/** A bounce of our own writing, and what is to be read from it. */
export interface SampleBounce {
  readonly class: BounceClass
  readonly hard: boolean
  readonly reply: string
  readonly text: string
}

export const SAMPLE_RECIPIENT = 'someone@receiver.example'

/** Programs that relay what a server said. */
const RELAYING: readonly SampleFormat[] = [postfix, exim, qmail, sendmail, gmail, office365, opensmtpd]
/** Programs that say it themselves. */
const OWN: readonly SampleFormat[] = [local, opensmtpd]

/** Replies by class, in words that servers use. */
const REPLIES: readonly (readonly [
  BounceClass,
  isHard: boolean,
  formats: readonly SampleFormat[],
  replies: readonly string[],
])[] = [
  [
    'unknown_user',
    true,
    RELAYING,
    [
      '550 5.1.1 <someone@receiver.example>: Recipient address rejected: User unknown in virtual mailbox table',
      '550 5.1.1 The email account that you tried to reach does not exist.',
      '550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup',
    ],
  ],
  [
    'host_unknown',
    true,
    OWN,
    [
      "Sorry, I couldn't find any host named receiver.example. (#5.1.2)",
      'Host or domain name not found. Name service error for name=receiver.example type=A: Host not found',
      'Domain does not exist',
    ],
  ],
  [
    'moved',
    true,
    RELAYING,
    [
      '551 5.1.6 User has moved; please try <new@other.example>',
      '550 5.1.6 recipient no longer on server: someone@receiver.example',
      '551 User not local; please try <new@other.example>',
    ],
  ],
  [
    'mailbox_full',
    false,
    RELAYING,
    [
      "552 5.2.2 <someone@receiver.example>: user's mailbox is full",
      '452 4.2.2 The email account that you tried to reach is over quota',
      '552 5.2.2 Over quota',
    ],
  ],
  [
    'inactive',
    false,
    RELAYING,
    [
      '550 5.2.1 The email account that you tried to reach is disabled',
      '554 5.2.1 <someone@receiver.example>: Inactive user',
      '550 5.2.1 This mailbox is disabled',
    ],
  ],
  [
    'rejected',
    false,
    RELAYING,
    ['550 Message was rejected', '550 5.0.0 Access denied', '554 5.0.0 delivery refused by the recipient'],
  ],
  [
    'policy',
    false,
    RELAYING,
    [
      '554 5.7.9 Message not accepted for policy reasons',
      '550 5.7.1 You are not allowed to send from this address',
      '550 5.7.1 Message rejected due to local policy',
    ],
  ],
  [
    'spam',
    false,
    RELAYING,
    [
      '554 5.7.1 Spam message rejected',
      '550 5.7.1 this message is likely unsolicited mail',
      '554 5.7.0 Reject, id=20025-09 - SPAM',
    ],
  ],
  [
    'blocked',
    false,
    RELAYING,
    [
      '554 5.7.1 Service unavailable; Client host [192.0.2.7] blocked using zen.spamhaus.org',
      '550 5.7.606 Access denied, banned sending IP [192.0.2.7]',
      '550 5.7.1 IP address blacklisted by recipient',
    ],
  ],
  [
    'reputation',
    false,
    RELAYING,
    [
      '421 4.7.0 temporarily deferred due to user complaints',
      '451 4.7.1 deferred because of the low reputation of 192.0.2.7',
      '550 5.7.1 mail refused because of the reputation of its sender',
    ],
  ],
  [
    'auth_failure',
    false,
    RELAYING,
    [
      '550 5.7.26 This message fails to pass SPF checks for sender.example',
      "550 5.7.1 Unauthenticated email from sender.example is not accepted due to domain's DMARC policy",
      '550 5.7.20 No passing DKIM signature found',
    ],
  ],
  [
    'ptr_missing',
    false,
    RELAYING,
    [
      '450 4.7.25 Client host rejected: cannot find your hostname, [192.0.2.7]',
      '550 5.7.1 your host has no PTR record',
      '550 5.7.25 Fix reverse DNS for 192.0.2.7',
    ],
  ],
  [
    'rate_limited',
    false,
    RELAYING,
    [
      '450 4.2.1 The user you are trying to contact is receiving mail too quickly',
      '421 4.3.2 Too many concurrent connections from your IP',
      '450 4.7.1 hourly limit of messages reached',
    ],
  ],
  [
    'greylisted',
    false,
    RELAYING,
    [
      '450 4.2.0 <someone@receiver.example>: Recipient address rejected: Greylisted, see postgrey help',
      '451 4.7.1 Greylisting in action, please come back later',
      '450 4.7.1 You have been greylisted',
    ],
  ],
  [
    'message_too_big',
    false,
    RELAYING,
    [
      '552 5.3.4 Message size exceeds fixed limit',
      '552 5.2.3 Message too large',
      '552 Message size exceeds maximum permitted',
    ],
  ],
  [
    'content',
    false,
    RELAYING,
    [
      '550 5.6.0 Message content rejected',
      '550 5.6.0 bare LF in message',
      '554 5.6.0 the message header is malformed',
    ],
  ],
  [
    'virus',
    false,
    RELAYING,
    [
      '554 5.7.1 This message contains a virus (Eicar-Test)',
      '550 Virus Detected; Content Rejected',
      '554 5.7.0 Reject, id=20025-10 - INFECTED: Eicar-Test-Signature',
    ],
  ],
  [
    'security',
    false,
    RELAYING,
    [
      '552 5.7.0 This message was blocked because its content presents a potential security issue.',
      '554 5.7.1 attachment type not allowed',
      '550 5.7.1 the message holds a dangerous attachment',
    ],
  ],
  [
    'relaying_denied',
    false,
    RELAYING,
    [
      '554 5.7.1 <someone@receiver.example>: Relay access denied',
      '550 5.7.1 we do not relay',
      '550 5.7.1 <someone@receiver.example>... Relaying denied',
    ],
  ],
  [
    'tls',
    false,
    RELAYING,
    [
      '530 5.7.0 Must issue a STARTTLS command first',
      '550 5.7.10 Encryption required',
      '550 This server requires TLS',
    ],
  ],
  [
    'protocol',
    false,
    RELAYING,
    [
      '503 5.5.1 Bad sequence of commands',
      '500 5.5.2 command unrecognized',
      '502 5.5.1 command not implemented',
    ],
  ],
  [
    'syntax',
    false,
    RELAYING,
    [
      '501 5.1.3 Bad recipient address syntax',
      '553 5.1.3 malformed address',
      '501 5.1.7 bad sender address syntax',
    ],
  ],
  [
    'network',
    false,
    OWN,
    [
      "Sorry, I wasn't able to establish an SMTP connection. (#4.4.1)",
      'connect to mx.receiver.example[192.0.2.25]:25: Connection timed out',
      'mail for receiver.example loops back to myself',
    ],
  ],
  [
    'expired',
    false,
    OWN,
    [
      'this message has been in the queue too long.',
      'retry timeout exceeded',
      'Message could not be delivered for 5 days',
    ],
  ],
  [
    'system',
    false,
    RELAYING,
    [
      '451 4.3.0 Temporary lookup failure',
      '554 5.3.0 Internal server error',
      '452 4.3.1 Insufficient system storage',
    ],
  ],
  ['other', false, RELAYING, ['550 xyzzy', '554 5.0.0 plugh', '550 5.0.0 it was not to be']],
]

/** At least three for each class that a bounce can have, in the formats of the programs that are met most. */
export const SAMPLE_BOUNCES: readonly SampleBounce[] = REPLIES.flatMap(([found, hard, formats, replies]) =>
  formats.flatMap((format) =>
    replies.map((reply) => ({
      class: found,
      hard,
      reply,
      text: format([{ recipient: SAMPLE_RECIPIENT, reply }]),
    })),
  ),
)
