import type { ReplyRuleSet } from './reply-rule.ts'
import { KUMO_BOUNCES, KUMO_SHAPING, SISIMAI, ZONE_MTA } from './sources.ts'

/** Filters that many organisations put before their mailboxes. */
export const GATEWAYS: readonly ReplyRuleSet[] = [
  {
    name: 'mimecast',
    provider: 'mimecast',
    source: 'https://community.mimecast.com/s/article/email-security-cloud-gateway-mimecast-smtp-error-codes',
    rules: [
      {
        id: 'concurrent',
        class: 'rate_limited',
        action: 'slow',
        text: /maximum concurrent .{0,40}exceeded|exceeding .{0,20}thread limit/,
        samples: [['connect', '421 Maximum Concurrent Connections Exceeded']],
      },
      {
        id: 'temporarily_listed',
        class: 'blocked',
        action: 'slow',
        text: /ip temporarily (?:black|block)listed/,
        samples: [['connect', '451 IP Temporarily Blacklisted']],
      },
      {
        id: 'greylisted',
        class: 'greylisted',
        action: 'same_source',
        text: /recipient temporarily unavailable/,
        samples: ['451 Recipient Temporarily Unavailable'],
      },
      {
        id: 'resources',
        class: 'rate_limited',
        action: 'slow',
        source: KUMO_SHAPING,
        text: /internal resource(?:s)? (?:are )?temporarily unavailable/,
        samples: [
          [
            'mail',
            '451 Internal resource temporarily unavailable - https://community.mimecast.com/docs/DOC-1369#451',
          ],
        ],
      },
      {
        id: 'policy_lookup',
        class: 'system',
        text: /policy lookup failed|unable to process (?:an email|command)/,
        samples: [
          ['mail', '452 Message cannot be accepted, policy lookup failed'],
          ['mail', '451 Unable to process an email at this time'],
        ],
      },
      {
        id: 'poor_reputation',
        class: 'reputation',
        action: 'suspend',
        source: ZONE_MTA,
        text: /poor reputation sender|local ct ip reputation/,
        samples: [
          [
            'connect',
            '550 csi.mimecast.org Poor Reputation Sender. - https://community.mimecast.com/docs/DOC-1369#550',
          ],
        ],
      },
      {
        id: 'network',
        class: 'policy',
        action: 'suspend',
        source: SISIMAI,
        text: /host network,? not allowed/,
        samples: [
          ['connect', '554 Host network not allowed - https://community.mimecast.com/docs/DOC-1369#554'],
        ],
      },
      {
        id: 'anti_spoofing',
        class: 'auth_failure',
        text: /anti-spoofing policy|(?:dmarc|dkim|spf) sender invalid/,
        samples: [
          ['mail', '550 Rejected by header based Anti-Spoofing policy'],
          ['mail', '550 SPF Sender Invalid - envelope rejected'],
        ],
      },
      {
        id: 'administrative',
        class: 'policy',
        text: /administrative prohibition|header based manually blocked senders|content examination policy/,
        samples: [
          ['mail', '550 Administrative prohibition - envelope blocked'],
          ['body', '550 Message bounced due to Content Examination Policy'],
        ],
      },
      {
        id: 'security_policies',
        class: 'security',
        source: KUMO_BOUNCES,
        text: /email rejected due to security policies/,
        samples: [['body', '554 Email rejected due to security policies']],
      },
      {
        id: 'invalid_recipient',
        class: 'unknown_user',
        source: KUMO_BOUNCES,
        text: /invalid recipient/,
        samples: ['550 Invalid Recipient - https://community.mimecast.com/docs/DOC-1369#550'],
      },
      {
        id: 'loop',
        class: 'network',
        text: /mail loop detected/,
        samples: [['body', '554 Mail loop detected']],
      },
      {
        id: 'too_large',
        class: 'message_too_big',
        text: /maximum email size exceeded/,
        samples: [['body', '554 Maximum email size exceeded']],
      },
    ],
  },
  {
    name: 'proofpoint',
    provider: 'proofpoint',
    source: SISIMAI,
    rules: [
      {
        id: 'listed',
        class: 'blocked',
        action: 'suspend',
        text: /(?:support|ipcheck)\.proofpoint\.com/,
        samples: [
          ['connect', '554 Blocked - see https://support.proofpoint.com/dnsbl-lookup.cgi?ip=192.0.2.1'],
          ['connect', '554 5.7.1 Blocked - see https://ipcheck.proofpoint.com/?ip=192.0.2.1'],
        ],
      },
    ],
  },
  {
    name: 'barracuda',
    provider: 'barracuda',
    source: ZONE_MTA,
    rules: [
      {
        id: 'recipient_blocked',
        class: 'blocked',
        text: /permanent failure for one or more recipients \(.{1,260}:blocked\)/,
        samples: [['body', '550 permanent failure for one or more recipients (x@y.example:blocked)']],
      },
      {
        id: 'recipient_failed',
        class: 'unknown_user',
        source: KUMO_BOUNCES,
        text: /permanent failure for one or more recipients/,
        samples: [
          ['body', '550 permanent failure for one or more recipients (x@y.example:550 5.1.1 not found)'],
        ],
      },
      {
        id: 'reputation',
        class: 'reputation',
        action: 'suspend',
        text: /barracuda ?(?:networks\.com\/)?reputation|barracudacentral/,
        samples: [
          [
            'connect',
            '554 Service unavailable; Client host [192.0.2.1] blocked using Barracuda Reputation; http://www.barracudanetworks.com/reputation/?r=1&ip=192.0.2.1',
          ],
        ],
      },
    ],
  },
  {
    name: 'cisco',
    provider: 'cisco',
    source: ZONE_MTA,
    rules: [
      {
        id: 'poor_reputation',
        class: 'reputation',
        action: 'suspend',
        text: /rejected due to the sending mta'?s poor reputation/,
        samples: [
          [
            'connect',
            "554 mx.example.com Your access to this mail system has been rejected due to the sending MTA's poor reputation. If you believe that this failure is in error, please contact the intended recipient",
          ],
        ],
      },
      {
        id: 'domain_reputation',
        class: 'reputation',
        source: KUMO_BOUNCES,
        text: /rejected due to poor reputation of a domain/,
        samples: [
          [
            'body',
            '554 Your access to this mail system has been rejected due to poor reputation of a domain used in message transfer',
          ],
        ],
      },
      {
        id: 'access_rejected',
        class: 'blocked',
        action: 'suspend',
        text: /your access to submit messages to this e-mail system has been rejected/,
        samples: [
          ['connect', '550 #5.7.1 Your access to submit messages to this e-mail system has been rejected.'],
        ],
      },
      {
        id: 'recipients_an_hour',
        class: 'rate_limited',
        action: 'slow',
        source:
          'https://www.cisco.com/c/en/us/support/docs/security/email-security-appliance/118235-technote-esa-00.html',
        text: /too many recipients received this hour/,
        samples: ['452 #4.1.0 Too many recipients received this hour'],
      },
      {
        id: 'address_rejected',
        class: 'unknown_user',
        source: SISIMAI,
        text: /#5\.1\.0 address rejected/,
        samples: ['550 #5.1.0 Address rejected.'],
      },
    ],
  },
  {
    name: 'trend_micro',
    source: ZONE_MTA,
    rules: [
      {
        id: 'listed',
        class: 'blocked',
        action: 'suspend',
        text: /trend micro (?:rbl|email reputation)/,
        samples: [
          [
            'connect',
            '550 Service unavailable; Client Host [192.0.2.1] blocked using Trend Micro RBL+. Please see http://www.mail-abuse.com/',
          ],
        ],
      },
    ],
  },
  {
    name: 'cloudmark',
    source: ZONE_MTA,
    rules: [
      {
        id: 'csi',
        class: 'reputation',
        action: 'suspend',
        text: /csi\.cloudmark\.com|cloudmark poor reputation/,
        samples: [
          [
            'connect',
            '554 Service unavailable; Client host [192.0.2.1] blocked using cm-csi; Cloudmark Poor Reputation Sender Blacklist http://csi.cloudmark.com/reset-request/?ip=192.0.2.1',
          ],
        ],
      },
    ],
  },
  {
    name: 'godaddy',
    provider: 'godaddy',
    source: 'https://www.godaddy.com/help/email-error-550-and-554-codes-20188',
    rules: [
      {
        id: 'connections',
        class: 'rate_limited',
        action: 'slow',
        source: KUMO_SHAPING,
        text: /\bib007\b|exceed max concurrent connections/,
        samples: [
          [
            'connect',
            '421 p3plibsmtp Connection refused from 192.0.2.1 due to exceed max concurrent connections. IB007',
          ],
        ],
      },
      {
        id: 'listed',
        class: 'blocked',
        action: 'suspend',
        source: ZONE_MTA,
        text: /\bib1(?:0[3-8]|10)\b|exploits block list/,
        samples: [
          [
            'connect',
            '554 p3plibsmtp bizsmtp IB105. Connection refused. 192.0.2.1 is listed on the Exploits Block List (XBL)',
          ],
        ],
      },
      {
        id: 'spf',
        class: 'auth_failure',
        source: SISIMAI,
        text: /\bib508\b|per it'?s spf record/,
        samples: [
          [
            'mail',
            "550 5.1.0 192.0.2.1 is not allowed to send from <example.net> per it's SPF Record. IB508",
          ],
        ],
      },
    ],
  },
  {
    name: 'facebook',
    source: SISIMAI,
    rules: [
      {
        id: 'recipient_preferences',
        class: 'rejected',
        text: /\brcp-p\d\b.{0,200}refused due to recipient preferences/,
        samples: [
          '550 5.1.1 RCP-P2 http://postmaster.facebook.com/response_codes?ip=192.0.2.1#rcp Refused due to recipient preferences',
        ],
      },
    ],
  },
]
