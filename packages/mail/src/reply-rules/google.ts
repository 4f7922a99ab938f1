import type { ReplyRuleSet } from './reply-rule.ts'

export const GOOGLE: ReplyRuleSet = {
  name: 'google',
  provider: 'google',
  source: 'https://support.google.com/a/answer/3726730',
  rules: [
    {
      id: 'unknown_user',
      class: 'unknown_user',
      enhanced: /^5\.1\.1$/,
      text: /email account that you tried to reach does not exist/,
      samples: [
        '550 5.1.1 The email account that you tried to reach does not exist. Please try double-checking the address - gsmtp',
      ],
    },
    {
      id: 'disabled',
      class: 'inactive',
      text: /email account that you tried to reach is (?:disabled|inactive)/,
      samples: [
        '550 5.2.1 The email account that you tried to reach is disabled. - gsmtp',
        '550 5.2.1 The email account that you tried to reach is inactive. - gsmtp',
      ],
    },
    {
      id: 'full_for_good',
      class: 'mailbox_full',
      text: /inbox is out of storage space and inactive|p=overquotaperm/,
      samples: [
        "552 5.2.2 The recipient's inbox is out of storage space and inactive. Please direct the recipient to https://support.google.com/mail/?p=OverQuotaPerm",
      ],
    },
    {
      id: 'full',
      class: 'mailbox_full',
      text: /(?:inbox is out of storage space|email account that you tried to reach is over quota)/,
      samples: [
        "452 4.2.2 The recipient's inbox is out of storage space. Please direct the recipient to",
        '452 4.2.2 The email account that you tried to reach is over quota.',
      ],
    },
    {
      id: 'recipient_too_fast',
      class: 'rate_limited',
      action: 'retry',
      text: /user you are trying to contact is receiving mail (?:too quickly|at a rate)/,
      samples: [
        '450 4.2.1 The user you are trying to contact is receiving mail too quickly. Please resend your message at a later time.',
        '450 4.2.1 The user you are trying to contact is receiving mail at a rate that prevents additional messages from being delivered.',
      ],
    },
    {
      id: 'recipient_daily_limit',
      class: 'rate_limited',
      action: 'retry',
      text: /user you are trying to contact has exceeded|receiving limit/,
      samples: ['550 5.2.1 The user you are trying to contact is at their receiving limit for the day.'],
    },
    {
      id: 'unusual_rate',
      class: 'rate_limited',
      action: 'slow',
      code: /^4/,
      text: /detected an unusual rate of/,
      samples: [
        [
          'body',
          '421 4.7.28 Gmail has detected an unusual rate of unsolicited mail originating from your IP address. To protect our users from spam, mail sent from your IP address has been temporarily rate limited.',
        ],
      ],
    },
    {
      id: 'unusual_rate_refused',
      class: 'rate_limited',
      action: 'suspend',
      code: /^5/,
      text: /detected an unusual rate of/,
      samples: [
        [
          'body',
          '550 5.7.28 Gmail has detected an unusual rate of mail originating from your DKIM domain. To protect our users from spam, mail sent from your domain has been blocked.',
        ],
      ],
    },
    {
      id: 'rate_of_domain',
      class: 'rate_limited',
      action: 'slow',
      enhanced: /^4\.7\.28$/,
      samples: [['body', '421 4.7.28 mail sent from your SPF domain has been temporarily limited']],
    },
    {
      id: 'tls_required',
      class: 'tls',
      enhanced: /^[45]\.7\.29$/,
      samples: [
        [
          'body',
          "421 4.7.29 Your email has been rate limited because this message wasn't sent over a TLS connection.",
        ],
      ],
    },
    {
      id: 'ptr',
      class: 'ptr_missing',
      action: 'suspend',
      text: /does not have a ptr record|ptr record (?:setup|or the)|missing ptr/,
      samples: [
        [
          'body',
          '550 5.7.25 The IP address sending this message does not have a PTR record setup, or the corresponding forward DNS entry does not match the sending IP.',
        ],
        [
          'body',
          "421 4.7.23 The sending IP address for this message doesn't have a PTR record or the PTR record does not match.",
        ],
      ],
    },
    {
      id: 'unauthenticated_dmarc',
      class: 'auth_failure',
      text: /unauthenticated (?:email|mail) from .{1,255} is not accepted/,
      samples: [
        [
          'body',
          "550 5.7.26 Unauthenticated email from example.com is not accepted due to domain's DMARC policy.",
        ],
      ],
    },
    {
      id: 'unauthenticated',
      class: 'auth_failure',
      enhanced: /^[45]\.7\.(?:26|27|30|31|32|40)$/,
      samples: [
        [
          'body',
          '550 5.7.26 Your email has been blocked because the sender is unauthenticated. Gmail requires all senders to authenticate with either SPF or DKIM.',
        ],
        [
          'body',
          "421 4.7.32 Your email has been rate limited because the From: header in this message isn't aligned with either the authenticated SPF or DKIM organizational domain.",
        ],
      ],
    },
    {
      id: 'low_reputation',
      class: 'reputation',
      action: 'suspend',
      text: /very low reputation of the sending (?:ip|domain)/,
      samples: [
        [
          'body',
          '550 5.7.1 Our system has detected that this message is likely suspicious due to the very low reputation of the sending IP address.',
        ],
        [
          'body',
          '421 4.7.0 Our system has detected that this message is suspicious due to the very low reputation of the sending domain.',
        ],
      ],
    },
    {
      id: 'unsolicited_link',
      class: 'spam',
      text: /suspicious due to the nature of the (?:content|links)/,
      samples: [
        [
          'body',
          '550 5.7.1 Our system has detected that this message is likely suspicious due to the nature of the content and/or the links within.',
        ],
      ],
    },
    {
      id: 'unsolicited_slow',
      class: 'spam',
      action: 'slow',
      code: /^4/,
      text: /unsolicited (?:mail|message)/,
      samples: [
        [
          'body',
          '421 4.7.0 Our system has detected an amount of unsolicited mail. To protect our users from spam, mail sent from your IP address has been temporarily blocked.',
        ],
      ],
    },
    {
      id: 'unsolicited',
      class: 'spam',
      code: /^5/,
      text: /likely unsolicited|unsolicited (?:mail|message|bulk)/,
      samples: [
        [
          'body',
          '550 5.7.1 Our system has detected that this message is likely unsolicited mail. To reduce the amount of spam sent to Gmail, this message has been blocked.',
        ],
      ],
    },
    {
      id: 'address_blocked',
      class: 'blocked',
      action: 'suspend',
      text: /(?:ip|network) .{0,60}(?:we have blocked|has been blocked|is blocked|not whitelisted)|messages from .{1,60} have been blocked/,
      samples: [
        ['body', "550 5.7.1 The IP you're using to send mail is blocked, see the help page"],
        ['mail', '550 5.7.1 Messages from 192.0.2.1 have been blocked'],
      ],
    },
    {
      id: 'security',
      class: 'security',
      text: /content presents a potential security issue/,
      samples: [
        [
          'body',
          '552 5.7.0 This message was blocked because its content presents a potential security issue. Please visit our help page to review our message content guidelines.',
        ],
      ],
    },
    {
      id: 'recipient_policy',
      class: 'policy',
      text: /(?:violates|not accepted per) .{0,40}(?:polic|domain)|domain policy/,
      samples: [
        [
          'body',
          '550 5.7.1 The user or domain that you are sending to (or from) has a policy that prohibited the mail: it violates the domain policy.',
        ],
      ],
    },
    {
      id: 'headers',
      class: 'content',
      text: /(?:multiple|duplicate) (?:addresses in from|.{0,20}headers?)|not rfc ?5322 compliant|missing a valid (?:messageid|message-id|address in the from)/,
      samples: [
        ['body', '550 5.7.1 Messages with multiple addresses in From: header are not accepted.'],
        ['body', '550 5.7.1 This message is not RFC 5322 compliant, the issue is: duplicate From headers.'],
        ['body', '550 5.7.1 Messages missing a valid messageId header are not accepted.'],
      ],
    },
    {
      id: 'too_large',
      class: 'message_too_big',
      enhanced: /^5\.3\.4$/,
      samples: [['mail', "552 5.3.4 Your message exceeded Google's message size limits."]],
    },
    {
      id: 'attachments',
      class: 'message_too_big',
      text: /number of attachments.{0,60}exceed|exceeds .{0,40}limit/,
      samples: [['body', "552 The number of attachments (500) exceeds Google's limit of 250 attachments."]],
    },
    {
      id: 'connections',
      class: 'rate_limited',
      action: 'slow',
      text: /too many concurrent|try again later, closing connection|ip not in whitelist/,
      samples: [
        ['connect', '421 4.7.0 Try again later, closing connection.'],
        ['ehlo', '421 4.7.0 Try again later, closing connection. (EHLO)'],
      ],
    },
    {
      id: 'too_many_recipients',
      class: 'rate_limited',
      action: 'retry',
      text: /too many recipients/,
      samples: ['452 4.5.3 Your message has too many recipients.'],
    },
    {
      id: 'system',
      class: 'system',
      code: /^4/,
      text: /temporary system problem|server error|resources temporarily unavailable/,
      samples: [
        [
          'body',
          '451 4.3.0 Mail server temporarily rejected message. Temporary System Problem. Try again later',
        ],
        ['body', '421 4.3.0 Temporary System Problem. Try again later.'],
      ],
    },
  ],
}
