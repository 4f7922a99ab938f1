import type { BounceClass } from '@pigeon/mail/bounce-class.ts'

/** What a program says itself, no server having refused anything; or what a service says in its reports only. */
export interface ProgramRule {
  readonly class: BounceClass
  /** Lower case, blanks as one. The same limits hold as for the expressions of reply rules. */
  readonly text: RegExp
  /** The program keeps the mailboxes: what it does not know is not there. */
  readonly isOfMailStore?: boolean
  /** Where the words stand. */
  readonly source: string
  readonly samples: readonly string[]
}

const EXIM = 'https://github.com/Exim/exim/tree/master/src/src'
const QMAIL = 'https://cr.yp.to/software/qmail-1.03.tar.gz'
const POSTFIX = 'https://github.com/vdukhovni/postfix/tree/master/postfix/src'
const SENDMAIL = 'https://github.com/freebsd/freebsd-src/tree/main/contrib/sendmail/src'
const OPENSMTPD = 'https://github.com/OpenSMTPD/OpenSMTPD/tree/master/usr.sbin/smtpd'
const EXCHANGE =
  'https://learn.microsoft.com/en-us/exchange/mail-flow/non-delivery-reports-and-bounce-messages/non-delivery-reports-and-bounce-messages'
const DOMINO = 'https://help.hcl-software.com/domino/'
const GMAIL = 'https://support.google.com/mail/answer/7720'
const CORPUS = 'https://github.com/sisimai/set-of-emails'

