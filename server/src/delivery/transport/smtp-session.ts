import type { EhloFeatures, Reply } from '@pigeon/mail/smtp-reply.ts'
import type { SmtpWire, WireEnd } from './smtp-wire.ts'
import type { Transcript } from './transcript.ts'
import type { SendPhase, SendResult, SmtpTimeouts } from './transport.ts'

/** A connection after its greeting, between and during messages. */
export interface Session {
  readonly wire: SmtpWire
  readonly features: EhloFeatures
  readonly timeouts: SmtpTimeouts
  /** Whether content goes with BDAT. `unproven`: it is offered, and no chunk was taken yet. */
  bdat: 'no' | 'unproven' | 'yes'
  /** Called when BDAT was offered and did not work. */
  onBdatBroken(): void
  /** A transaction was left in the middle: RSET comes before the next one. */
  needsReset: boolean
  /** Refusals that may still come, of lines of content that were read as commands. */
  strayReplies: number
  isClosing: boolean
  served: number
}

export const SERVICE_CLOSING = 421

/** The next reply, written down; 421 ends the session after it. */
export async function hear(
  session: Session,
  transcript: Transcript,
  phase: SendPhase,
  timeoutMs: number,
): Promise<Reply | WireEnd> {
  const read = await session.wire.read(timeoutMs)
  if (read.kind !== 'reply') {
    transcript.remark(`${phase}: ${read.error}`)
    return read
  }
  transcript.server(read.reply)
  if (read.reply.code === SERVICE_CLOSING) session.isClosing = true
  return read.reply
}

export function replied(phase: SendPhase, reply: Reply): SendResult {
  return { kind: 'reply', phase, reply }
}

export function isPositive(reply: Reply): boolean {
  return reply.code >= 200 && reply.code < 300
}
