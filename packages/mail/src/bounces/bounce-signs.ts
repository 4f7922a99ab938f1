import { decodedField, field, type HeaderFields } from './header-fields.ts'

/** Who sends bounces: programs, by their usual names. */
const DAEMON =
  /mailer-?daemon|post ?master|mail ?delivery|mail-?system|mail ?deliver system|delivery (?:subsystem|system|notification)|system administrator|\bndr\b|\bmta\b|mdaemon|interscan|mail administrator|sysadmin|\bbounces?@/
const DAEMON_SUBJECT =
  /undeliver|returned mail|returned to sender|return(?:ing)? message to sender|delivery (?:status|has failed|failure|failed|problem|error|report|notification|unsuccessful)|deliver(?:y|ed)? fail|failed delivery|failure (?:notice|delivery)|mail(?:er)? (?:delivery|failure|error|system error)|failed mail|could not (?:be )?(?:send|sent|deliver)|(?:not|unable to|cannot|can't) (?:be )?deliver|undelivered|non[- ]?deliver|mail error|error sending your mail|message (?:you sent )?(?:blocked|refused|rejected|delayed)|warning: (?:message|could not)|delayed mail|nondeliverable|rejected:|unzustellbar|non remis|no se puede entregar|mancata consegna|niet bezorgd|(?:配信|送信|配送)(?:でき|不能|失敗)|エラー/
const PHRASES =
  /could ?n[o']t be (?:sent|delivered)|unable to deliver|undeliver(?:able|ed)|wasn'?t able to deliver|fail(?:ed|ure) (?:to )?deliver|delivery (?:to .{0,100} )?(?:has )?failed|failed permanently|not (?:be )?delivered to|did not reach the following|permanent (?:fatal )?error|returned to sender|following addresses had|delivery error|error (?:has )?occurred (?:while|when) (?:attempting|trying) to deliver|error delivering your mail|had trouble delivering|message was not (?:delivered|accepted)|was rejected by|transcript of session|invalid final delivery|mail delivery system|no valid recipients|mail was not delivered|delivery (?:was )?unsuccessful|not (?:a )?member of this mailing list|(?:<<<|>>>|said:) ?[45]\d\d[ -]/
const PROGRAM_REPLY =
  /auto(?:matic|matische|-)? ?(?:reply|response|antwort)|out of (?:the )?office|vacation|away from|on leave|abwesen|absence|fuera de|fuori sede|自動(?:応答|返信)|不在/
/** Words of delay in a text that is no report. */
const DELAYED =
  /warning message only|you do not need to resend|has (?:been|not yet been) delayed|is delayed|still (?:trying|being|undelivered)|will (?:keep|continue) (?:on )?(?:trying|to try|to be)|message will be retried|no action is required on your part|delivery attempts will continue|temporary failure report|not yet been delivered|will be tried again|temporarily delayed/

const GIVEN_UP =
  /no (?:further|more) (?:delivery )?attempts|failed permanently|permanent (?:error|failure)|giv(?:en|ing) up|could not be delivered for \d/

/** The bounce's sender is a program that reports. */
export function isFromDaemon(fields: HeaderFields): boolean {
  const from = `${decodedField(fields, 'from')} ${field(fields, 'sender')}`.toLowerCase()
  return (
    DAEMON.test(from) ||
    fields.has('x-mlserver') ||
    /^<?>?$|mailer-daemon/i.test(field(fields, 'return-path') || 'none')
  )
}

export function hasBounceSubject(fields: HeaderFields): boolean {
  return DAEMON_SUBJECT.test(decodedField(fields, 'subject').toLowerCase().slice(0, 300))
}

export function hasBouncePhrase(text: string): boolean {
  return PHRASES.test(plain(text))
}

/** The text only warns: a server has not given up. */
export function isWarning(text: string): boolean {
  const words = plain(text)
  return DELAYED.test(words) && !GIVEN_UP.test(words)
}

/** By its subject an answer for a person: it may quote anything. */
export function isPersonsAutoReply(fields: HeaderFields): boolean {
  return PROGRAM_REPLY.test(decodedField(fields, 'subject').toLowerCase().slice(0, 300))
}

/** RFC 3834 5, and what programs set or write that do not know it. */
export function isAutoReply(fields: HeaderFields): boolean {
  const submitted = field(fields, 'auto-submitted').toLowerCase()
  return (
    submitted.startsWith('auto-replied') ||
    submitted.startsWith('auto-generated') ||
    submitted.startsWith('auto-notified') ||
    ['x-autoreply', 'x-autorespond', 'x-auto-reply-from', 'x-vacation'].some((name) => fields.has(name)) ||
    /auto_reply|auto-reply/i.test(field(fields, 'precedence')) ||
    isPersonsAutoReply(fields)
  )
}

function plain(text: string): string {
  return text.slice(0, 8_000).replace(/\s+/g, ' ').toLowerCase()
}
