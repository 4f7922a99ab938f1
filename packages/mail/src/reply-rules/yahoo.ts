import type { ReplyRuleSet } from './reply-rule.ts'

export const YAHOO: ReplyRuleSet = {
  name: 'yahoo',
  provider: 'yahoo',
  source: 'https://senders.yahooinc.com/smtp-error-codes/',
  rules: [
    {
      id: 'tss04',
      class: 'reputation',
      action: 'suspend',
      text: /\[ts?s04\]/,
      samples: [
        [
          'mail',
          '421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume or user complaints - 4.16.55.1; see https://postmaster.yahooinc.com/error-codes',
        ],
      ],
    },
    {
      id: 'tss05',
      class: 'reputation',
      action: 'suspend',
      text: /\[(?:tss|ipts)05\]/,
      samples: [
        [
          'mail',
          '421 4.7.0 [TSS05] Messages from 192.0.2.1 temporarily deferred due to unexpected volume or user complaints',
        ],
      ],
    },
    {
      id: 'complaints_for_good',
      class: 'reputation',
      action: 'suspend',
      text: /permanently deferred|\[tss?(?:09|11)\]/,
      samples: [
        [
          'mail',
          '553 5.7.1 [TSS09] All messages from 192.0.2.1 will be permanently deferred; Retrying will NOT succeed.',
        ],
        [
          'mail',
          '421 4.7.1 [TS03] All messages from 192.0.2.1 will be permanently deferred; Retrying will NOT succeed.',
        ],
      ],
    },
    {
      id: 'ts01',
      class: 'rate_limited',
      action: 'slow',
      text: /\[ts0[12]\]|\[tss0[123]\]/,
      samples: [
        [
          'mail',
          '421 4.7.0 [TS01] Messages from 192.0.2.1 temporarily deferred due to user complaints - 4.16.55.1',
        ],
        ['mail', '421 4.7.0 [TS02] Messages from 192.0.2.1 temporarily deferred due to unexpected volume'],
      ],
    },
    {
      id: 'ts03',
      class: 'reputation',
      action: 'suspend',
      text: /\[ts03\]/,
      samples: [['mail', '421 4.7.1 [TS03] Messages from 192.0.2.1 are deferred']],
    },
    {
      id: 'too_many_connections',
      class: 'rate_limited',
      action: 'slow',
      text: /too many (?:concurrent )?(?:smtp )?(?:connections|messages|sessions)|\[gl01\]|max message per connection/,
      samples: [
        ['connect', '421 Too many concurrent SMTP connections from this IP address; please try again later.'],
        ['mail', '421 Max message per connection reached, closing transmission channel'],
      ],
    },
    {
      id: 'greylisted',
      class: 'greylisted',
      action: 'same_source',
      text: /\[gl\d\d\]|greylist/,
      samples: [['mail', '421 4.7.0 [GL02] Message from (192.0.2.1) temporarily deferred']],
    },
    {
      id: 'block_list',
      class: 'blocked',
      action: 'suspend',
      text: /\[bl\d\d\]/,
      samples: [
        [
          'connect',
          "553 5.7.1 [BL21] Connections will not be accepted from 192.0.2.1, because the ip is in Spamhaus's list; see https://postmaster.yahooinc.com/error-codes",
        ],
      ],
    },
    {
      id: 'connection_refused',
      class: 'blocked',
      action: 'suspend',
      text: /connections (?:not|will not be) accepted from (?:ip addresses|[0-9a-f.:]{4,45})/,
      samples: [
        [
          'connect',
          '553 Mail from 192.0.2.1 not allowed - Connections not accepted from IP addresses on Spamhaus XBL',
        ],
      ],
    },
    {
      id: 'dmarc',
      class: 'auth_failure',
      text: /dmarc|\bspf\b|\bdkim\b|not authenticated|unauthenticated/,
      samples: [
        [
          'body',
          '550 5.7.9 This mail has been blocked because the sender is unauthenticated. Yahoo requires all senders to authenticate with either SPF or DKIM.',
        ],
        ['body', '554 5.7.5 Message not accepted due to DMARC policy'],
      ],
    },
    {
      id: 'policy',
      class: 'policy',
      text: /not accepted for policy reasons|policy violation/,
      samples: [
        [
          'body',
          '554 5.7.9 Message not accepted for policy reasons. See https://postmaster.yahooinc.com/error-codes',
        ],
      ],
    },
    {
      id: 'header_error',
      class: 'content',
      text: /header error/,
      samples: [['body', '554 5.7.9 Header error']],
    },
    {
      id: 'no_account',
      class: 'unknown_user',
      text: /doesn'?t have an? .{1,40} account/,
      samples: [
        [
          'body',
          "554 delivery error: dd This user doesn't have a yahoo.com account (x@yahoo.com) [0] - mta1001.mail.ne1.yahoo.com",
        ],
      ],
    },
    {
      id: 'not_a_mailbox',
      class: 'unknown_user',
      code: /^5/,
      text: /not a valid mailbox|requested mail action not taken: mailbox unavailable|is no longer available/,
      samples: [
        '552 1 Requested mail action not taken: mailbox unavailable',
        ['body', '554 delivery error: dd Not a valid mailbox [-5]'],
      ],
    },
    {
      id: 'account_disabled',
      class: 'inactive',
      text: /(?:mailbox|account) (?:is|has been) disabled/,
      samples: [
        [
          'body',
          '554 30 Sorry, your message to x@yahoo.com cannot be delivered. This mailbox is disabled (554.30).',
        ],
        [
          'body',
          '554 delivery error: dd Sorry your message to x@yahoo.com cannot be delivered. This account has been disabled or discontinued [#102].',
        ],
      ],
    },
    {
      id: 'over_quota',
      class: 'mailbox_full',
      text: /over quota|mailbox (?:is )?full|exceeded their quota/,
      samples: [['body', '554 delivery error: dd x@yahoo.com account is over quota']],
    },
    {
      id: 'unresolvable_sender',
      class: 'policy',
      text: /mail from .{0,60}domain .{0,60}(?:resolv|exist)|sender domain .{0,40}(?:must|not|resolv|exist)/,
      samples: [['mail', '553 5.1.8 Mail from domain example.invalid cannot be resolved']],
    },
    {
      id: 'resources',
      class: 'system',
      code: /^4/,
      text: /resources temporarily|unable to (?:process|deliver)|temporarily (?:unavailable|unable)|try again later/,
      samples: [
        [
          'body',
          '451 4.3.2 Internal error reading data: resources temporarily not available - Please try again later [#4.16.5].',
        ],
        ['body', '451 Resources temporarily not available - Please try again later [#4.16.1].'],
      ],
    },
  ],
}
