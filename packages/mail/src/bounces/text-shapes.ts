import { ADDRESS } from './addresses.ts'

/** How a line of an explanation names a recipient. */
export interface RecipientShape {
  /** Unique. */
  readonly id: string
  /** Programs that write it. */
  readonly programs: string
  /** Groups: `to`, the address; `words`, what is said of it on the same line (without it: the line). Tried on one line, case ignored. */
  readonly line: RegExp
  /** The words are those before the line, as in the transcripts of sendmail. */
  readonly isAfterWords?: boolean
  readonly samples: readonly string[]
}

function shape(pattern: string): RegExp {
  return new RegExp(pattern.replaceAll('ADDRESS', `(?<to>${ADDRESS})`), 'i')
}

/**
 * From the surest to the vaguest: a text is read by the first shape that any of its lines has. Addresses of the
 * sender are passed over, as they stand in many explanations too.
 */
export const RECIPIENT_SHAPES: readonly (readonly RecipientShape[])[] = [
  [
    {
      id: 'address_colon',
      programs: 'qmail, Postfix, Yahoo, OpenSMTPD, GMX, MXLogic, MDaemon',
      line: shape(
        '^[ \\t]{0,8}["\\\'<(]{0,2}ADDRESS["\\\'>)]{0,2}[ \\t]{0,3}:(?:[ \\t]{1,9}(?<words>.{0,900}))?$',
      ),
      samples: ['<x@y.example>:', 'x@y.example: Domain does not exist', '"x@y.example":'],
    },
    {
      id: 'address_alone',
      programs: 'Exim, Gmail, Domino, Exchange, Office 365, sendmail, X3',
      line: shape(
        '^[ \\t]{0,20}(?:[*\\-•>]{1,3}[ \\t]{0,9}|\\d{1,3}[.)][ \\t]{1,9})?["\\\'<(]{0,2}ADDRESS["\\\'>)]{0,2}(?:[ \\t]{0,3}<(?:mailto:)?[^<>\\s]{1,320}>)?[.;,]?[ \\t]{0,20}$',
      ),
      samples: [
        '  x@y.example',
        '   * x@y.example',
        'x@y.example<mailto:x@y.example>',
        '>>> x@y.example <x@y.example>',
      ],
    },
  ],
  [
    {
      id: 'address_dots',
      programs: 'sendmail 5 to 8',
      line: shape('^[45]\\d\\d[ -](?:[45]\\.\\d\\.\\d{1,3} )?<?ADDRESS>?\\.\\.\\. ?(?<words>.{0,900})'),
      isAfterWords: true,
      samples: ['550 <x@y.example>... User unknown', '554 5.0.0 <x@y.example>... Remote protocol error'],
    },
  ],
  [
    {
      id: 'address_first',
      programs: 'Exchange 5.5 and 2003, Zoho, Mail2000, Courier',
      line: shape(
        '^[ \\t]{0,20}["\\\'<(]{0,2}ADDRESS["\\\'>)]{0,2}[ \\t]{1,9}(?<words>(?:on (?:mon|tue|wed|thu|fri|sat|sun|\\d)|\\[|\\(|-|invalid|error|has|is|was|does|failed|could|user|unknown|mailbox|not).{0,900})$',
      ),
      samples: ['x@y.example on Thu, 29 Apr 2010 00:00:00 -0000', 'x@y.example [User unknown]'],
    },
  ],
  [
    {
      id: 'labelled',
      programs: 'DragonFly, KDDI, ezweb, MailFoundry, IMail, InterScan, X6, Novell GroupWise',
      line: shape(
        '(?:^|[ \\t(>])(?:original recipient|final recipient|recipient|rcpt to|user ?id|your (?:mail|message|e-mail) to|message to|mail to|delivered to|deliver(?:y)? to|delivery to the following recipients?(?: failed)?|permanent errors|failed recipient|address|user|to)[ \\t]{0,3}:?[ \\t]{0,20}["\\\'<(]{0,2}(?:smtp:|rfc822;)?[ \\t]?ADDRESS',
      ),
      samples: [
        'There was an error delivering your mail to <x@y.example>.',
        '     Could not be delivered to: <x@y.example>',
        'Sent <<< RCPT TO:<x@y.example>',
        'Invalid final delivery userid: x@y.example',
      ],
    },
    {
      id: 'anywhere',
      programs: 'anybody',
      line: shape('ADDRESS'),
      samples: ['The mail for x@y.example was thrown away'],
    },
  ],
]
