import type { ReplyRuleSet } from './reply-rule.ts'
import { KUMO_BOUNCES, SISIMAI, ZONE_MTA } from './sources.ts'

/** Software that anybody may run: the words are in its source. */
export const SERVERS: readonly ReplyRuleSet[] = [
  {
    name: 'postfix',
    source: 'https://github.com/vdukhovni/postfix/blob/master/postfix/src/smtpd/smtpd_check.c',
    rules: [
      {
        id: 'unknown_in_table',
        class: 'unknown_user',
        text: /user unknown in (?:local recipient|relay recipient|virtual (?:mailbox|alias)) table/,
        samples: [
          '550 5.1.1 <x@y.example>: Recipient address rejected: User unknown in local recipient table',
          '450 4.1.1 <x@y.example>: Recipient address rejected: User unknown in virtual alias table',
        ],
      },
      {
        id: 'undeliverable',
        class: 'unknown_user',
        code: /^5/,
        text: /recipient address rejected: undeliverable address/,
        samples: [
          '550 5.1.1 <x@y.example>: Recipient address rejected: undeliverable address: host mail.y.example said no',
        ],
      },
      {
        id: 'unverified',
        class: 'system',
        code: /^4/,
        text: /(?:recipient|sender) address rejected: un(?:verified|deliverable) address/,
        samples: [
          '450 4.1.1 <x@y.example>: Recipient address rejected: unverified address: Address verification in progress',
        ],
      },
      {
        id: 'relay_access_denied',
        class: 'relaying_denied',
        text: /relay access denied/,
        samples: ['554 5.7.1 <x@y.example>: Relay access denied'],
      },
      {
        id: 'hostname',
        class: 'ptr_missing',
        action: 'suspend',
        text: /client host rejected: cannot find your (?:reverse )?hostname/,
        samples: [
          '450 4.7.25 Client host rejected: cannot find your hostname, [192.0.2.1]',
          '550 5.7.25 Client host rejected: cannot find your reverse hostname, [192.0.2.1]',
        ],
      },
      {
        id: 'helo',
        class: 'policy',
        text: /helo command rejected/,
        samples: [
          '450 4.7.1 <mta.example.com>: Helo command rejected: Host not found',
          '504 5.5.2 <mta>: Helo command rejected: need fully-qualified hostname',
        ],
      },
      {
        id: 'sender_domain',
        class: 'policy',
        text: /sender address rejected: (?:domain not found|malformed dns|not owned|not logged in|access denied|need fully)/,
        samples: [
          ['mail', '450 4.1.8 <a@example.com>: Sender address rejected: Domain not found'],
          ['mail', '553 5.7.1 <a@example.com>: Sender address rejected: not owned by user'],
        ],
      },
      {
        id: 'recipient_domain',
        class: 'host_unknown',
        text: /recipient address rejected: (?:domain not found|malformed dns)/,
        samples: ['450 4.1.2 <x@y.example>: Recipient address rejected: Domain not found'],
      },
      {
        id: 'rbl',
        class: 'blocked',
        action: 'suspend',
        text: /service unavailable; (?:client(?: host)?|sender address|helo command|unverified client host) \[.{1,260}\] blocked using/,
        samples: [
          '554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org; https://www.spamhaus.org/query/ip/192.0.2.1',
          '521 5.7.1 Service unavailable; client [192.0.2.1] blocked using dnsbl.example',
        ],
      },
      {
        id: 'anvil',
        class: 'rate_limited',
        action: 'slow',
        source: 'https://github.com/vdukhovni/postfix/blob/master/postfix/src/smtpd/smtpd.c',
        text: /error: too (?:much mail|many (?:connections|recipients|new tls sessions|auth commands)) from|too many errors after/,
        samples: [
          ['connect', '421 4.7.0 mx.y.example Error: too many connections from 192.0.2.1'],
          ['mail', '450 4.7.1 Error: too much mail from 192.0.2.1'],
          ['rcpt', '421 4.7.0 mx.y.example Error: too many errors after RCPT'],
        ],
      },
      {
        id: 'no_space',
        class: 'system',
        source: 'https://github.com/vdukhovni/postfix/blob/master/postfix/src/smtpd/smtpd.c',
        text: /insufficient system storage|queue file write error/,
        samples: [
          ['mail', '452 4.3.1 Insufficient system storage'],
          ['body', '451 4.3.0 Error: queue file write error'],
        ],
      },
      {
        id: 'configuration',
        class: 'system',
        text: /server configuration (?:error|problem)/,
        samples: [
          '451 4.3.5 Server configuration error',
          '451 4.3.5 <x@y.example>: Recipient address rejected: Server configuration problem',
        ],
      },
      {
        id: 'size_limit',
        class: 'message_too_big',
        source: 'https://github.com/vdukhovni/postfix/blob/master/postfix/src/smtpd/smtpd.c',
        text: /message size exceeds fixed (?:limit|maximum)|message file too big/,
        samples: [
          ['mail', '552 5.3.4 Message size exceeds fixed limit'],
          ['body', '552 5.3.4 Error: message file too big'],
        ],
      },
      {
        id: 'starttls_first',
        class: 'tls',
        source: 'https://github.com/vdukhovni/postfix/blob/master/postfix/src/smtpd/smtpd.c',
        text: /must issue a starttls command first/,
        samples: [['mail', '530 5.7.0 Must issue a STARTTLS command first']],
      },
      {
        id: 'postscreen',
        class: 'greylisted',
        action: 'same_source',
        source: 'https://www.postfix.org/POSTSCREEN_README.html',
        text: /service (?:currently|temporarily) unavailable.{0,40}postscreen|all screening|protocol error.{0,20}postscreen/,
        samples: ['450 4.3.2 Service currently unavailable (postscreen)'],
      },
    ],
  },
  {
    name: 'exim',
    source: 'https://www.exim.org/exim-html-current/doc/html/spec_html/ch-access_control_lists.html',
    rules: [
      {
        id: 'unrouteable',
        class: 'unknown_user',
        text: /unrouteable address/,
        samples: ['550 Unrouteable address'],
      },
      {
        id: 'verify_recipient',
        class: 'unknown_user',
        code: /^5/,
        text: /recipient verify fail|verification failed for <.{1,260}>/,
        samples: ['550 Verification failed for <x@y.example>'],
      },
      {
        id: 'verify_sender',
        class: 'policy',
        text: /sender verify failed|could not complete sender verify/,
        samples: ['550 Sender verify failed', '451 Could not complete sender verify callout'],
      },
      {
        id: 'relay',
        class: 'relaying_denied',
        text: /relay not permitted/,
        samples: ['550 relay not permitted'],
      },
      {
        id: 'administrative',
        class: 'policy',
        text: /administrative(?:ly)? prohibit/,
        samples: ['550 Administrative prohibition'],
      },
      {
        id: 'list',
        class: 'blocked',
        action: 'suspend',
        source: ZONE_MTA,
        text: /(?:rejected because|rejected message because) .{1,80} is in a black ?list at/,
        samples: ['550 Rejected because 192.0.2.1 is in a black list at zen.spamhaus.org'],
      },
      {
        id: 'local_problem',
        class: 'system',
        text: /temporary local problem/,
        samples: ['451 Temporary local problem - please try later'],
      },
      {
        id: 'line_length',
        class: 'content',
        text: /maximum allowed line length/,
        samples: [['body', '550 maximum allowed line length is 998 octets, got 1204']],
      },
      {
        id: 'size',
        class: 'message_too_big',
        text: /message size exceeds maximum permitted/,
        samples: [['mail', '552 Message size exceeds maximum permitted']],
      },
      {
        id: 'connections',
        class: 'rate_limited',
        action: 'slow',
        text: /too many (?:concurrent )?(?:smtp )?connections; please try again later/,
        samples: [['connect', '421 Too many concurrent SMTP connections; please try again later.']],
      },
      {
        id: 'too_many_recipients',
        class: 'rate_limited',
        action: 'retry',
        text: /too many recipients/,
        samples: ['452 too many recipients', '552 5.5.3 too many recipients'],
      },
    ],
  },
  {
    name: 'sendmail',
    source: 'https://github.com/freebsd/freebsd-src/blob/main/contrib/sendmail/src/srvrsmtp.c',
    rules: [
      {
        id: 'unknown',
        class: 'unknown_user',
        text: /\.\.\. ?user (?:unknown|not exist)/,
        samples: ['550 5.1.1 <x@y.example>... User unknown'],
      },
      {
        id: 'relaying_denied',
        class: 'relaying_denied',
        text: /relaying denied|not configured to relay|validation failed: rcpt to not accepted/,
        samples: [
          '550 5.7.1 <x@y.example>... Relaying denied',
          '501 Rcpt-To validation failed: RCPT TO not accepted: 5.7.1 This system is not configured to relay mail',
        ],
      },
      {
        id: 'sender_domain',
        class: 'policy',
        source: SISIMAI,
        text: /domain of sender address .{1,260} does not (?:exist|resolve)|sender domain resolve fail|purported responsible address/,
        samples: [
          ['mail', '553 5.1.8 <a@b.example>... Domain of sender address a@b.example does not exist'],
          ['mail', "550 5.7.1 can't determine Purported Responsible Address"],
        ],
      },
      {
        id: 'reverse_dns',
        class: 'ptr_missing',
        action: 'suspend',
        source: SISIMAI,
        text: /fix reverse dns|possibly forged hostname|without a valid (?:sender domain|reverse)/,
        samples: [
          ['connect', '550 5.7.1 Fix reverse DNS for 192.0.2.1'],
          ['connect', '550 5.7.1 Possibly forged hostname for 192.0.2.1'],
        ],
      },
      {
        id: 'connection_rate',
        class: 'rate_limited',
        action: 'slow',
        text: /connection rate limit exceeded|too many open connections/,
        samples: [
          ['connect', '421 4.3.2 Connection rate limit exceeded.'],
          ['connect', '421 4.3.2 Too many open connections.'],
        ],
      },
      {
        id: 'load',
        class: 'system',
        text: /rejecting connections on daemon|load average/,
        samples: [['connect', '421 4.3.2 rejecting connections on daemon MTA: load average: 40']],
      },
      {
        id: 'disk',
        class: 'system',
        text: /insufficient disk space/,
        samples: [['mail', '452 4.4.5 Insufficient disk space; try again later']],
      },
      {
        id: 'hops',
        class: 'network',
        text: /too many hops|maximum hop count|mail loop|routing loop/,
        samples: [
          ['body', '554 5.4.6 Too many hops 26 (25 max)'],
          ['body', '554 5.4.0 Error: mail loop detected'],
        ],
      },
      {
        id: 'headers',
        class: 'content',
        source: SISIMAI,
        text: /headers too large|too many received/,
        samples: [['body', '552 5.6.0 Headers too large (32768 max)']],
      },
    ],
  },
  {
    name: 'qmail',
    source: 'https://cr.yp.to/qmail/faq.html',
    rules: [
      {
        id: 'no_mailbox',
        class: 'unknown_user',
        source: KUMO_BOUNCES,
        text: /sorry, no mail-?box here by that name/,
        samples: ['550 sorry, no mailbox here by that name. (#5.1.1)'],
      },
      {
        id: 'rcpthosts',
        class: 'relaying_denied',
        source: KUMO_BOUNCES,
        text: /isn'?t in my list of allowed rcpthosts/,
        samples: ["553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)"],
      },
      {
        id: 'envelope_sender',
        class: 'policy',
        source: KUMO_BOUNCES,
        text: /sorry, your envelope sender/,
        samples: [
          ['mail', '550 sorry, your envelope sender domain must exist (#5.7.1)'],
          ['mail', '553 sorry, your envelope sender is in my badmailfrom list (#5.7.1)'],
        ],
      },
      {
        id: 'no_host',
        class: 'host_unknown',
        text: /couldn'?t find any host (?:named|by that name)|although i'?m listed as a best-preference mx/,
        samples: ["550 Sorry, I couldn't find any host by that name. (#4.1.2)"],
      },
    ],
  },
]
