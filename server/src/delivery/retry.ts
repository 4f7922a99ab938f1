import type { BounceClass, SmtpPhase } from '@pigeon/mail/bounce-class.ts'
import { classifyReply } from '@pigeon/mail/classify-reply.ts'
import type { Reply } from '@pigeon/mail/smtp-reply.ts'
import type { LastReply, OutcomeEvent, SendingMode } from '#events/email-events.ts'
import type { MessageClass } from './lanes/fair-queue.ts'
import type { MxAnswer } from './resolver.ts'
import type { RelayAnswer, RelayRefusal, SendPhase, SendResult, UnfitReason } from './transport/transport.ts'

/** Waits between attempts: `firstMs`, then twice as long each time, at most `maxMs`, each with jitter. */
export interface RetryPlan {
  readonly firstMs: number
  readonly maxMs: number
  /** A domain that was not there is asked for again after this, at the earliest. */
  readonly absentAgainMs: number
}

export type RetryPlans = Readonly<Record<SendingMode, Readonly<Record<MessageClass, RetryPlan>>>>

export interface AttemptContext {
  /** Whose replies these are: each provider has rules of its own. */
  readonly provider: string
  /** 1 for the first. */
  readonly attempt: number
  /** Of the attempt before. */
  readonly lastClass: string | null
  /** What a receiver said last, in whichever attempt. */
  readonly lastReply: LastReply | null
  readonly now: Date
  /** When a message that is not delivered has failed. */
  readonly expiresAt: Date
  readonly plan: RetryPlan
  /** 0 <= n < 1. */
  readonly random: () => number
}

/** The part of an outcome that the answer decides, and what it asks of the lane. */
export type AttemptOutcome = Pick<
  OutcomeEvent,
  'type' | 'code' | 'enhanced' | 'class' | 'reply' | 'retryAt' | 'inDoubt'
> & { readonly action: 'none' | 'slow' | 'suspend' }

const JITTER = 0.25
const MAX_REPLY_CHARS = 1_000
/** No provider of mailboxes: its replies are read by the rules for anybody's. */
const A_RELAY = 'relay'

/**
 * When to try again: exponential back-off with a jitter of ±25%, so that what failed together does not come back
 * together. 'expired' when that would be after the message's life.
 */
export function nextAttempt(context: AttemptContext, atLeastMs = 0): Date | 'expired' {
  const { plan, attempt, now, expiresAt, random } = context
  const wait = Math.min(plan.firstMs * 2 ** Math.max(0, attempt - 1), plan.maxMs)
  const jittered = wait * (1 - JITTER + 2 * JITTER * random())
  const at = now.getTime() + Math.max(jittered, atLeastMs)
  return at >= expiresAt.getTime() ? 'expired' : new Date(at)
}

const CLASSES_OF_BREAKS: Readonly<Partial<Record<SendPhase, BounceClass>>> = { tls: 'tls', auth: 'security' }

/** What the end of an attempt means for the message. What is unknown is never permanent. */
export function outcomeOf(result: SendResult, context: AttemptContext): AttemptOutcome {
  if (result.kind === 'reply') return outcomeOfReply(result, context)
  if (result.kind === 'answer') return outcomeOfAnswer(result, context)
  if (result.kind === 'unsent') return outcomeOfUnsent(result, context)
  return deferred(context, {
    class: CLASSES_OF_BREAKS[result.phase] ?? 'network',
    reply: `${result.phase}: ${result.error}`,
    inDoubt: result.dotSent,
  })
}

/** What the look-up of the domain means when it found no host to connect to. */
export function outcomeOfMx(
  answer: Exclude<MxAnswer, { kind: 'hosts' }>,
  context: AttemptContext,
): AttemptOutcome {
  if (answer.kind === 'null_mx') {
    // RFC 7505 4.2 gives the code and its words.
    return end('bounced', { class: 'host_unknown', code: 556, enhanced: '5.1.10', reply: NULL_MX })
  }
  const reply = `DNS: ${answer.reason}`
  if (answer.kind === 'temporary') return deferred(context, { class: 'network', reply })
  // Registries and name servers have bad minutes: a name must be missing twice, and not twice in the same ones.
  return context.lastClass === 'host_unknown'
    ? end('failed', { class: 'host_unknown', reply })
    : deferred(context, { class: 'host_unknown', reply }, context.plan.absentAgainMs)
}

/** What it means that a TLS policy lets mail go to no host of the domain now: never that it is refused for good. */
export function outcomeOfTlsRefusal(reason: string, context: AttemptContext): AttemptOutcome {
  return deferred(context, { class: 'tls', reply: `tls: ${reason}` })
}

const NULL_MX = '556 5.1.10 The domain of the recipient does not accept mail (null MX)'

const REPLY_PHASES: Readonly<Record<SendPhase, SmtpPhase>> = {
  connect: 'connect',
  banner: 'connect',
  ehlo: 'ehlo',
  tls: 'starttls',
  auth: 'auth',
  mail: 'mail',
  rcpt: 'rcpt',
  data: 'data',
  dot: 'body',
}

/** Says nothing about the message or its recipient: it waits until somebody has put it right. */
const LOGIN_REFUSED = 'The relay did not accept the log-in, whose user name and password may be wrong: '