/** The first that fits decides. */
export const PROGRAM_WORDS: readonly ProgramRule[] = [
  {
    class: 'network',
    source: POSTFIX,
    text: /host not found, try again|temporary (?:dns|name|lookup)|server failure, try again/,
    samples: [
      'Host or domain name not found. Name service error for name=x.example type=MX: Host not found, try again',
    ],
  },
  {
    class: 'host_unknown',
    source: EXIM,
    text: /relevant mx records point to non-existent hosts|host address lookups failed permanently|unrouteable mail domain|no smtp service|account or domain may not exist/,
    samples: [
      'all relevant MX records point to non-existent hosts',
      'all host address lookups failed permanently: x.example',
      'an MX or SRV record indicated no SMTP service',
    ],
  },
  {
    class: 'system',
    source: EXIM,
    text: /delivery to (?:file|pipe) forbidden|procmail: |ldap (?:server|error|lookup)|can(?:no|')t (?:create|open|write)|couldn'?t (?:create|open|write)|local delivery failed|child process of \w{1,40} transport|transport returned|lmtp error after|pipe to \|.{1,200}(?:failed|exit)|mailer error|command line usage error|unknown mailer error|cannot append message to|no space left on device|input\/output error|i\/o error/,
    samples: [
      'local delivery failed',
      'Child process of address_pipe transport returned 2 from command: /usr/bin/filter',
      'Command died with status 255: "/usr/bin/filter". mailer error 75',
    ],
  },
  {
    class: 'host_unknown',
    source: QMAIL,
    text: /couldn'?t find any host (?:named|by that name)|cannot find (?:any )?host|couldn'?t find a mail exchanger or ip address|domain does not (?:exist|accept mail)|no mx (?:records? )?found|null mx|no mail servers? (?:for|found)|host or domain name not found|name service error for name|host unknown|unknown host|no such host|host not found|domain not found|domain name not found|could not resolve host|no route to domain|dns server returned answer with no data|destination domain .{0,60}not (?:exist|found|valid)|nxdomain|mail domain .{0,80}does(?: not|n'?t) exist/,
    samples: [
      "Sorry, I couldn't find any host named x.example. (#5.1.2)",
      'Host or domain name not found. Name service error for name=x.example type=A: Host not found',
      'Domain does not exist',
      '550 Host unknown (Authoritative answer from name server)',
    ],
  },
  {
    class: 'network',
    source: POSTFIX,
    text: /maximum hop count|too many hops|hop count exceeded|mail (?:forwarding )?loop|routing loop|loops? back to myself|mail for .{1,260} loops/,
    samples: [
      'mail for x.example loops back to myself',
      'Maximum hop count exceeded. Message probably in a routing loop.',
    ],
  },
  {
    class: 'network',
    source: QMAIL,
    text: /wasn'?t able to establish an smtp connection|unable to establish an smtp connection|connect(?:ion)? (?:to .{1,260}: ?)?(?:timed out|refused|reset)|connection (?:dropped|closed|lost)|lost connection|no route to host|network is unreachable|host name lookup failure|dns lookup fail|name server failure|unable to (?:connect|contact)|cannot connect|could not connect|did not accept our requests to connect|host (?:is )?(?:not reachable|unreachable)|network error|socket error|operation timed out|conversation with .{1,260} timed out|connection attempts? failed|remote host is not responding/,
    samples: [
      "Sorry, I wasn't able to establish an SMTP connection. (#4.4.1)",
      'connect to mx.x.example[192.0.2.1]:25: Connection timed out',
      'lost connection with mx.x.example[192.0.2.1] while sending RCPT TO',
    ],
  },
  {
    class: 'mailbox_full',
    source: SENDMAIL,
    text: /mailbox is full|mail ?box (?:exceeds|has exceeded)|mail ?folder is full|mailbox (?:quota|size limit) exceeded|mail quota exceeded|disk quota exceeded|storage quota exceeded|over ?quota|quota exceed|exceeds allowed size|mailbox exceeds|not enough (?:space|disk)|insufficient (?:space|storage)/,
    samples: ['As their mailbox is full.', 'Storage quota exceeded', "The user's mailfolder is full."],
  },
  {
    class: 'expired',
    source: EXIM,
    text: /retry (?:timeout|time) (?:exceeded|not reached)|hosts? ha(?:ve|s) been failing for a long time|in the queue too long|queue[. ]expired|(?:message|envelope) (?:has )?expired|delivery (?:time )?expired|giving up\.|could not be delivered (?:for|within) .{1,40}(?:days?|hours?|seconds?)|could not deliver for the last|message was undeliverable after|delivery attempts? .{0,40}(?:expired|exhausted)|has been (?:frozen|delayed)|unable to deliver .{0,40}(?:after|in) \d{1,6} (?:day|hour|minute)|cannot send message (?:within|for) \d{1,3} (?:day|hour)|time-?out (?:for|while) deliver|delivery time(?:d)? ?out|too old|not delivered within|not been (?:able to be )?delivered .{0,40}\d{1,3} (?:day|hour)/,
    samples: [
      'retry timeout exceeded',
      "I'm not going to try again; this message has been in the queue too long.",
      'Could not deliver for the last 432000 seconds. Giving up.',
      'Message could not be delivered for 5 days',
    ],
  },
  {
    class: 'message_too_big',
    source: OPENSMTPD,
    text: /message (?:size )?exceeds (?:fixed )?maximum|message is too (?:big|large)|mail size limit exceeded|exceeds the (?:message )?size limit|size of (?:the|this) message exceed/,
    samples: ['Message size exceeds fixed maximum message size: 10485760 bytes'],
  },
  {
    class: 'unknown_user',
    isOfMailStore: true,
    source: EXCHANGE,
    text: /recipient name is not recognized|000c05a6|000c0595|unknown recipient|recipient ?not ?found|no valid recipients|email address (?:you entered )?(?:wasn'?t|could not be|couldn'?t be) found|wasn.{1,3}t found at the destination/,
    samples: ['MSEXCH:IMS:NNN:X:Y 0 (000C05A6) Unknown Recipient', 'The recipient name is not recognized'],
  },
  {
    class: 'unknown_user',
    isOfMailStore: true,
    source: DOMINO,
    text: /not listed in (?:domino|public|the)|not found in (?:domino|the) directory|invalid final delivery userid|no such local (?:user|mailbox)|^unknown user: |user not local|no mailbox here by that name/,
    samples: [
      'User some.name (x@y.example) not listed in Domino Directory',
      'Invalid final delivery userid: x@y.example',
    ],
  },
  {
    class: 'unknown_user',
    source: CORPUS,
    text: /no such (?:user|mailbox)|user unknown|unknown user|user not known|does(?: not|n'?t) have an? .{1,100} account/,
    samples: ["This user doesn't have a y.example account (x@y.example)", '[User unknown]'],
  },
  {
    class: 'rejected',
    source: GMAIL,
    text: /groups\.google\.com|google groups|groupe que vous avez|you do not have permission to post/,
    samples: [
      'The group you tried to contact (x) may not exist, or you may not have permission to post messages to the group. Google Groups',
    ],
  },
  {
    class: 'policy',
    source: 'https://docs.cpanel.net/',
    text: /sending to\/from an address that has been blacklisted/,
    samples: ['"Sorry, you are sending to/from an address that has been blacklisted"'],
  },
  {
    class: 'rejected',
    source: 'http://www.fml.org/',
    text: /not (?:a )?member of this mailing list|not subscribed to this (?:mailing )?list/,
    samples: ['You are not a member of this mailing list <x@y.example>.'],
  },
  {
    class: 'virus',
    source: CORPUS,
    text: /virus (?:was )?(?:found|detected)|contain(?:s|ed) (?:a )?virus/,
    samples: ['The message contained a virus and was removed'],
  },
  {
    class: 'inactive',
    source: CORPUS,
    text: /account (?:has been |is )?(?:disabled|suspended|deactivated|inactive|discontinued)/,
    samples: ['The account is disabled'],
  },
]
