import type { ReplyRuleSet } from './reply-rule.ts'
import { KUMO_BOUNCES, KUMO_SHAPING, SISIMAI, ZONE_MTA } from './sources.ts'

export const EUROPE: readonly ReplyRuleSet[] = [
  {
    name: 'gmx',
    provider: 'gmx',
    source: 'https://postmaster.gmx.net/en/error-messages',
    rules: [
      {
        id: 'ptr',
        class: 'ptr_missing',
        action: 'suspend',
        text: /bad dns ptr resource record/,
        samples: [
          [
            'connect',
            '554 gmx.net (mxgmx101) Nemesis ESMTP Service not available No SMTP service Bad DNS PTR resource record.',
          ],
        ],
      },
      {
        id: 'ip_listed',
        class: 'blocked',
        action: 'suspend',
        source: ZONE_MTA,
        text: /ip address is (?:black|block) ?listed/,
        samples: [
          [
            'connect',
            '554 gmx.net (mxgmx101) Nemesis ESMTP Service not available No SMTP service IP address is black listed',
          ],
        ],
      },
      {
        id: 'too_many_connections',
        class: 'rate_limited',
        action: 'slow',
        source: KUMO_SHAPING,
        text: /too many connections/,
        samples: [['connect', '421 gmx.net Service closing transmission channel Too many connections']],
      },
      {
        id: 'policy_restrictions',
        class: 'policy',
        source: KUMO_BOUNCES,
        text: /reject due to policy (?:restrictions|violations)/,
        samples: [
          ['body', '554 Transaction failed Reject due to policy restrictions.'],
          ['body', '550 Requested action not taken Reject due to policy violations.'],
        ],
      },
      {
        id: 'duplicate_header',
        class: 'content',
        source: SISIMAI,
        text: /duplicate header/,
        samples: [['body', "554 Transaction failed: Duplicate header 'DKIM-Signature'."]],
      },
      {
        id: 'unknown',
        class: 'unknown_user',
        code: /^55/,
        text: /requested action not taken: mailbox unavailable/,
        samples: ['550 Requested action not taken: mailbox unavailable'],
      },
      {
        id: 'full',
        class: 'mailbox_full',
        source: KUMO_BOUNCES,
        text: /exceeded storage allocation/,
        samples: ['552 Requested mail action aborted: exceeded storage allocation Quota exceeded'],
      },
    ],
  },
  {
    name: 'telekom',
    provider: 'telekom',
    source: ZONE_MTA,
    rules: [
      {
        id: 'problem',
        class: 'blocked',
        action: 'suspend',
        text: /\bip[=:].{0,60}(?:a problem occurred|bad reputation)|tosa@rx\.t-online\.de/,
        samples: [
          [
            'connect',
            '554 IP=192.0.2.1 - A problem occurred. (Ask your postmaster for help or to contact tosa@rx.t-online.de to clarify.) (BL)',
          ],
        ],
      },
      {
        id: 'classified',
        class: 'spam',
        source: KUMO_BOUNCES,
        text: /rejected due to spam or virus classification/,
        samples: [['body', '550 5.7.0 Your message has been rejected due to spam or virus classification']],
      },
    ],
  },
  {
    name: 'laposte',
    provider: 'laposte',
    source: SISIMAI,
    rules: [
      {
        id: 'invalid_recipient',
        class: 'unknown_user',
        text: /\blpn007_416\b|adresse destinataire invalide/,
        samples: ['550 5.5.0 Adresse destinataire invalide. Invalid recipient. LPN007_416'],
      },
      {
        id: 'blocked_account',
        class: 'inactive',
        text: /\blpn007_426\b|compte du destinataire est bloque/,
        samples: [
          '550 5.5.0 Le compte du destinataire est bloque. The recipient account is blocked. LPN007_426',
        ],
      },
      {
        id: 'service_refused',
        class: 'other',
        action: 'slow',
        text: /\blpn001_108\b/,
        samples: [
          [
            'mail',
            '550 5.5.0 Service refuse. Veuillez essayer plus tard. service refused, please try later. LPN001_108',
          ],
        ],
      },
      {
        id: 'client_refused',
        class: 'policy',
        action: 'suspend',
        text: /\blpn000_630\b/,
        samples: [
          ['mail', '554 5.7.1 <mta.example.com[192.0.2.1]:49309>: Client host rejected: #216 lpn LPN000_630'],
        ],
      },
    ],
  },
  {
    name: 'orange',
    provider: 'orange',
    source: SISIMAI,
    rules: [
      {
        id: 'invalid_recipient',
        class: 'unknown_user',
        text: /\bofr_41[56]\b|adresse d au moins un destinataire invalide/,
        samples: ['550 5.1.1 Adresse d au moins un destinataire invalide. Invalid recipient. OFR_416 [416]'],
      },
      {
        id: 'too_many_connections',
        class: 'rate_limited',
        action: 'slow',
        source: KUMO_SHAPING,
        text: /trop de connexions|too many connections, slow down/,
        samples: [
          [
            'connect',
            '421 mwinf5c04 ME Trop de connexions, veuillez verifier votre configuration. Too many connections, slow down. OFR_108 [108]',
          ],
        ],
      },
      {
        id: 'service_refused',
        class: 'blocked',
        action: 'suspend',
        text: /\bofr_(?:506|999)\b|service refuse\b/,
        samples: [
          [
            'connect',
            '421 mwinf5c77 ME Service refuse. Veuillez essayer plus tard. Service refused, please try later. OFR_999 [999]',
          ],
          ['mail', '550 5.2.0 Mail rejete. Mail rejected. ofr_506 [506]'],
        ],
      },
      {
        id: 'spamming_issues',
        class: 'blocked',
        action: 'suspend',
        source: KUMO_SHAPING,
        text: /client host blocked for spamming issues/,
        samples: [
          [
            'connect',
            '550 5.7.1 Client host blocked for spamming issues http://csi.cloudmark.com/reset-request/',
          ],
        ],
      },
      {
        id: 'listed_domain',
        class: 'reputation',
        action: 'suspend',
        source: KUMO_BOUNCES,
        text: /invalid sender\. your domain has been blacklisted/,
        samples: [['mail', '550 5.0.1 Invalid Sender. Your domain has been blacklisted']],
      },
      {
        id: 'dmarc',
        class: 'auth_failure',
        source: KUMO_BOUNCES,
        text: /dmarc check failed/,
        samples: [['body', '501 5.0.2 Mail rejected. DMARC check failed.']],
      },
      {
        id: 'full',
        class: 'mailbox_full',
        text: /boite du destinataire archi ?pleine|\bofr_417\b/,
        samples: ['552 5.1.1 Boite du destinataire archi pleine. Recipient overquota. OFR_417 [417]'],
      },
    ],
  },
  {
    name: 'free',
    provider: 'free',
    source: 'http://postmaster.free.fr/',
    rules: [
      {
        id: 'too_many_spams',
        class: 'reputation',
        action: 'slow',
        text: /too many spams? from your ip/,
        samples: [
          ['mail', '421 Too many spams from your IP (192.0.2.1), please visit http://postmaster.free.fr/'],
        ],
      },
    ],
  },
  {
    name: 'wp',
    provider: 'wp',
    source: KUMO_BOUNCES,
    rules: [
      {
        id: 'spam',
        class: 'spam',
        text: /can'?t accept this message because it is spam/,
        samples: [['body', "554 We can't accept this message because it is spam"]],
      },
    ],
  },
  {
    name: 'virgin_media',
    provider: 'virgin_media',
    source: KUMO_BOUNCES,
    rules: [
      {
        id: 'spam',
        class: 'spam',
        text: /message contains spam content/,
        samples: [['body', '554 Message contains Spam Content']],
      },
    ],
  },
  {
    name: 'mail_ru',
    provider: 'mail_ru',
    source: 'https://help.mail.ru/developers/notices',
    rules: [
      {
        id: 'invalid_mailbox',
        class: 'unknown_user',
        source: KUMO_BOUNCES,
        text: /message was not accepted -- invalid mailbox/,
        samples: [
          '550 Message was not accepted -- invalid mailbox. Local mailbox x@mail.ru is unavailable: user not found',
        ],
      },
      {
        id: 'spam',
        class: 'spam',
        source: ZONE_MTA,
        text: /spam message rejected/,
        samples: [['body', '550 spam message rejected. Please visit http://help.mail.ru/notspam-support/id']],
      },
      {
        id: 'dmarc',
        class: 'auth_failure',
        source: SISIMAI,
        text: /owner dmarc policy/,
        samples: [
          [
            'body',
            '550 5.7.1 This message was not accepted due to domain (example.com) owner DMARC policy (RFC 7489)',
          ],
        ],
      },
    ],
  },
  {
    name: 'yandex',
    provider: 'yandex',
    source: 'https://yandex.com/support/mail/web/letter/create.html',
    rules: [
      {
        id: 'spam',
        class: 'spam',
        text: /message rejected under suspicion of spam/,
        samples: [['body', '554 5.7.1 [1] Message rejected under suspicion of SPAM']],
      },
      {
        id: 'recipient_rate',
        class: 'rate_limited',
        action: 'retry',
        text: /the recipient has exceeded their message rate limit/,
        samples: ['451 4.7.1 The recipient has exceeded their message rate limit. Try again later.'],
      },
      {
        id: 'unavailable',
        class: 'rate_limited',
        action: 'slow',
        source: ZONE_MTA,
        text: /service is currently unavailable/,
        samples: [['mail', '451 4.7.1 Sorry, the service is currently unavailable. Please come back later.']],
      },
      {
        id: 'policy',
        class: 'policy',
        text: /policy rejection on the target address/,
        samples: ['550 5.7.1 Policy rejection on the target address'],
      },
      {
        id: 'virus',
        class: 'virus',
        text: /message infected by virus/,
        samples: [['body', '554 5.7.1 Message infected by virus']],
      },
    ],
  },
]
