import { isAscii, type Buffer } from 'node:buffer'
import { undoDotStuff } from '@pigeon/mail/smtp-data.ts'
import { writeEnvelope, type LackingExtension } from '@pigeon/mail/smtp-envelope.ts'
import type { Reply } from '@pigeon/mail/smtp-reply.ts'
import { proveBdat, sendContent, type Content } from './smtp-content.ts'
import { hear, isPositive, replied, SERVICE_CLOSING, type Session } from './smtp-session.ts'
import type { WireEnd } from './smtp-wire.ts'
import type { Transcript } from './transcript.ts'
import type { OutgoingMessage, SendPhase, SendResult, UnfitReason } from './transport.ts'

/** One message on its way through a connection. */
export interface Transaction {
  readonly message: OutgoingMessage
  readonly transcript: Transcript
  settle(result: SendResult): void
  /**
   * The connection ended before it answered anything about this message, or it must be sent in another way, and through
   * no fault of it. The owner may send it again, here or elsewhere; when it does not want to (false), it is settled.
   */
  giveBack(): boolean
}

/** A transaction with its commands; when it pipelines, all of them are on the wire from the beginning. */
interface Flight {
  readonly job: Transaction
  readonly mail: string
  readonly rcpt: string
  /** To be sent with BDAT, and only after RCPT was accepted: servers that refuse it may read a chunk as commands. */
  readonly chunk: Buffer | undefined
  readonly hasReset: boolean
}

const DATA = 'DATA\r\n'
const FINAL_DOT_OCTETS = 3
const UNFIT: Readonly<Record<LackingExtension, UnfitReason>> = {
  SIZE: 'too_big',
  '8BITMIME': 'needs_8bitmime',
  SMTPUTF8: 'needs_smtputf8',
}

/**
 * Sends messages over one connection (RFC 5321 3.3, RFC 2920). With PIPELINING the envelope of the next message
 * leaves in one write with the content of this one: a round trip less, and a fifth more messages a second.
 */
export async function converse(session: Session, take: () => Transaction | undefined): Promise<void> {
  let flight = launchNext(session, take, (bytes) => session.wire.write(bytes))
  while (flight !== undefined) {
    const next: { flight: Flight | undefined } = { flight: undefined }
    const result = await transact(session, flight, take, next)
    session.served += 1
    if (result !== undefined) flight.job.settle(result)
    if (next.flight !== undefined && (session.isClosing || session.wire.ended() !== undefined)) {
      return abandon(session, next.flight)
    }
    if (!canGoOn(session)) return
    flight = next.flight ?? launchNext(session, take, (bytes) => session.wire.write(bytes))
  }
}

function canGoOn(session: Session): boolean {
  if (!session.isClosing) return session.wire.ended() === undefined
  session.wire.end('the server said 421')
  return false
}

/** The next message that this server can be given; those with which it is of no use to ask are settled here. */
function launchNext(
  session: Session,
  take: () => Transaction | undefined,
  write: (bytes: string) => void,
): Flight | undefined {
  for (let job = take(); job !== undefined; job = take()) {
    const flight = prepare(session, job)
    if (flight === undefined) continue
    if (session.features.pipelining) {
      const commands = [flight.mail, flight.rcpt, ...(flight.chunk === undefined ? [DATA] : [])]
      write(`${flight.hasReset ? 'RSET\r\n' : ''}${commands.join('')}`)
      for (const command of commands) job.transcript.client(command.trimEnd())
    }
    return flight
  }
  return undefined
}

function prepare(session: Session, job: Transaction): Flight | undefined {
  const { data, ...message } = job.message
  const chunk = session.bdat === 'no' ? undefined : undoDotStuff(data)
  const is8Bit = !isAscii(data)
  try {
    const envelope = writeEnvelope(session.features, {
      ...message,
      sizeOctets: chunk?.length ?? sizeOf(data, session.features.size),
      is8Bit,
      hasUtf8Header: is8Bit && !isAscii(data.subarray(0, data.indexOf('\r\n\r\n', 0, 'latin1'))),
    })
    if (!envelope.ok) {
      settleUnsent(job, UNFIT[envelope.lacks], envelope.message)
      return undefined
    }
    const hasReset = session.needsReset
    session.needsReset = false
    return { job, mail: envelope.mail, rcpt: envelope.rcpt, chunk, hasReset }
  } catch (error) {
    settleUnsent(job, 'invalid_envelope', wordsOf(error))
    return undefined
  }
}

function settleUnsent(job: Transaction, reason: 'invalid_envelope' | UnfitReason, error: string): void {
  job.transcript.remark(error)
  job.settle({ kind: 'unsent', reason, error, retryAfterMs: 0 })
}

/** Octets without the dots that were doubled: they are counted only where they could decide. */
function sizeOf(data: Buffer, limit = 0): number {
  const octets = data.length - FINAL_DOT_OCTETS
  return limit > 0 && octets > limit ? undoDotStuff(data).length : octets
}