function outcomeOfReply(
  { phase, reply, isRelay }: Extract<SendResult, { kind: 'reply' }>,
  context: AttemptContext,
): AttemptOutcome {
  const said = { code: reply.code, enhanced: reply.enhanced ?? null, reply: wordsOf(reply) }
  if (phase === 'dot' && reply.code >= 200 && reply.code < 300) {
    return end(isRelay === true ? 'sent' : 'delivered', said)
  }
  // Neither yes nor no to what was asked: the conversation is out of step. The real answer to the dot may come behind it.
  if (reply.code < 400) return deferred(context, { ...said, class: 'protocol', inDoubt: phase === 'dot' })
  const found = classifyReply({
    code: reply.code,
    enhanced: reply.enhanced,
    text: reply.text,
    phase: REPLY_PHASES[phase],
    provider: isRelay === true ? A_RELAY : context.provider,
  })
  if (phase === 'auth')
    return deferred(context, { ...said, class: 'security', reply: LOGIN_REFUSED + said.reply })
  const action = found.action === 'slow' || found.action === 'suspend' ? found.action : 'none'
  if (!found.permanent) return deferred(context, { ...said, class: found.class, action })
  return end('bounced', { ...said, class: found.class, action })
}

/** No code: that of HTTP would be taken for one of SMTP, where 4xx means the opposite. */
function outcomeOfAnswer(answer: RelayAnswer, context: AttemptContext): AttemptOutcome {
  const said = { ...(answer.class === null ? {} : { class: answer.class }), reply: answer.text }
  if (answer.verdict !== 'deferred') return end(answer.verdict, said)
  return deferred(context, { ...said, inDoubt: answer.inDoubt }, answer.retryAfterMs)
}

/** What a relay's refusal asks of its lane. */
const REFUSAL_ACTIONS: Readonly<Record<RelayRefusal, AttemptOutcome['action']>> = {
  limited: 'slow',
  suspended: 'suspend',
  sender_refused: 'none',
}

function outcomeOfUnsent(
  result: Extract<SendResult, { kind: 'unsent' }>,
  context: AttemptContext,
): AttemptOutcome {
  const { reason, error, retryAfterMs } = result
  if (reason === 'no_connection') return waiting(context, error, retryAfterMs)
  if (reason === 'limited' || reason === 'suspended' || reason === 'sender_refused') {
    // A relay says itself how long it wants to be left alone; a host that could not be reached does not.
    const plan = { ...context.plan, firstMs: retryAfterMs }
    return { ...waiting({ ...context, plan }, error, retryAfterMs), action: REFUSAL_ACTIONS[reason] }
  }
  if (reason === 'invalid_envelope') return end('failed', { class: 'syntax', reply: error })
  if (reason === 'journal_failed' || reason === 'closing') return end('returned', { reply: error })
  return outcomeOfUnfit(reason, error, context)
}

/** What the server would have said (RFC 3463 3.4 and 3.7, RFC 6531 3.7.4.2). */
const UNFIT: Readonly<Record<UnfitReason, Required<Pick<Said, 'class' | 'code' | 'enhanced'>>>> = {
  too_big: { class: 'message_too_big', code: 552, enhanced: '5.3.4' },
  needs_8bitmime: { class: 'content', code: 554, enhanced: '5.6.3' },
  needs_smtputf8: { class: 'syntax', code: 553, enhanced: '5.6.7' },
}

/**
 * A limit on the size is said by the server. An extension that is not there must be missing twice: another host of the
 * domain may have it, and what stands before a server while it greylists has hardly any.
 */
function outcomeOfUnfit(reason: UnfitReason, error: string, context: AttemptContext): AttemptOutcome {
  const { class: found, code, enhanced } = UNFIT[reason]
  if (reason !== 'too_big' && context.lastClass !== found)
    return deferred(context, { class: found, reply: error })
  return end('bounced', { class: found, code, enhanced, reply: `${code} ${enhanced} ${error}` })
}

/** Not an attempt: the message was not judged. It waits until its host or relay is tried again, or its life is over. */
function waiting(context: AttemptContext, error: string, retryAfterMs: number): AttemptOutcome {
  const next = nextAttempt({ ...context, attempt: 1 }, retryAfterMs)
  if (next === 'expired') return expired(context, { reply: error })
  return { ...end('returned', { reply: error }), retryAt: next.toISOString() }
}

interface Said {
  readonly class?: BounceClass
  readonly code?: number
  readonly enhanced?: string | null
  readonly reply: string
  readonly inDoubt?: boolean
  readonly action?: AttemptOutcome['action']
}

function deferred(context: AttemptContext, said: Said, atLeastMs = 0): AttemptOutcome {
  const next = nextAttempt(context, atLeastMs)
  if (next === 'expired') return expired(context, said)
  return { ...end('deferred', said), retryAt: next.toISOString() }
}

/** Tried to the end of its life: a bounce with what the receiver said last, and failed when nobody ever said anything. */
function expired(context: AttemptContext, said: Said): AttemptOutcome {
  if (said.code === undefined && context.lastReply !== null)
    return end('bounced', { ...context.lastReply, class: 'expired' })
  return end(said.code === undefined ? 'failed' : 'bounced', { ...said, class: 'expired' })
}

function end(type: AttemptOutcome['type'], said: Said): AttemptOutcome {
  return {
    type,
    code: said.code ?? null,
    enhanced: said.enhanced ?? null,
    class: said.class ?? null,
    reply: said.reply.slice(0, MAX_REPLY_CHARS),
    retryAt: null,
    inDoubt: said.inDoubt ?? false,
    action: said.action ?? 'none',
  }
}

/** In one line; the transcript has the lines as they came, each with its codes. */
function wordsOf({ code, enhanced, text }: Reply): string {
  return [code, enhanced, text].filter((part) => part !== undefined && part !== '').join(' ')
}
