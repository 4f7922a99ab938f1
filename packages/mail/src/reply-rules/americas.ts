import type { ReplyRuleSet } from './reply-rule.ts'
import { KUMO_BOUNCES, KUMO_SHAPING, SISIMAI, ZONE_MTA } from './sources.ts'

export const AMERICAS: readonly ReplyRuleSet[] = [
  {
    name: 'apple',
    provider: 'apple',
    source: 'https://support.apple.com/en-us/102322',
    rules: [
      {
        id: 'over_quota',
        class: 'mailbox_full',
        source: SISIMAI,
        text: /user is over quota/,
        samples: ['552 5.2.2 <x@icloud.com>: user is over quota'],
      },
      {
        id: 'unknown',
        class: 'unknown_user',
        text: /user does not exist/,
        samples: ['550 5.1.1 <x@icloud.com>: user does not exist'],
      },
      {
        id: 'not_accepting',
        class: 'blocked',
        action: 'suspend',
        source: SISIMAI,
        text: /not accepting connections/,
        samples: [['connect', '554 st11p00im-smtpin013.me.com ESMTP not accepting connections']],
      },
      {
        id: 'local_policy',
        class: 'policy',
        text: /\[cs01\]|\[hm08\]|due to local policy/,
        samples: [
          ['body', '550 5.7.1 [CS01] Message rejected due to local policy.'],
          ['body', '554 5.7.1 [HM08] Message rejected due to local policy.'],
        ],
      },
      {
        id: 'deferred',
        class: 'rate_limited',
        action: 'slow',
        source: KUMO_SHAPING,
        code: /^4/,
        text: /\[hcm1\]|service unavailable - try again later/,
        samples: [
          ['mail', '421 [HCM1] Your mail from 192.0.2.1 was deferred.'],
          ['connect', '421 Service unavailable - try again later'],
        ],
      },
      {
        id: 'server_error',
        class: 'system',
        source: KUMO_SHAPING,
        text: /\[bs02\]|temporary server error/,
        samples: [['body', '451 [BS02] Temporary server error. Please try again later.']],
      },
      {
        id: 'listed_domain',
        class: 'blocked',
        source: KUMO_SHAPING,
        text: /domain present in the spamhaus dbl/,
        samples: [
          ['body', '554 5.7.1 Your email was rejected due to having a domain present in the Spamhaus DBL'],
        ],
      },
      {
        id: 'content',
        class: 'spam',
        source: KUMO_BOUNCES,
        text: /message content rejected due to spam|\[hcm1\]/,
        samples: [
          ['body', '550 5.7.1 message content rejected due to spam'],
          ['body', '550 5.7.0 [HCM1] Blocked'],
        ],
      },
    ],
  },
  {
    name: 'comcast',
    provider: 'comcast',
    source: 'https://postmaster.comcast.net/smtp-error-codes.html',
    rules: [
      {
        id: 'throttled',
        class: 'rate_limited',
        action: 'slow',
        text: /throttled|\brl0000\d\d\b/,
        samples: [
          [
            'mail',
            '421 4.1.0 192.0.2.1 Throttled - try again later. Please see https://postmaster.comcast.net/smtp-error-codes.html#RL000010',
          ],
          ['mail', '421 4.1.0 see smtp-error-codes.html#RL000003'],
        ],
      },
      {
        id: 'listed',
        class: 'blocked',
        action: 'suspend',
        source: ZONE_MTA,
        text: /found on one or more dnsbls|\bbl0000\d\d\b/,
        samples: [
          [
            'connect',
            '554 resimta-po-11v.sys.comcast.net 192.0.2.1 found on one or more DNSBLs, see https://postmaster.comcast.net/smtp-error-codes.html#BL000010',
          ],
        ],
      },
      {
        id: 'no_customer',
        class: 'unknown_user',
        source: KUMO_BOUNCES,
        text: /not our customer/,
        samples: ['550 5.1.1 Not our Customer'],
      },
      {
        id: 'closed',
        class: 'inactive',
        source: KUMO_BOUNCES,
        text: /account closed, please remove/,
        samples: ['550 5.1.1 Account Closed, Please Remove'],
      },
    ],
  },
  {
    name: 'cox',
    provider: 'cox',
    source: 'https://www.cox.com/residential/support/email-error-codes.html',
    rules: [
      {
        id: 'rate',
        class: 'rate_limited',
        action: 'slow',
        text: /\bcx(?:mxrt|thrt|cnct)\b/,
        samples: [
          ['mail', '452 4.1.0 192.0.2.1 requested action aborted: try again later. CXMXRT'],
          ['mail', '452 CXTHRT limited'],
          ['connect', '421 too many sessions from 192.0.2.1 CXCNCT'],
        ],
      },
      {
        id: 'blocked',
        class: 'blocked',
        action: 'suspend',
        text: /\bcxbl\b|\bipbl\d{4}\b/,
        samples: [['connect', '554 cox 192.0.2.1 rejected CXBL']],
      },
      {
        id: 'dns',
        class: 'ptr_missing',
        action: 'suspend',
        text: /\bcxdns\b/,
        samples: [['connect', '554 cox 192.0.2.1 rejected CXDNS']],
      },
      {
        id: 'sender',
        class: 'policy',
        text: /\bcxsndr\b/,
        samples: [['mail', '552 5.1.0 news@example.com sender rejected CXSNDR']],
      },
      {
        id: 'content',
        class: 'spam',
        text: /\bcxmj\b/,
        samples: [['body', '552 5.2.0 message rejected CXMJ']],
      },
    ],
  },
  {
    name: 'att',
    provider: 'att',
    source: ZONE_MTA,
    rules: [
      {
        id: 'listed',
        class: 'blocked',
        action: 'suspend',
        text: /dnsbl:(?:att)?rbl|_is_blocked/,
        samples: [
          [
            'connect',
            '553 5.3.0 flph825 DNSBL:ATTRBL 521< 192.0.2.1 >_is_blocked.For assistance forward this email to abuse_rbl@abuse-att.net',
          ],
        ],
      },
      {
        id: 'reverse',
        class: 'ptr_missing',
        action: 'suspend',
        source: SISIMAI,
        text: /fix reverse dns for/,
        samples: [
          [
            'connect',
            '550 5.7.1 Connections not accepted from servers without a valid sender domain. Fix reverse DNS for 192.0.2.1',
          ],
        ],
      },
      {
        id: 'acceptable_use',
        class: 'policy',
        source: KUMO_BOUNCES,
        text: /sender rejected aup/,
        samples: [['mail', '552 5.2.0 sender rejected AUP']],
      },
    ],
  },
  {
    name: 'aol',
    provider: 'yahoo',
    source: 'https://postmaster.aol.com/error-codes',
    rules: [
      {
        id: 'dynamic',
        class: 'policy',
        action: 'suspend',
        text: /\(?rtr:(?:bb|du)\b/,
        samples: [['connect', '554 (RTR:DU) https://postmaster.aol.com/error-codes#554rtrdu']],
      },
      {
        id: 'no_reverse',
        class: 'ptr_missing',
        action: 'suspend',
        text: /\(?rtr:rd\b/,
        samples: [['connect', '554 (RTR:RD) https://postmaster.aol.com/error-codes#554rtrrd']],
      },
      {
        id: 'address_blocked',
        class: 'blocked',
        action: 'suspend',
        text: /\(?(?:rtr:(?:sc|bl)|rly:bl|con:b1)\b/,
        samples: [
          ['connect', '554 (RTR:BL) https://postmaster.aol.com/error-codes#554rtrbl'],
          ['connect', '421 (CON:B1) https://postmaster.aol.com/error-codes#421conb1'],
        ],
      },
      {
        id: 'rate',
        class: 'rate_limited',
        action: 'slow',
        text: /\(?(?:dyn:t\d|rly:b[12])\b/,
        samples: [
          ['mail', '421 4.7.1 (DYN:T1) https://postmaster.aol.com/error-codes#421dynt1'],
          ['mail', '554 (RLY:B1) https://postmaster.aol.com/error-codes#554rlyb1'],
        ],
      },
      {
        id: 'content_blocked',
        class: 'spam',
        text: /\(?(?:hvu:b\d|rly:(?:bd|ch))\b/,
        samples: [
          ['body', '554 (HVU:B1) https://postmaster.aol.com/error-codes#554hvub1'],
          ['body', '421 (RLY:CH) https://postmaster.aol.com/error-codes'],
        ],
      },
      {
        id: 'sender',
        class: 'policy',
        text: /\(?rly:sn\b/,
        samples: [['mail', '554 (RLY:SN) https://postmaster.aol.com/error-codes#554rlysn']],
      },
      {
        id: 'technical',
        class: 'system',
        action: 'retry',
        text: /\(?rtr:ge\b/,
        samples: [['connect', '554 (RTR:GE) https://postmaster.aol.com/error-codes#554rtrge']],
      },
    ],
  },
]
