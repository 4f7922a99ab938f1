import type { BounceClass } from './bounce-class.ts'

/** All given expressions must match: the code, the enhanced code, the text (lower case, at most 1,000 characters). */
export interface BounceRule {
  readonly class: BounceClass
  readonly code?: RegExp
  readonly enhanced?: RegExp
  readonly text?: RegExp
}

/**
 * The first rule that fits decides: what words say comes before what numbers say, since receivers are careful with
 * words and careless with numbers. Expressions have no nested repetition, so each is linear in the text.
 */
export const BOUNCE_RULES: readonly BounceRule[] = [
  // Wording, from the narrowest to the widest.
  { class: 'greylisted', text: /gr[ea]y-?list|postgrey/ },
  {
    class: 'ptr_missing',
    text: /\bptr\b|reverse (?:dns|host|name|lookup)|rdns|cannot find your (?:reverse )?hostname/,
  },
  {
    class: 'tls',
    text: /must issue a starttls|requires? tls|tls (?:is )?required|starttls is required|encryption (?:is )?required/,
  },
  {
    class: 'auth_failure',
    text: /\bdmarc\b|\bdkim\b|\bspf\b|unauthenticated|not authenticated by|sender policy framework|5\.7\.(?:26|27|515)\b/,
  },
  { class: 'virus', text: /\bvirus|malware|infected|\bclamav\b/ },
  {
    class: 'security',
    text: /potential security issue|phish|dangerous (?:link|attachment)|attachment (?:type )?(?:is )?(?:not allowed|blocked)/,
  },
  {
    class: 'mailbox_full',
    text: /(?:mailbox|inbox|account|user|recipient)\b.{0,40}\b(?:is |are )?(?:full|over ?quota|exceeded)|over (?:the )?(?:disk )?quota|quota (?:exceeded|exhausted)|exceeded (?:his|her|their|its|the)? ?(?:storage|quota|mailbox)|out of storage|insufficient (?:disk|mailbox)/,
  },
  {
    class: 'message_too_big',
    text: /(?:message|mail|size).{0,30}(?:too (?:big|large)|exceeds)|exceeds? (?:the )?(?:fixed )?maximum (?:message )?size|size limit/,
  },
  {
    class: 'relaying_denied',
    text: /relay(?:ing)? (?:access )?(?:is )?(?:denied|not (?:allowed|permitted))|(?:unable|not permitted|not allowed) to relay|we do not relay|isn't allowed to relay/,
  },
  {
    class: 'rate_limited',
    text: /rate.?limit|too (?:many|much) (?:messages|mails?|connections|recipients|sessions|concurrent|requests|errors)|receiving mail (?:at a rate|too quickly)|throttl|sending (?:quota|limit)|(?:hourly|daily|connection|connections|concurrency|message) (?:rate |count )?limit|unusual rate|try again later.{0,40}too|\[ts0[12]\]|server busy/,
  },
  {
    class: 'blocked',
    text: /(?:block|black|deny)[ -]?list|spamhaus|spamcop|barracuda|sorbs|proofpoint.{0,60}block|\brbl\b|dnsbl|(?:ip|client host|host|sender|network|connection)s?\b.{0,60}\b(?:blocked|banned|listed)|banned sending ip|\[bl\d\d\]|s31[45]0/,
  },
  {
    class: 'reputation',
    text: /reputation|user complaints|\[tss?0\d\]|suspicious (?:activity|due)|low trust|not (?:yet )?trusted/,
  },
  {
    class: 'spam',
    text: /\bspam|unsolicited|bulk mail|junk mail|spamassassin|looks like uce|high probability of/,
  },
  {
    class: 'system',
    code: /^4/,
    text: /temporar|mailbox (?:is )?(?:unavailable|busy|locked)|(?:lookup|verification) fail|try (?:again )?later/,
  },
  {
    class: 'policy',
    text: /sender (?:address )?(?:is )?(?:rejected|denied|refused|unknown|not allowed)|sender verify fail/,
  },
  {
    class: 'moved',
    text: /(?:has|have) moved|no longer (?:at|with|works?|employed)|new (?:e-?mail )?address is|user not local.{0,20}try/,
  },
  {
    class: 'inactive',
    text: /(?:mailbox|account|user|recipient|address)\b.{0,60}\b(?:disabled|inactive|suspended|deactivated|expired|frozen|locked|not active|no longer (?:active|available|valid|in use))|(?:inactive|disabled|suspended) (?:user|account|mailbox|recipient)/,
  },
  {
    class: 'unknown_user',
    text: /(?:user|recipient|mailbox|address|account|alias|addressee|person)\b.{0,60}\b(?:unknown|not found|unavailable|does(?: not|n'?t) exist|not exist|invalid|undeliverable|no mailbox|unrouteable|not listed|not known|not here|does(?: not|n'?t) have)/,
  },
  {
    class: 'unknown_user',
    text: /(?:no such|unknown|invalid|non-?existent|nonexisting|unrouteable) (?:local )?(?:user|recipient|mailbox|address|account|alias|person|local.?part)|no mailbox (?:here|by that)|(?:user|account) (?:that )?you tried to reach|does(?: not|n'?t) have (?:an?|any) .{0,30}account|recipient address rejected: access denied/,
  },
  {
    class: 'host_unknown',
    text: /(?:host|domain) .{0,60}(?:not found|unknown|does not exist)|host unknown|unknown host|no such domain|bad destination|non-existent hosts|null ?mx|does not accept mail/,
  },
  {
    class: 'system',
    text: /out of (?:memory|disk)|insufficient system|system (?:resources|not)|local (?:error|problem)|queue file write|internal (?:server )?error|temporar(?:y|ily) (?:system|local|lookup|unavailable)|service (?:not|temporarily|currently) (?:available|unavailable)|shutting down|overload|try again later|lookup (?:failure|failed|error)/,
  },
  { class: 'network', text: /time(?:d)? ?out|connection (?:reset|lost|refused|closed|dropped)/ },
  {
    class: 'content',
    text: /content (?:reject|block|filter|not accept|is not)|(?:message|header|mime|url|link)\b.{0,40}\b(?:content|malformed|not rfc|rfc ?5322|rfc ?822)|bare (?:lf|cr)|bad header|missing .{0,20}header|duplicate header/,
  },
  {
    class: 'syntax',
    text: /bad (?:recipient |sender )?(?:address )?syntax|malformed address|(?:invalid|illegal) (?:address|character).{0,20}(?:syntax|format)|syntax error in (?:address|mailbox)/,
  },
  {
    class: 'protocol',
    text: /bad sequence|out of (?:sequence|order)|command (?:not (?:recognized|implemented|supported)|unrecognized|unknown)|(?:unrecognized|unknown) command|syntax error|need (?:mail|rcpt|helo|ehlo)|helo command rejected|pipelining/,
  },
  {
    class: 'policy',
    text: /polic(?:y|ies)|administrative(?:ly)? (?:prohibit|lock)|not (?:authorized|authorised|permitted|allowed)|sender (?:address )?(?:rejected|denied|blocked)|access denied|prohibited|restricted/,
  },
  { class: 'rejected', text: /reject|refused|not accept|declined|denied|delivery error/ },
  // Numbers (RFC 3463, RFC 7372, RFC 7505, and what Exchange uses), when the words said nothing.
  { class: 'unknown_user', enhanced: /^[45]\.1\.(?:0|1|4|10)$/ },
  { class: 'host_unknown', enhanced: /^[45]\.(?:1\.2|4\.[34])$/ },
  { class: 'syntax', enhanced: /^[45]\.1\.[37]$/ },
  { class: 'moved', enhanced: /^[45]\.1\.6$/ },
  { class: 'policy', enhanced: /^[45]\.1\.8$/ },
  { class: 'inactive', enhanced: /^[45]\.2\.1$/ },
  { class: 'mailbox_full', enhanced: /^[45]\.2\.2$/ },
  { class: 'message_too_big', enhanced: /^[45]\.(?:2\.3|3\.4)$/ },
  { class: 'expired', enhanced: /^[45]\.4\.7$/ },
  { class: 'network', enhanced: /^[45]\.4\.\d+$/ },
  { class: 'system', enhanced: /^[45]\.[23]\.\d+$/ },
  { class: 'rate_limited', enhanced: /^[45]\.(?:5\.3|7\.28)$/ },
  { class: 'protocol', enhanced: /^[45]\.5\.\d+$/ },
  { class: 'content', enhanced: /^[45]\.6\.\d+$/ },
  { class: 'auth_failure', enhanced: /^[45]\.7\.(?:2[01234679]|509|515)$/ },
  { class: 'ptr_missing', enhanced: /^[45]\.7\.25$/ },
  { class: 'tls', enhanced: /^[45]\.7\.(?:10|30)$/ },
  { class: 'policy', enhanced: /^[45]\.7\.\d+$/ },
  { class: 'mailbox_full', code: /^[45]52$/ },
  { class: 'protocol', code: /^50[0-4]$/ },
  { class: 'system', code: /^4(?:21|51|52)$/ },
]
