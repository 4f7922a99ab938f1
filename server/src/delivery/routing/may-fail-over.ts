import type { SendResult } from '#delivery/transport/transport.ts'

/**
 * Whether the same message may be given to another source at once: only when it was certainly not taken, and another
 * source could do better. What is in doubt waits for the retry plan: sent elsewhere it could arrive twice. What a
 * receiver or a relay judged is not asked again of somebody else, and a receiver's "not now" is for the retry plan.
 */
export function mayFailOver(result: SendResult): boolean {
  switch (result.kind) {
    case 'broken':
    case 'timeout':
      return !result.dotSent
    case 'answer':
      return result.verdict === 'deferred' && !result.inDoubt
    case 'reply':
      return result.isRelay === true && result.reply.code >= 400 && result.reply.code < 500
    default:
      return BETTER_ELSEWHERE[result.reason]
  }
}

const BETTER_ELSEWHERE: Readonly<Record<Extract<SendResult, { kind: 'unsent' }>['reason'], boolean>> = {
  no_connection: true,
  limited: true,
  suspended: true,
  sender_refused: true,
  invalid_envelope: false,
  journal_failed: false,
  closing: false,
  too_big: false,
  needs_8bitmime: false,
  needs_smtputf8: false,
}
