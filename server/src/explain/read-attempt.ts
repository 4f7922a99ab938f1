import { BOUNCE_CLASSES, type BounceClass, type SmtpPhase } from '@pigeon/mail/bounce-class.ts'
import { ruleFor } from '@pigeon/mail/classify-reply.ts'
import { REPLY_RULE_SETS } from '@pigeon/mail/reply-rules/reply-rules.ts'

/** The rule by which a reply was read. */
export interface RuleFacts {
  readonly set: string
  readonly id: string
  readonly class: BounceClass
  /** Where its wording stands. */
  readonly source: string
}

/** What was said in an attempt. */
export interface AttemptWords {
  /** 0: no reply of a server. */
  readonly code: number
  /** As it is kept: code, enhanced code and text in one line. */
  readonly reply: string
  readonly transcript: string
  readonly provider: string
}

const REPLY = /^\d{3}[ -]?(?:(\d\.\d{1,3}\.\d{1,3})\s?)?(.*)$/s

/** What a refusal answers and which rule reads it; null where no server refused, or no rule knows the words. */
export function readAttempt(words: AttemptWords): { phase: SmtpPhase | null; rule: RuleFacts | null } {
  if (words.code < 400) return { phase: null, rule: null }
  const phase = phaseOf(words.transcript, words.code)
  const [, enhanced, text = ''] = REPLY.exec(words.reply) ?? []
  const rule = ruleFor({ code: words.code, enhanced, text, phase, provider: words.provider })
  if (rule === undefined) return { phase, rule: null }
  const set = REPLY_RULE_SETS.find(({ rules }) => rules.includes(rule))
  const source = rule.source ?? set?.source ?? ''
  return { phase, rule: { set: set?.name ?? '', id: rule.id, class: rule.class, source } }
}

const PHASES: Readonly<Record<string, SmtpPhase>> = {
  EHLO: 'ehlo',
  HELO: 'ehlo',
  STARTTLS: 'starttls',
  AUTH: 'auth',
  MAIL: 'mail',
  RCPT: 'rcpt',
  DATA: 'data',
  BDAT: 'body',
}
/** Content is told as its length. */
const CONTENT = /^<\d+ octets>/

/**
 * Which command a reply with this code answers. Commands may be on the wire together: each reply is that to the oldest
 * that has none, and one without a command is the greeting. RCPT when the transcript does not say (it was cut).
 */
export function phaseOf(transcript: string, code: number): SmtpPhase {
  const unanswered: SmtpPhase[] = []
  let wasBdat = false
  for (const line of transcript.split('\n')) {
    const said = line.slice(3)
    if (line.startsWith('C: ')) {
      const isContent = CONTENT.test(said)
      // The octets of a BDAT belong to the command before them.
      if (!(isContent && wasBdat)) unanswered.push(isContent ? 'body' : (PHASES[verbOf(said)] ?? 'ehlo'))
      wasBdat = verbOf(said) === 'BDAT'
    }
    if (!/^S: \d{3} /.test(line)) continue
    const phase = unanswered.shift() ?? 'connect'
    if (said.startsWith(String(code))) return phase
  }
  return 'rcpt'
}

function verbOf(command: string): string {
  return (/^[A-Za-z]+/.exec(command)?.[0] ?? '').toUpperCase()
}

export function isBounceClass(text: string | null): text is BounceClass {
  return BOUNCE_CLASSES.some((known) => known === text)
}
