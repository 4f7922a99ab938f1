import type { BounceClass, SmtpPhase } from '@pigeon/mail/bounce-class.ts'
import { classifyReply } from '@pigeon/mail/classify-reply.ts'
import type { ReplyAction } from '@pigeon/mail/reply-rules/reply-rule.ts'
import type { Profile, Situation } from '#windtunnel/profile.ts'

/** What a sender makes of what a provider says. */
export interface Reading {
  readonly class: BounceClass
  readonly isPermanent: boolean
  readonly action: ReplyAction
  /** A 421 ends the connection (RFC 5321, 3.8). */
  readonly endsConnection: boolean
}

/** Reads a provider's words by the rules that read real replies; each situation once. */
export function createSituationReader(profile: Profile): (phase: SmtpPhase, situation: Situation) => Reading {
  const read = new Map<string, Reading>()
  return (phase, situation) => {
    const key = `${phase} ${situation}`
    const known = read.get(key)
    if (known !== undefined) return known
    const { code, status, lines } = profile.words[situation]
    const found = classifyReply({
      code,
      enhanced: status === '' ? undefined : status,
      text: lines.join(' '),
      phase,
      provider: profile.knownAs,
    })
    const reading = {
      class: found.class,
      isPermanent: found.permanent,
      action: found.action,
      endsConnection: code === 421 || phase === 'connect',
    }
    read.set(key, reading)
    return reading
  }
}
