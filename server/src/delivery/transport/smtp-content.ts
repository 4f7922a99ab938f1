import { Buffer } from 'node:buffer'
import { commandBdat } from '@pigeon/mail/smtp-data.ts'
import { hear, isPositive, replied, type Session } from './smtp-session.ts'
import type { Transcript } from './transcript.ts'
import type { SendResult } from './transport.ts'

/** Larger content goes alone and in blocks of this size, so that a slow link is judged block by block. */
const BLOCK_OCTETS = 64 * 1024
const NOT_UNDERSTOOD = new Set([500, 501, 502, 503, 504])

/** What is left to send: after DATA the lines with their final dot, else octets for a last BDAT. */
export interface Content {
  readonly octets: Buffer
  readonly isChunk: boolean
}

/**
 * Writes the content to its end. Undefined: all of it is on its way. `withNext` gives the envelope of the next message,
 * to leave in the same write.
 */
export async function sendContent(
  session: Session,
  transcript: Transcript,
  content: Content,
  withNext: () => string,
): Promise<SendResult | undefined> {
  const { wire } = session
  const { octets } = content
  // A reply to nothing that was asked would be taken for the answer to the dot.
  if (wire.hasUnread()) wire.end('the server said more than it was asked')
  const ended = wire.ended()
  if (ended !== undefined) return { ...ended, phase: 'data', dotSent: false }
  const command = content.isChunk ? commandBdat(octets.length, true) : ''
  if (command !== '') transcript.client(command.trimEnd())
  transcript.client(`<${octets.length} octets>`)
  if (octets.length <= BLOCK_OCTETS) {
    wire.write(between(command, octets, withNext()))
    return undefined
  }
  if (command !== '') wire.write(command)
  for (let at = 0; at < octets.length; at += BLOCK_OCTETS) {
    const end = await wire.flush(octets.subarray(at, at + BLOCK_OCTETS), session.timeouts.blockMs)
    if (end === undefined) continue
    // A server that refuses in the middle says why before it closes.
    const last = wire.hasUnread() ? await hear(session, transcript, 'dot', 0) : end
    return 'kind' in last ? { ...end, phase: 'data', dotSent: false } : replied('dot', last)
  }
  return undefined
}

function between(before: string, octets: Buffer, after: string): Buffer {
  if (before === '' && after === '') return octets
  return Buffer.concat([Buffer.from(before), octets, Buffer.from(after)])
}

/**
 * Sends the first line as a chunk of its own, once a connection. A server (or a proxy before it) that offers CHUNKING
 * and does not know BDAT reads what follows as commands: of a whole message that could be anything, of the first header
 * line it is one more refusal. `unknown`: the message is to be sent with DATA, and the session knows.
 */
export async function proveBdat(
  session: Session,
  transcript: Transcript,
  content: Buffer,
): Promise<{ readonly rest: Buffer } | SendResult | 'unknown'> {
  const lineEnd = content.indexOf('\n', 0, 'latin1') + 1
  const command = commandBdat(lineEnd, false)
  transcript.client(command.trimEnd())
  transcript.client(`<${lineEnd} octets>`)
  session.wire.write(between(command, content.subarray(0, lineEnd), ''))
  const answer = await hear(session, transcript, 'data', session.timeouts.dataMs)
  if ('kind' in answer) {
    session.onBdatBroken()
    return { ...answer, phase: 'data', dotSent: false }
  }
  if (isPositive(answer)) {
    session.bdat = 'yes'
    return { rest: content.subarray(lineEnd) }
  }
  session.needsReset = true
  if (answer.code >= 400 && !NOT_UNDERSTOOD.has(answer.code)) return replied('data', answer)
  session.bdat = 'no'
  session.onBdatBroken()
  if (answer.code < 400) {
    const error = `the server answered BDAT with ${answer.code}`
    session.wire.end(error)
    return { kind: 'broken', phase: 'data', error, dotSent: false }
  }
  session.strayReplies = 1
  return 'unknown'
}
