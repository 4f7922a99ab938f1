import type { ReplyRuleSet } from './reply-rule.ts'

/**
 * What any server may say, from the narrowest words to the widest: receivers are careful with words and careless with
 * numbers. Where two fit, the one that is worse to overlook comes first.
 */
export const WORDING: ReplyRuleSet = {
  name: 'wording',
  source: 'https://github.com/sisimai/set-of-emails',
  rules: [
    {
      id: 'greylisted',
      class: 'greylisted',
      action: 'same_source',
      text: /gr[ea]y-?list|postgrey/,
      samples: [
        '450 4.2.0 <x@y.example>: Recipient address rejected: Greylisted, see postgrey help',
        '451 4.7.1 Greylisting in action, please come back later',
      ],
    },
    {
      id: 'ptr',
      class: 'ptr_missing',
      action: 'suspend',
      text: /\bptr\b|reverse (?:dns|host|name|lookup)|\brdns\b|cannot find your (?:reverse )?hostname/,
      samples: [['connect', '550 5.7.1 your host has no PTR record']],
    },
    {
      id: 'tls_required',
      class: 'tls',
      text: /requires? tls|tls (?:is )?required|starttls is required|encryption (?:is )?required/,
      samples: [['mail', '550 5.7.10 Encryption required']],
    },
    {
      id: 'unauthenticated',
      class: 'auth_failure',
      text: /\bdmarc\b|\bdkim\b|\bspf\b|unauthenticated|not authenticated by|sender policy framework/,
      samples: [
        ['body', '550 5.7.1 This message fails to pass SPF checks for example.com'],
        ['body', '550 5.7.20 No passing DKIM signature found'],
      ],
    },
    {
      id: 'virus',
      class: 'virus',
      text: /\bvirus|malware|infected|\bclamav\b/,
      samples: [
        ['body', '554 5.7.1 This message contains a virus (Eicar-Test)'],
        ['body', '550 Virus Detected; Content Rejected'],
      ],
    },
    {
      id: 'dangerous',
      class: 'security',
      text: /potential security issue|phish|dangerous (?:link|attachment)|attachment (?:type )?(?:is )?(?:not allowed|blocked)/,
      samples: [
        [
          'body',
          '552 5.7.0 This message was blocked because its content presents a potential security issue.',
        ],
        ['body', '554 attachment type not allowed'],
      ],
    },
    {
      id: 'full',
      class: 'mailbox_full',
      text: /(?:mailbox|inbox|account|user|recipient)\b.{0,40}\b(?:is |are )?(?:full|over ?quota|exceeded)|over (?:the )?(?:disk )?quota|quota (?:exceeded|exhausted)|exceeded (?:his|her|their|its|the)? ?(?:storage|quota|mailbox)|out of storage|insufficient (?:disk|mailbox)/,
      samples: [
        "552 5.2.2 <x@y.example>: user's mailbox is full",
        '552 5.2.2 Over quota',
        '452 4.2.2 Quota exceeded',
      ],
    },
    {
      id: 'too_big',
      class: 'message_too_big',
      text: /(?:message|mail|size).{0,30}(?:too (?:big|large)|exceeds)|exceeds? (?:the )?(?:fixed )?maximum (?:message )?size|size limit/,
      samples: [
        ['body', '552 5.3.4 Message too large'],
        ['mail', '552 5.2.3 mail exceeds what is allowed here'],
      ],
    },
    {
      id: 'relaying',
      class: 'relaying_denied',
      text: /no relaying|relay(?:ing)? (?:access )?(?:is )?(?:denied|not (?:allowed|permitted))|(?:unable|not permitted|not allowed) to relay|we do not relay|isn't allowed to relay/,
      samples: ['550 5.7.1 we do not relay', '550 not permitted to relay through this server'],
    },
    {
      id: 'too_fast',
      class: 'rate_limited',
      action: 'slow',
      text: /rate.?limit|too (?:many|much) (?:messages|mails?|connections|sessions|concurrent|requests|errors)|throttl|sending (?:quota|limit)|(?:hourly|daily|connection|connections|concurrency|message) (?:rate |count )?limit|unusual rate|try again later.{0,40}too/,
      samples: [
        ['connect', '421 4.3.2 Too many concurrent connections from your IP'],
        ['mail', '450 4.7.1 hourly limit of messages reached'],
      ],
    },
    {
      id: 'too_many_recipients',
      class: 'rate_limited',
      action: 'retry',
      text: /too (?:many|much) recipients/,
      samples: ['452 4.5.3 There are too much recipients'],
    },
    {
      id: 'listed',
      class: 'blocked',
      action: 'suspend',
      text: /(?:block|black|deny)[ -]?list|open relay|spamhaus|spamcop|\bsorbs\b|\brbl\b|dnsbl/,
      samples: [
        ['mail', '550 5.7.1 192.0.2.1 listed at zen.spamhaus.org'],
        ['connect', '550 5.7.1 IP address blacklisted by recipient'],
      ],
    },
    {
      id: 'address_blocked',
      class: 'blocked',
      action: 'suspend',
      text: /(?:\bip|client host|host|network|connection)s?\b.{0,60}\b(?:blocked|banned|listed)|banned sending ip/,
      samples: [['mail', '550 5.7.1 your IP 192.0.2.1 has been banned']],
    },
    {
      id: 'complaints',
      class: 'reputation',
      action: 'suspend',
      text: /reputation|user complaints|suspicious (?:activity|due)|low trust|not (?:yet )?trusted/,
      samples: [
        ['mail', '451 4.7.1 deferred because of the low reputation of 192.0.2.1'],
        ['mail', '421 temporarily deferred due to user complaints'],
      ],
    },
    {
      id: 'spam',
      class: 'spam',
      text: /\bspam|unsolicited|bulk mail|junk mail|looks like uce|high probability of/,
      samples: [
        ['body', '554 5.7.1 Spam message rejected'],
        ['body', '550 5.7.1 likely unsolicited mail'],
      ],
    },
    {
      id: 'not_now',
      class: 'system',
      code: /^4/,
      text: /temporar|mailbox (?:is )?(?:unavailable|busy|locked)|(?:lookup|verification) fail|try (?:again )?later|could not load/,
      samples: [
        '450 Requested mail action not taken: mailbox unavailable',
        '451 4.3.0 Temporary lookup failure',
        '451 Could not load DRD for domain (example.com)',
      ],
    },
    {
      id: 'sender_refused',
      class: 'policy',
      text: /sender (?:address )?(?:is )?(?:rejected|denied|refused|unknown|not allowed)|sender verify fail/,
      samples: [
        ['mail', '550 5.1.8 Sender rejected'],
        ['mail', '501 5.1.8 Sender address rejected'],
      ],
    },
    {
      id: 'moved',
      class: 'moved',
      text: /(?:has|have) moved|no longer (?:at|with|works?|employed)|new (?:e-?mail )?address is|user not local.{0,20}try/,
      samples: ['551 User has moved; please try <new@y.example>', '550 she no longer works here'],
    },
    {
      id: 'inactive',
      class: 'inactive',
      text: /(?:mailbox|account|user|recipient|address)\b.{0,60}\b(?:disabled|inactive|suspended|deactivated|expired|frozen|locked|not active|no longer (?:active|available|valid|in use))|(?:inactive|disabled|suspended) (?:user|account|mailbox|recipient)/,
      samples: ['550 5.2.1 This mailbox is disabled', '550 the suspended account takes no mail'],
    },
    {
      id: 'unknown_after',
      class: 'unknown_user',
      text: /(?:user|recipient|mailbox|address|account|alias|addressee|person)\b.{0,60}\b(?:unknown|not found|unavailable|does(?: not|n'?t) exist|not exist|invalid|undeliverable|no mailbox|not listed|not known|not here|does(?: not|n'?t) have)/,
      samples: [
        '550 User not found',
        '550 5.1.1 Mailbox does not exist',
        '550 <x@y.example>: Recipient address rejected: User unknown',
      ],
    },
    {
      id: 'unknown_before',
      class: 'unknown_user',
      text: /unknown or illegal|(?:no such|unknown|invalid|non-?existent|nonexisting) (?:local )?(?:user|recipient|mailbox|address|account|alias|person|id\b|local.?part)|no mailbox (?:here|by that)|(?:user|account) (?:that )?you tried to reach|recipient unrecognized|recipient address rejected(?:\.|$)|not a (?:valid|registered) (?:gateway )?user|cannot deliver mail for/,
      samples: [
        '550 No such user here',
        '550 unknown user',
        "550 'x@y.example' is not a registered gateway user",
        '550 <x@y.example>: Recipient address rejected.',
      ],
    },
    {
      id: 'unknown_host',
      class: 'host_unknown',
      text: /(?:host|domain) .{0,60}(?:not found|unknown|does not exist)|host unknown|unknown host|no such domain|invalid domain|nxdomain|no relevant answers|bad destination|non-existent hosts|null ?mx|does(?: not|n'?t) (?:accept|receive) (?:e?mail)/,
      samples: [
        '550 5.1.2 The domain y.example was not found',
        '550 5.4.4 Invalid domain',
        '550 DNS type mx lookup of y.example responded with code NXDOMAIN',
        '556 5.1.10 Domain does not accept mail (nullMX)',
      ],
    },
    {
      id: 'out_of_order',
      class: 'system',
      text: /out of (?:memory|disk)|insufficient system|system (?:resources|not)|local (?:error|problem)|internal (?:server |system )?error|temporar(?:y|ily) (?:system|local|lookup|unavailable)|service (?:not|temporarily|currently) (?:available|unavailable)|shutting down|overload|try again later|lookup (?:failure|failed|error)/,
      samples: [
        ['body', '554 5.3.0 Internal server error'],
        ['body', '554 Service currently unavailable'],
      ],
    },
    {
      id: 'connection',
      class: 'network',
      text: /time(?:d)? ?out|connection (?:reset|lost|refused|closed|dropped)|lost connection/,
      samples: [
        ['body', '421 4.4.2 mx.y.example Error: timeout exceeded'],
        ['data', '451 connection lost'],
      ],
    },
    {
      id: 'content',
      class: 'content',
      text: /content (?:reject|block|filter|not accept|is not)|(?:message|header|mime|url|link)\b.{0,40}\b(?:content|malformed|not rfc|rfc ?5322|rfc ?822)|bare (?:lf|cr)|bad header|missing .{0,20}header|duplicate header|multiple (?:addresses|from)/,
      samples: [
        ['body', '550 5.6.0 Message content rejected'],
        ['body', '550 5.6.0 bare LF in message'],
      ],
    },
    {
      id: 'address_syntax',
      class: 'syntax',
      text: /bad (?:recipient |sender )?(?:address )?syntax|malformed address|(?:invalid|illegal) (?:address|character).{0,20}(?:syntax|format)|syntax error in (?:address|mailbox)/,
      samples: ['501 5.1.3 Bad recipient address syntax'],
    },
    {
      id: 'commands',
      class: 'protocol',
      text: /(?:bad|improper) sequence|out of (?:sequence|order)|command (?:not (?:recognized|implemented|supported)|unrecognized|unknown)|(?:unrecognized|unknown) command|syntax error|need (?:mail|rcpt|helo|ehlo)|pipelining/,
      samples: [
        ['data', '503 5.5.1 Bad sequence of commands'],
        ['ehlo', '502 command not implemented'],
      ],
    },
    {
      id: 'policy',
      class: 'policy',
      text: /polic(?:y|ies)|not (?:authorized|authorised|permitted|allowed)|sender (?:address )?blocked|prohibited|restricted/,
      samples: [
        ['body', '550 5.7.1 Message rejected due to local policy.'],
        ['body', '550 5.7.1 You are not allowed to send from this address'],
      ],
    },
    {
      id: 'rejected',
      class: 'rejected',
      text: /reject|refused|not accept|declined|denied|delivery error/,
      samples: [
        ['body', '550 Message was rejected'],
        ['mail', '550 5.7.1 Access denied'],
      ],
    },
  ],
}
