import type { ReplyRuleSet } from './reply-rule.ts'
import { KUMO_BOUNCES, KUMO_SHAPING, SISIMAI } from './sources.ts'

export const ASIA: readonly ReplyRuleSet[] = [
  {
    name: 'qq',
    provider: 'qq',
    source: KUMO_SHAPING,
    rules: [
      {
        id: 'frequency',
        class: 'rate_limited',
        action: 'suspend',
        text: /(?:ip|domain|sender|connection|mail) frequency limited/,
        samples: [
          [
            'connect',
            '550 Ip frequency limited [V2VkIEFwciAg/Rk Blocked IP 192.0.2.1]. http://service.mail.qq.com/cgi-bin/help?id=20022',
          ],
          ['mail', '550 Sender frequency limited'],
        ],
      },
      {
        id: 'unauthenticated',
        class: 'auth_failure',
        source: SISIMAI,
        text: /(?:dmarc|spf|dkim) check failed/,
        samples: [['body', '550 DMARC check failed. http://service.mail.qq.com/cgi-bin/help?id=16']],
      },
      {
        id: 'content',
        class: 'spam',
        text: /mail content denied/,
        samples: [['body', '550 Mail content denied. http://service.mail.qq.com/cgi-bin/help?id=20022']],
      },
      {
        id: 'mailbox',
        class: 'unknown_user',
        source: KUMO_BOUNCES,
        text: /mailbox unavailable or access denied/,
        samples: ['550 Mailbox unavailable or access denied [x@qq.com]'],
      },
    ],
  },
  {
    name: 'netease',
    provider: 'netease',
    source: 'http://help.163.com/09/1224/17/5RAJ4LMH00753VB8.html',
    rules: [
      {
        id: 'connections',
        class: 'rate_limited',
        action: 'slow',
        text: /\bhl:(?:icc|ifc|mep|itc)\b|too many connections/,
        samples: [
          ['connect', '421 HL:ICC 192.0.2.1'],
          ['connect', '554 HL:ITC 192.0.2.1'],
          ['connect', '421 Too many connections'],
        ],
      },
      {
        id: 'behaviour',
        class: 'reputation',
        action: 'suspend',
        text: /\bhl:(?:rep|ihu|ipb)\b/,
        samples: [
          ['connect', '421 HL:REP 192.0.2.1'],
          ['connect', '554 HL:IPB 192.0.2.1'],
        ],
      },
      {
        id: 'limits',
        class: 'rate_limited',
        action: 'slow',
        text: /\b(?:mi:(?:cel|dmc|ccl|stc)|rp:(?:drc|ccl|cel|qrc|orq))\b/,
        samples: [['mail', '450 MI:CEL mx23'], '450 RP:QRC mx23', '550 RP:ORQ mx23'],
      },
      {
        id: 'listed',
        class: 'blocked',
        action: 'suspend',
        text: /\bdt:rbl\b|ip in blacklist|\bmi:sfq\b/,
        samples: [
          ['connect', '450 DT:RBL 192.0.2.1'],
          ['mail', '451 MI:SFQ mx23'],
        ],
      },
      {
        id: 'spam',
        class: 'spam',
        text: /\bdt:(?:spm|sum)\b/,
        samples: [['body', '554 DT:SPM mx23 http://mail.163.com/help/help_spam_16.htm']],
      },
      {
        id: 'spf',
        class: 'auth_failure',
        text: /\bmi:spf\b/,
        samples: [['mail', '554 MI:SPF mx23']],
      },
    ],
  },
  {
    name: 'docomo',
    provider: 'docomo',
    source: SISIMAI,
    rules: [
      {
        id: 'unknown',
        class: 'unknown_user',
        text: /unknown user/,
        samples: ['550 Unknown user x@docomo.ne.jp'],
      },
      {
        id: 'filtered',
        class: 'rejected',
        text: /message filtered/,
        samples: [['body', '550 5.2.0 Message Filtered']],
      },
    ],
  },
  {
    name: 'au',
    provider: 'au',
    source: SISIMAI,
    rules: [
      {
        id: 'unknown',
        class: 'unknown_user',
        text: /user unknown/,
        samples: ['550 <x@ezweb.ne.jp>: User unknown'],
      },
    ],
  },
  {
    name: 'yahoo_japan',
    provider: 'yahoo_japan',
    source: KUMO_SHAPING,
    rules: [
      {
        id: 'deferred',
        class: 'reputation',
        action: 'suspend',
        text: /\[(?:tss|ipts)0[45]\]|vs98-ip0 deferred/,
        samples: [
          [
            'mail',
            '421 [TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume or user complaints',
          ],
          ['mail', '553 Mail from 192.0.2.1 not allowed - VS98-IP0 deferred'],
        ],
      },
      {
        id: 'policy',
        class: 'policy',
        source: SISIMAI,
        text: /email not accepted for policy reasons/,
        samples: [['body', '554 Message not allowed - DM Email not accepted for policy reasons. [895]']],
      },
      {
        id: 'timeout',
        class: 'rate_limited',
        action: 'slow',
        text: /timeout waiting for command/,
        samples: [['data', '421 Timeout waiting for command']],
      },
    ],
  },
]