/** One message. Undefined: it was given back to its owner, or settled on the way. */
async function transact(
  session: Session,
  flight: Flight,
  take: () => Transaction | undefined,
  next: { flight: Flight | undefined },
): Promise<SendResult | undefined> {
  const { job } = flight
  if (flight.hasReset && !(await reset(session))) {
    return abandonResult(session, job, { kind: 'broken', error: 'the server did not take RSET' })
  }
  const envelope = await sendEnvelope(session, flight)
  if (envelope !== 'go') return envelope
  const content = await contentOf(session, flight)
  if (content === undefined || 'kind' in content) return content
  try {
    await job.message.beforeFinalDot()
  } catch (error) {
    // The server waits for content that must not come: only closing takes the message back.
    session.wire.end('the journal failed')
    return { kind: 'unsent', reason: 'journal_failed', error: wordsOf(error), retryAfterMs: 0 }
  }
  const sent = await sendContent(session, job.transcript, content, () => {
    let bytes = ''
    if (session.features.pipelining) next.flight = launchNext(session, take, (envelope) => (bytes = envelope))
    return bytes
  })
  if (sent !== undefined) return sent
  const answer = await hear(session, job.transcript, 'dot', session.timeouts.dotMs)
  if (!('kind' in answer)) return replied('dot', answer)
  if (content.isChunk) session.onBdatBroken()
  return { ...answer, phase: 'dot', dotSent: true }
}

/** What is to be sent when the envelope was accepted; undefined when that is nothing, because BDAT does not work. */
async function contentOf(session: Session, flight: Flight): Promise<Content | SendResult | undefined> {
  const { job, chunk } = flight
  if (chunk === undefined) return { octets: job.message.data, isChunk: false }
  if (session.bdat === 'yes') return { octets: chunk, isChunk: true }
  const proof = await proveBdat(session, job.transcript, chunk)
  if (proof !== 'unknown') return 'rest' in proof ? { octets: proof.rest, isChunk: true } : proof
  if (job.giveBack()) return undefined
  return { kind: 'unsent', reason: 'closing', error: 'the server does not know BDAT', retryAfterMs: 0 }
}

async function reset(session: Session): Promise<boolean> {
  if (!session.features.pipelining) session.wire.write('RSET\r\n')
  let read = await session.wire.read(session.timeouts.mailMs)
  for (; session.strayReplies > 0; session.strayReplies -= 1) {
    if (read.kind === 'reply' && read.reply.code >= 500)
      read = await session.wire.read(session.timeouts.mailMs)
  }
  if (read.kind === 'reply' && isPositive(read.reply)) return true
  session.wire.end('the server did not take RSET')
  return false
}

/** MAIL, RCPT and DATA (not for BDAT). 'go': the server waits for the content. Undefined: given back or settled. */
async function sendEnvelope(session: Session, flight: Flight): Promise<SendResult | 'go' | undefined> {
  const { job } = flight
  const afterRcpt = flight.chunk === undefined ? (['data'] as const) : []
  const { timeouts } = session
  const mail = await ask(session, job, flight.mail, 'mail', timeouts.mailMs)
  if ('kind' in mail) return abandonResult(session, job, mail)
  if (!isPositive(mail)) return leave(session, job, replied('mail', mail), ['rcpt', ...afterRcpt])
  const rcpt = await ask(session, job, flight.rcpt, 'rcpt', timeouts.rcptMs)
  if ('kind' in rcpt) return { ...rcpt, phase: 'rcpt', dotSent: false }
  if (!isPositive(rcpt)) return leave(session, job, replied('rcpt', rcpt), afterRcpt)
  if (flight.chunk !== undefined) return 'go'
  const data = await ask(session, job, DATA, 'data', timeouts.dataMs)
  if ('kind' in data) return { ...data, phase: 'data', dotSent: false }
  return data.code === 354 ? 'go' : leave(session, job, replied('data', data), [])
}

/**
 * The message is refused, and its owner need not wait for the rest: the answers to commands that are already on the
 * wire. DATA may have been accepted without a recipient: then it gets an empty message (RFC 2920 3.1).
 */
async function leave(
  session: Session,
  job: Transaction,
  result: SendResult,
  outstanding: readonly ('rcpt' | 'data')[],
): Promise<undefined> {
  job.settle(result)
  session.needsReset = true
  if (!session.features.pipelining) return undefined
  for (const phase of outstanding) {
    if (session.isClosing) return undefined
    const read = await session.wire.read(phase === 'rcpt' ? session.timeouts.rcptMs : session.timeouts.dataMs)
    if (read.kind !== 'reply') return undefined
    if (read.reply.code === SERVICE_CLOSING) session.isClosing = true
    if (phase !== 'data' || read.reply.code !== 354) continue
    session.wire.write('.\r\n')
    const dummy = await session.wire.read(session.timeouts.dotMs)
    if (dummy.kind === 'reply' && dummy.reply.code === SERVICE_CLOSING) session.isClosing = true
  }
  return undefined
}

/** With PIPELINING the command is on the wire already. */
function ask(
  session: Session,
  job: Transaction,
  command: string,
  phase: SendPhase,
  timeoutMs: number,
): Promise<Reply | WireEnd> {
  if (!session.features.pipelining) {
    job.transcript.client(command.trimEnd())
    session.wire.write(command)
  }
  return hear(session, job.transcript, phase, timeoutMs)
}

/** A warm connection that ends without a word about a message (idle too long, enough messages) is no answer to it. */
function abandonResult(session: Session, job: Transaction, end: WireEnd): SendResult | undefined {
  if (end.kind === 'broken' && session.served > 0 && job.giveBack()) return undefined
  return { ...end, phase: 'mail', dotSent: false }
}

function abandon(session: Session, flight: Flight): void {
  const end: WireEnd = session.wire.ended() ?? { kind: 'broken', error: 'the server is closing' }
  session.wire.end(end.error)
  const result = abandonResult(session, flight.job, { ...end, kind: 'broken' })
  if (result !== undefined) flight.job.settle(result)
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
