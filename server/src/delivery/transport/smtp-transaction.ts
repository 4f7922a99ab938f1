import { commandMail, commandRcpt } from '@pigeon/mail/smtp-data.ts'
import type { EhloFeatures, Reply } from '@pigeon/mail/smtp-reply.ts'
import type { SmtpWire, WireEnd } from './smtp-wire.ts'
import type { Transcript } from './transcript.ts'
import type { OutgoingMessage, SendPhase, SendResult, SmtpTimeouts } from './transport.ts'

/** One message on its way through a connection. */
export interface Transaction {
  readonly message: OutgoingMessage
  readonly transcript: Transcript
  settle(result: SendResult): void
  /**
   * The connection ended before it answered anything about this message, and through no fault of it. The owner
   * may send it on another connection; when it does not want to (false), the message is settled.
   */
  giveBack(): boolean
}

export interface Session {
  readonly wire: SmtpWire
  readonly features: EhloFeatures
  readonly timeouts: SmtpTimeouts
  /** A transaction was left in the middle: RSET comes before the next one. */
  needsReset: boolean
  isClosing: boolean
  served: number
}

/** A transaction with its commands; when it pipelines, all of them are on the wire from the beginning. */
interface Flight {
  readonly job: Transaction
  readonly mail: string
  readonly rcpt: string
  readonly hasReset: boolean
}

/** Larger content goes alone and in blocks of this size, so that a slow link is judged block by block. */
const BLOCK_OCTETS = 64 * 1024
const DATA = 'DATA\r\n'
const FINAL_DOT_OCTETS = 3
const SERVICE_CLOSING = 421

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

/** The next message whose envelope can be written; those with an address that cannot are settled here. */
function launchNext(
  session: Session,
  take: () => Transaction | undefined,
  write: (bytes: string) => void,
): Flight | undefined {
  for (let job = take(); job !== undefined; job = take()) {
    const flight = prepare(session, job)
    if (flight === undefined) continue
    if (session.features.pipelining) {
      write(`${flight.hasReset ? 'RSET\r\n' : ''}${flight.mail}${flight.rcpt}${DATA}`)
      for (const command of [flight.mail, flight.rcpt, DATA]) job.transcript.client(command.trimEnd())
    }
    return flight
  }
  return undefined
}

function prepare(session: Session, job: Transaction): Flight | undefined {
  const { mailFrom, rcptTo, data } = job.message
  try {
    const size = session.features.size === undefined ? undefined : data.length - FINAL_DOT_OCTETS
    const mail = commandMail(mailFrom, { size })
    const rcpt = commandRcpt(rcptTo)
    const hasReset = session.needsReset
    session.needsReset = false
    return { job, mail, rcpt, hasReset }
  } catch (error) {
    job.settle({ kind: 'unsent', reason: 'invalid_envelope', error: wordsOf(error), retryAfterMs: 0 })
    return undefined
  }
}

/** One message. Undefined: it was given back to its owner. */
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
  try {
    await job.message.beforeFinalDot()
  } catch (error) {
    // The server waits for content that must not come: only closing takes the message back.
    session.wire.end('the journal failed')
    return { kind: 'unsent', reason: 'journal_failed', error: wordsOf(error), retryAfterMs: 0 }
  }
  const sent = await sendContent(session, job, take, next)
  if (sent !== undefined) return sent
  const answer = await hear(session, job, 'dot', session.timeouts.dotMs)
  return 'kind' in answer ? { ...answer, phase: 'dot', dotSent: true } : replied('dot', answer)
}

async function reset(session: Session): Promise<boolean> {
  if (!session.features.pipelining) session.wire.write('RSET\r\n')
  const read = await session.wire.read(session.timeouts.mailMs)
  if (read.kind === 'reply' && isPositive(read.reply)) return true
  session.wire.end('the server did not take RSET')
  return false
}

/** MAIL, RCPT and DATA. 'go': the server waits for the content. Undefined: given back. */
async function sendEnvelope(session: Session, flight: Flight): Promise<SendResult | 'go' | undefined> {
  const { job } = flight
  const { timeouts } = session
  const mail = await ask(session, job, flight.mail, 'mail', timeouts.mailMs)
  if ('kind' in mail) return abandonResult(session, job, mail)
  if (!isPositive(mail)) return leave(session, job, replied('mail', mail), ['rcpt', 'data'])
  const rcpt = await ask(session, job, flight.rcpt, 'rcpt', timeouts.rcptMs)
  if ('kind' in rcpt) return { ...rcpt, phase: 'rcpt', dotSent: false }
  if (!isPositive(rcpt)) return leave(session, job, replied('rcpt', rcpt), ['data'])
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

/** Writes the content with its final dot. Undefined: all of it is on its way. */
async function sendContent(
  session: Session,
  job: Transaction,
  take: () => Transaction | undefined,
  next: { flight: Flight | undefined },
): Promise<SendResult | undefined> {
  const { data } = job.message
  const { wire } = session
  // A reply to nothing that was asked would be taken for the answer to the dot.
  if (wire.hasUnread()) wire.end('the server said more than it was asked')
  const ended = wire.ended()
  if (ended !== undefined) return { ...ended, phase: 'data', dotSent: false }
  job.transcript.client(`<${data.length} octets>`)
  if (data.length <= BLOCK_OCTETS) {
    let envelope = ''
    if (session.features.pipelining) {
      next.flight = launchNext(session, take, (bytes) => {
        envelope = bytes
      })
    }
    wire.write(envelope === '' ? data : Buffer.concat([data, Buffer.from(envelope, 'latin1')]))
    return undefined
  }
  for (let at = 0; at < data.length; at += BLOCK_OCTETS) {
    const end = await wire.flush(data.subarray(at, at + BLOCK_OCTETS), session.timeouts.blockMs)
    if (end === undefined) continue
    // A server that refuses in the middle says why before it closes.
    const last = wire.hasUnread() ? await hear(session, job, 'dot', 0) : end
    return 'kind' in last ? { ...end, phase: 'data', dotSent: false } : replied('dot', last)
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
  return hear(session, job, phase, timeoutMs)
}

async function hear(
  session: Session,
  job: Transaction,
  phase: SendPhase,
  timeoutMs: number,
): Promise<Reply | WireEnd> {
  const read = await session.wire.read(timeoutMs)
  if (read.kind !== 'reply') {
    job.transcript.remark(`${phase}: ${read.error}`)
    return read
  }
  job.transcript.server(read.reply)
  if (read.reply.code === SERVICE_CLOSING) session.isClosing = true
  return read.reply
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

function replied(phase: SendPhase, reply: Reply): SendResult {
  return { kind: 'reply', phase, reply }
}

function isPositive(reply: Reply): boolean {
  return reply.code >= 200 && reply.code < 300
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
