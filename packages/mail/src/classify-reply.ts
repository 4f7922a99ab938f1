import type { BounceClass, SmtpPhase } from './bounce-class.ts'
import type { ReplyAction, ReplyRule } from './reply-rules/reply-rule.ts'
import { rulesFor } from './reply-rules/reply-rules.ts'

export interface ReplyToClassify {
  readonly code: number
  readonly enhanced?: string | undefined
  readonly text: string
  readonly phase: SmtpPhase
  /** Whose server said it, as `PROVIDER_SUFFIXES` names them; the rules of other providers are not tried. */
  readonly provider?: string | undefined
}

export interface Classification {
  readonly class: BounceClass
  /** True: trying this message again is of no use. */
  readonly permanent: boolean
  /** What to do about the message, or about the lane it went through. */
  readonly action: ReplyAction
}

/** Only this much of a reply is read. */
const MAX_TEXT_CHARS = 1_000

/** Before MAIL a refusal is about the connection or our settings, and another host or a later hour may do. */
const SESSION_PHASES: ReadonlySet<SmtpPhase> = new Set(['connect', 'ehlo', 'starttls', 'auth'])

/** Before RCPT no recipient is known, so "user unknown" there speaks of the sender. */
const BEFORE_RCPT: ReadonlySet<SmtpPhase> = new Set([...SESSION_PHASES, 'mail'])
const ABOUT_RECIPIENT: ReadonlySet<BounceClass> = new Set([
  'unknown_user',
  'host_unknown',
  'mailbox_full',
  'inactive',
  'moved',
])

/** Some receivers say "try again later" with a 5xx. */
const ALWAYS_TRANSIENT: ReadonlySet<BounceClass> = new Set(['greylisted', 'rate_limited'])

/** Says why a server refused and what to do. Unknown wording is `other`, as permanent as its code says. */
export function classifyReply(reply: ReplyToClassify): Classification {
  const rule = ruleFor(reply)
  const found = rule?.class ?? 'other'
  const permanent = isPermanent(reply, found, rule?.action)
  const usual = permanent ? 'bounce' : 'retry'
  const action = rule?.action === undefined || rule.action === 'bounce' ? usual : rule.action
  return { class: found, permanent, action }
}

/** The first rule that fits. */
export function ruleFor(reply: ReplyToClassify): ReplyRule | undefined {
  const text = reply.text.slice(0, MAX_TEXT_CHARS).toLowerCase()
  const enhanced = reply.enhanced ?? ''
  const code = String(reply.code)
  const early = BEFORE_RCPT.has(reply.phase)
  return rulesFor(reply.provider).find(
    (rule) =>
      !(early && ABOUT_RECIPIENT.has(rule.class)) &&
      (rule.code === undefined || rule.code.test(code)) &&
      (rule.enhanced === undefined || rule.enhanced.test(enhanced)) &&
      (rule.text === undefined || rule.text.test(text)),
  )
}

function isPermanent(reply: ReplyToClassify, found: BounceClass, action: ReplyAction | undefined): boolean {
  const isRefusal = reply.code >= 500 && reply.code <= 599
  if (!isRefusal || action === 'retry') return false
  // 503: our commands were out of step. 552 to RCPT: too many recipients, to be read as 452 (RFC 5321 4.5.3.1.10).
  if (reply.code === 503 || (reply.code === 552 && reply.phase === 'rcpt')) return false
  return !SESSION_PHASES.has(reply.phase) && !ALWAYS_TRANSIENT.has(found)
}
