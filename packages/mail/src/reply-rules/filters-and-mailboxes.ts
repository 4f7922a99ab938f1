import type { ReplyRuleSet } from './reply-rule.ts'
import { KUMO_BOUNCES, SISIMAI, ZONE_MTA } from './sources.ts'

/** Software behind or beside the server that speaks: content filters, and where mail is kept. */
export const FILTERS_AND_MAILBOXES: readonly ReplyRuleSet[] = [
  {
    name: 'filters',
    source: 'https://gitlab.com/amavis/amavis/-/blob/master/bin/amavisd',
    rules: [
      {
        id: 'amavis_spam',
        class: 'spam',
        source: SISIMAI,
        text: /reject, id=.{1,60} - spam|message content rejected, ube/,
        samples: [
          ['body', '554 5.7.0 Reject, id=20025-09 - SPAM'],
          ['body', '550 5.7.1 Message content rejected, UBE, id=00000-22-225'],
        ],
      },
      {
        id: 'amavis_infected',
        class: 'virus',
        text: /reject, id=.{1,60} - infected/,
        samples: [['body', '554 5.7.0 Reject, id=20025-10 - INFECTED: Eicar-Test-Signature']],
      },
      {
        id: 'amavis_banned',
        class: 'security',
        text: /reject, id=.{1,60} - banned/,
        samples: [['body', '554 5.7.0 Reject, id=20025-11 - BANNED: application/x-msdownload']],
      },
      {
        id: 'junk_rejected',
        class: 'spam',
        source: KUMO_BOUNCES,
        text: /junkmail rejected|reject spam|rejected - spamtext/,
        samples: [
          ['body', '550 JunkMail rejected - mta.example.com [192.0.2.1]:39153 is in an RBL'],
          ['body', '550 5.7.1 REJECT spam'],
        ],
      },
      {
        id: 'url_listed',
        class: 'spam',
        source: KUMO_BOUNCES,
        text: /url in this (?:email|message) .{0,80}(?:listed|blocked)|uribl\.com/,
        samples: [
          [
            'body',
            '550 A URL in this email (example.com) is listed on https://spamrl.com/. Please resolve and retry',
          ],
        ],
      },
      {
        id: 'sending_ip_listed',
        class: 'blocked',
        action: 'suspend',
        source: KUMO_BOUNCES,
        text: /the sending ip .{1,60} is listed on|blocked by ivmsip|email blocked by (?:cbl|spamhaus)/,
        samples: [
          [
            'connect',
            '550 The sending IP (192.0.2.1) is listed on https://spamrl.com/. Please resolve this and retry.',
          ],
          ['connect', '550 Email blocked by SPAMHAUS'],
        ],
      },
      {
        id: 'spf_why',
        class: 'auth_failure',
        source: 'https://www.open-spf.org/Why/',
        text: /open-?spf\.org|spf\.pobox\.com|bad spf records/,
        samples: [
          [
            'mail',
            '550 5.7.23 Message rejected due to: SPF fail - not authorized. Please see http://www.open-spf.org/Why',
          ],
          ['mail', '550 Bad SPF records for [example.org:192.0.2.2], see http://spf.pobox.com/'],
        ],
      },
      {
        id: 'opendmarc',
        class: 'auth_failure',
        source: 'https://github.com/trusteddomainproject/OpenDMARC/blob/master/opendmarc/opendmarc.c',
        text: /rejected by dmarc policy|senders? dmarc policy/,
        samples: [
          ['body', '550 5.7.1 rejected by DMARC policy for example.com'],
          ['body', '550 Message rejected due to senders DMARC policy'],
        ],
      },
      {
        id: 'geography',
        class: 'policy',
        source: ZONE_MTA,
        text: /rejected based on geographical location/,
        samples: [['connect', '554 5.7.1 Your IP is in ee, rejected based on geographical location']],
      },
    ],
  },
  {
    name: 'mailboxes',
    source: KUMO_BOUNCES,
    rules: [
      {
        id: 'dovecot_quota',
        class: 'mailbox_full',
        source: 'https://github.com/dovecot/core/blob/main/src/plugins/quota/quota.c',
        text: /quota exceeded \(mailbox for user is full\)/,
        samples: ['552 5.2.2 <x@y.example> Quota exceeded (mailbox for user is full)'],
      },
      {
        id: 'cpanel_full',
        class: 'mailbox_full',
        text: /mailbox is full \/ blocks limit exceeded/,
        samples: ['550 Mailbox is full / Blocks limit exceeded / Inode limit exceeded'],
      },
      {
        id: 'limit',
        class: 'mailbox_full',
        text: /mailbox limit exee?ceeded|mailbox limit exeeded|extended quota violation|account is overquota/,
        samples: ['552 Mailbox limit exeeded for this email address', '552 5.2.2 extended quota violation'],
      },
      {
        id: 'expired_account',
        class: 'inactive',
        source: ZONE_MTA,
        text: /is expired account|inactive user|account (?:is )?not active|user account not activated/,
        samples: [
          '550 5.2.1 <x@y.example> is expired account',
          '554 5.2.1 <x@y.example>: Inactive user',
          '550 Account is not active',
        ],
      },
      {
        id: 'no_longer_on_server',
        class: 'moved',
        source: SISIMAI,
        text: /recipient no longer on server/,
        samples: ['550 5.1.6 recipient no longer on server: x@y.example'],
      },
      {
        id: 'tenant_missing',
        class: 'host_unknown',
        text: /tenant or domain not found|domain is not reachable/,
        samples: [
          '556 Invalid account. Tenant or Domain not found',
          [
            'body',
            '554 The mail could not be delivered to the recipient because the domain is not reachable.',
          ],
        ],
      },
      {
        id: 'submission_only',
        class: 'relaying_denied',
        text: /requires authentication when attempting to send to a non-local|please turn on smtp authentication/,
        samples: [
          '503 This mail server requires authentication when attempting to send to a non-local e-mail address.',
          '550 Please turn on SMTP Authentication in your mail client.',
        ],
      },
    ],
  },
]
