import { BOUNCE_RULES, type BounceRule } from './bounce-rules.ts'

/** Why mail did not arrive. One list for replies, bounces and reports. */
export const BOUNCE_CLASSES = [
  'unknown_user',
  'host_unknown',
  'mailbox_full',
  'inactive',
  'moved',
  'rejected',
  'policy',
  'spam',
  'blocked',
  'reputation',
  'auth_failure',
  'ptr_missing',
  'rate_limited',
  'greylisted',
  'message_too_big',
  'content',
  'virus',
  'security',
  'relaying_denied',
  'tls',
  'protocol',
  'network',
  'expired',
  'system',
  'syntax',
  'vacation',
  'feedback',
  'other',
] as const

export type BounceClass = (typeof BOUNCE_CLASSES)[number]

/** What the reply answers. `data` is the DATA command, `body` the final dot. */
export type SmtpPhase = 'connect' | 'ehlo' | 'starttls' | 'auth' | 'mail' | 'rcpt' | 'data' | 'body'

export interface ReplyToClassify {
  readonly code: number
  readonly enhanced?: string | undefined
  readonly text: string
  readonly phase: SmtpPhase
}

export interface Classification {
  readonly class: BounceClass
  /** True: trying this message again is of no use. */
  readonly permanent: boolean
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

/** Says why a server refused and whether for good. Unknown wording is `other`, as permanent as its code says. */
export function classifyReply(reply: ReplyToClassify): Classification {
  const found = ruleFor(reply)?.class ?? 'other'
  return { class: found, permanent: isPermanent(reply, found) }
}

/** The first rule that fits. */
export function ruleFor(reply: ReplyToClassify): BounceRule | undefined {
  const text = reply.text.slice(0, MAX_TEXT_CHARS).toLowerCase()
  const enhanced = reply.enhanced ?? ''
  const code = String(reply.code)
  const early = BEFORE_RCPT.has(reply.phase)
  return BOUNCE_RULES.find(
    (rule) =>
      !(early && ABOUT_RECIPIENT.has(rule.class)) &&
      (rule.code === undefined || rule.code.test(code)) &&
      (rule.enhanced === undefined || rule.enhanced.test(enhanced)) &&
      (rule.text === undefined || rule.text.test(text)),
  )
}

function isPermanent(reply: ReplyToClassify, found: BounceClass): boolean {
  const isRefusal = reply.code >= 500 && reply.code <= 599
  if (!isRefusal) return false
  // 503: our commands were out of step. 552 to RCPT: too many recipients, to be read as 452 (RFC 5321 4.5.3.1.10).
  if (reply.code === 503 || (reply.code === 552 && reply.phase === 'rcpt')) return false
  return !SESSION_PHASES.has(reply.phase) && !ALWAYS_TRANSIENT.has(found)
}
