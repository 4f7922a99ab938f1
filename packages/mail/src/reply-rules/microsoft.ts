import type { ReplyRuleSet } from './reply-rule.ts'

const CONSUMER = 'https://sendersupport.olc.protection.outlook.com/pm/troubleshooting'

export const MICROSOFT: ReplyRuleSet = {
  name: 'microsoft',
  provider: 'microsoft',
  source:
    'https://learn.microsoft.com/en-us/exchange/mail-flow-best-practices/non-delivery-reports-in-exchange-online/non-delivery-reports-in-exchange-online',
  rules: [
    {
      id: 'block_list_s3150',
      class: 'blocked',
      action: 'suspend',
      source: CONSUMER,
      text: /part of their network is on our block list|\bs31(?:40|50)\b/,
      samples: [
        [
          'mail',
          "550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. Please contact your Internet service provider since part of their network is on our block list (S3150).",
        ],
        ['mail', "550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent (S3140)."],
      ],
    },
    {
      id: 'banned_ip',
      class: 'blocked',
      action: 'suspend',
      enhanced: /^5\.7\.(?:60[6-9]|6[1-4]\d)$/,
      samples: [
        [
          'mail',
          '550 5.7.606 Access denied, banned sending IP [192.0.2.1]. To request removal from this list please visit https://sender.office.com/',
        ],
      ],
    },
    {
      id: 'block_list_511',
      class: 'blocked',
      action: 'suspend',
      enhanced: /^5\.7\.51[1-4]$/,
      samples: [
        [
          'mail',
          '550 5.7.511 Access denied, banned sender[192.0.2.1]. To request removal from this list please forward this message.',
        ],
      ],
    },
    {
      id: 'rate_by_reputation',
      class: 'reputation',
      action: 'slow',
      source: CONSUMER,
      enhanced: /^4\.7\.(?:650|651|652)$/,
      samples: [
        [
          'mail',
          '451 4.7.650 The mail server [192.0.2.1] has been temporarily rate limited due to IP reputation. For e-mail delivery information, see https://postmaster.live.com (S775)',
        ],
        ['mail', '451 4.7.652 The mail server [192.0.2.1] has exceeded the maximum number of connections.'],
      ],
    },
    {
      id: 'reputation_rp001',
      class: 'reputation',
      action: 'slow',
      source: CONSUMER,
      text: /\brp-00[123]\b/,
      samples: [
        [
          'mail',
          "421 RP-001 (SNT004-MC1F1) Unfortunately, some messages from 192.0.2.1 weren't sent. Please try again. We have limits for how many messages can be sent per hour and per day.",
        ],
        [
          'mail',
          '421 RP-003 (BAY0-MC1-F1) The mail server IP connecting to Outlook.com server has exceeded the connection limit allowed.',
        ],
      ],
    },
    {
      id: 'dynamic_dy001',
      class: 'policy',
      action: 'suspend',
      source: CONSUMER,
      text: /\bdy-00[12]\b/,
      samples: [
        [
          'mail',
          "550 DY-001 (COL004-MC1F1) Mail rejected by Outlook.com for policy reasons. We generally do not accept email from dynamic IP's.",
        ],
      ],
    },
    {
      id: 'policy_ou001',
      class: 'policy',
      action: 'suspend',
      source: CONSUMER,
      text: /\bou-00[12]\b/,
      samples: [
        [
          'mail',
          "550 OU-002 (COL004-MC1F1) Unfortunately, messages from 192.0.2.1 weren't sent for policy reasons.",
        ],
      ],
    },
    {
      id: 'content_sc001',
      class: 'spam',
      source: CONSUMER,
      text: /\bsc-00[1-4]\b/,
      samples: [
        [
          'body',
          '550 SC-001 (COL004-MC1F1) Mail rejected by Outlook.com for policy reasons. Reasons for rejection may be related to content with spam-like characteristics.',
        ],
      ],
    },
    {
      id: 'domain_reputation',
      class: 'reputation',
      action: 'slow',
      enhanced: /^4\.7\.500$/,
      text: /access denied|reputation/,
      samples: ['451 4.7.500 Access denied, please try again later'],
    },
    {
      id: 'server_busy',
      class: 'rate_limited',
      action: 'slow',
      text: /server busy|server is busy|\bas\(?\d{3}/,
      samples: [
        '451 4.7.500 Server busy. Please try again later from [192.0.2.1]. (S77719)',
        '451 4.7.501 Server busy. Please try again later.',
      ],
    },
    {
      id: 'throttled',
      class: 'rate_limited',
      action: 'slow',
      text: /throttl|too many (?:concurrent|connections|messages)|exceeded the (?:connection|maximum number)/,
      samples: [
        '432 4.3.2 STOREDRV.Deliver; recipient thread limit exceeded: throttled',
        [
          'connect',
          '421 4.3.2 The maximum number of concurrent connections has exceeded the limit: too many connections',
        ],
      ],
    },
    {
      id: 'tenant_limit',
      class: 'rate_limited',
      action: 'retry',
      enhanced: /^[45]\.7\.7[0-9]\d$/,
      samples: [['body', '550 5.7.705 Access denied, tenant has exceeded threshold']],
    },
    {
      id: 'authentication_515',
      class: 'auth_failure',
      enhanced: /^5\.7\.515$/,
      source:
        'https://techcommunity.microsoft.com/blog/microsoftdefenderforoffice365blog/strengthening-email-ecosystem-outlook-new-requirements/4399730',
      samples: [
        [
          'body',
          '550 5.7.515 Access denied, sending domain example.com does not meet the required authentication level.',
        ],
      ],
    },
    {
      id: 'dmarc_509',
      class: 'auth_failure',
      enhanced: /^5\.7\.509$/,
      samples: [
        [
          'body',
          '550 5.7.509 Access denied, sending domain example.com does not pass DMARC verification and has a DMARC policy of reject.',
        ],
      ],
    },
    {
      id: 'spf_23',
      class: 'auth_failure',
      enhanced: /^5\.7\.23$/,
      samples: [['body', '550 5.7.23 The message was rejected because of Sender Policy Framework violation']],
    },
    {
      id: 'spoofed',
      class: 'auth_failure',
      enhanced: /^5\.7\.(?:501|505)$/,
      text: /spoof|banned sender|authenticat/,
      samples: [['body', '550 5.7.501 Service unavailable. The sending account appears to be spoofed']],
    },
    {
      id: 'spam_abuse',
      class: 'spam',
      enhanced: /^5\.7\.50[1-8]$/,
      samples: [
        ['body', '550 5.7.501 Access denied, spam abuse detected. The sending account has been banned.'],
        ['body', '550 5.7.508 Access denied, [2001:db8::1] has exceeded permitted limits within range'],
      ],
    },
    {
      id: 'relay_64',
      class: 'relaying_denied',
      enhanced: /^5\.7\.64$/,
      samples: ['550 5.7.64 TenantAttribution; Relay Access Denied SMTP'],
    },
    {
      id: 'no_recipient_10',
      class: 'unknown_user',
      text: /resolver\.adr\.recip(?:ient)?notfound|recipient not found by smtp address lookup/,
      samples: [
        '550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient x@y.example not found by SMTP address lookup',
      ],
    },
    {
      id: 'directory_edge',
      class: 'unknown_user',
      enhanced: /^5\.4\.1$/,
      text: /recipient address rejected: access denied/,
      samples: [
        '550 5.4.1 Recipient address rejected: Access denied. [XX2EUR05FT001.eop-eur05.prod.protection.outlook.com]',
      ],
    },
    {
      id: 'consumer_unknown',
      class: 'unknown_user',
      source: CONSUMER,
      enhanced: /^5\.5\.0$/,
      text: /requested action not taken: mailbox unavailable/,
      samples: ['550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302).'],
    },
    {
      id: 'ambiguous',
      class: 'system',
      text: /resolver\.adr\.ambiguous|adr\.ambiguousaddress/,
      samples: ['550 5.1.4 RESOLVER.ADR.Ambiguous; ambiguous address'],
    },
    {
      id: 'restricted_group',
      class: 'policy',
      text: /resolver\.rst\.(?:notauthorized|authrequired|restrictedtorecipient|recipientrestricted)|not authorized to send to this (?:recipient|distribution)/,
      samples: [
        '550 5.7.1 RESOLVER.RST.NotAuthorized; not authorized',
        '550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup; not authorized to send to this distribution group',
      ],
    },
    {
      id: 'too_large_for_recipient',
      class: 'message_too_big',
      text: /resolver\.rst\.(?:recip|send)sizelimit|message too large for this recipient/,
      samples: [['body', '550 5.2.3 RESOLVER.RST.RecipSizeLimit; message too large for this recipient']],
    },
    {
      id: 'quota',
      class: 'mailbox_full',
      text: /quotaexceeded|mailboxfull|mailbox full/,
      samples: [
        [
          'body',
          '554 5.2.2 mailbox full; STOREDRV.Deliver.Exception:QuotaExceededException.MapiExceptionShutoffQuotaExceeded',
        ],
        '552 5.2.2 STOREDRV.Deliver: mailbox full',
      ],
    },
    {
      id: 'mailbox_disabled',
      class: 'inactive',
      text: /storedrv\.deliver.{0,80}(?:mailbox disabled|accountdisabled)|mailbox disabled/,
      samples: [['body', '550 5.2.1 STOREDRV.Deliver: mailbox disabled']],
    },
    {
      id: 'not_hosted',
      class: 'host_unknown',
      text: /domain does not exist in|domain isn'?t (?:a member|hosted)|5\.4\.1 .{0,40}no longer/,
      samples: ['550 5.1.2 The recipient domain does not exist in this organization'],
    },
    {
      id: 'loop',
      class: 'network',
      text: /hop count exceeded|routing loop|looped back/,
      samples: [['body', '554 5.4.14 Hop count exceeded - possible mail loop ATTR34']],
    },
    {
      id: 'queue_expired',
      class: 'expired',
      text: /queue\.expired|message expired/,
      samples: [['body', '550 4.4.7 QUEUE.Expired; message expired']],
    },
    {
      id: 'delivery_system',
      class: 'system',
      text: /storedrv\.deliver|storedrv\.submit|storedrv\.storage/,
      samples: [['body', '432 4.2.0 STOREDRV.Deliver.Exception:StorageTransientException']],
    },
  ],
}
