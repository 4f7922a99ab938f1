import type { DataReader } from './data-reader.ts'
import { parseSmtpCommand } from './smtp-command.ts'
import type { SmtpCommand } from './smtp-command.ts'
import { complain, hangUp, later, resetTransaction, say } from './smtp-state.ts'
import type { SessionDeps, SessionIo, SessionState } from './smtp-state.ts'
import { data, endOfData, mail, recipient } from './smtp-transaction.ts'
import { createWords } from './smtp-words.ts'

/** RFC 5321 allows 512 bytes and extensions add to it; beyond this nobody is speaking SMTP. */
const MAX_LINE_BYTES = 4096
/** Input that may wait while an answer is being delayed; beyond it the socket is paused. */
const MAX_WAITING_BYTES = 256 * 1024
const EMPTY = Buffer.alloc(0)

export interface SmtpSession {
  greet(): void
  push(chunk: Buffer): void
  /** The connection is encrypted now: everything said before is forgotten (RFC 3207, 4.2). */
  secured(): void
  /** True while a transaction is under way. */
  isBusy(): boolean
  /** Nothing further is written. */
  close(): void
}

/**
 * One SMTP connection as a state machine over its input: bytes in, replies out. Replies to pipelined commands
 * leave in one write; while an answer is delayed or a message is being stored, further input waits.
 */
export function createSmtpSession(deps: SessionDeps, io: SessionIo): SmtpSession {
  const { profile } = deps.behaviour
  const state: SessionState = {
    deps,
    io,
    words: createWords(profile, io.ip, deps.nextId),
    pump: () => pump(state),
    pending: EMPTY,
    out: '',
    isWaiting: false,
    isPaused: false,
    isClosed: false,
    isTls: false,
    hasGreeted: false,
    errors: 0,
    messages: 0,
    mailFrom: undefined,
    isUtf8: false,
    recipients: [],
    data: undefined,
  }
  return {
    greet: () => {
      later(state, () => say(state, state.words.banner()), deps.behaviour.habits.banner_delay_ms)
      pump(state)
    },
    push: (chunk) => {
      if (state.isClosed) return
      state.pending = state.pending.length === 0 ? chunk : Buffer.concat([state.pending, chunk])
      pump(state)
      if (state.isWaiting && !state.isPaused && state.pending.length > MAX_WAITING_BYTES) {
        state.isPaused = true
        io.pause()
      }
    },
    secured: () => {
      state.isTls = true
      state.hasGreeted = false
      state.pending = EMPTY
      state.isWaiting = false
      resetTransaction(state)
    },
    isBusy: () => state.mailFrom !== undefined,
    close: () => {
      state.isClosed = true
      state.pending = EMPTY
      state.data = undefined
    },
  }
}

/** Reads as much as can be read now, then sends what there is to say. */
function pump(state: SessionState): void {
  while (!state.isWaiting && !state.isClosed && state.pending.length > 0) {
    const isProgress = state.data === undefined ? readLine(state) : readData(state, state.data)
    if (!isProgress) break
  }
  if (state.out !== '' && !state.isClosed) {
    state.io.write(state.out)
    state.out = ''
  }
  if (state.isPaused && !state.isWaiting) {
    state.isPaused = false
    state.io.resume()
  }
}

function readLine(state: SessionState): boolean {
  const end = state.pending.indexOf(0x0a)
  if (end === -1 || end > MAX_LINE_BYTES) {
    if (end === -1 && state.pending.length <= MAX_LINE_BYTES) return false
    hangUp(state, '500 5.5.2 Line too long\r\n')
    return false
  }
  if (end === 0 || state.pending[end - 1] !== 0x0d) {
    hangUp(state, '521 5.5.2 Error: bare <LF> received\r\n')
    return false
  }
  const line = state.pending.toString('utf8', 0, end - 1)
  state.pending = end + 1 === state.pending.length ? EMPTY : state.pending.subarray(end + 1)
  obey(state, parseSmtpCommand(line))
  return true
}

function obey(state: SessionState, command: SmtpCommand): void {
  switch (command.verb) {
    case 'HELO':
    case 'EHLO':
      return later(state, () => {
        resetTransaction(state)
        state.hasGreeted = true
        say(
          state,
          command.verb === 'HELO' ? `250 ${state.words.host}\r\n` : state.words.ehlo(ehloOptions(state)),
        )
      })
    case 'MAIL':
      return later(state, () => mail(state, command.address, command.parameters))
    case 'RCPT':
      return recipient(state, command.address)
    case 'DATA':
      return later(state, () => data(state))
    case 'RSET':
      resetTransaction(state)
      return say(state, '250 2.0.0 OK\r\n')
    case 'NOOP':
      return say(state, '250 2.0.0 OK\r\n')
    case 'VRFY':
      return say(state, '252 2.1.5 Send some mail, I will try my best\r\n')
    case 'HELP':
      return say(state, '214 2.0.0 See RFC 5321\r\n')
    case 'QUIT':
      return hangUp(state, `221 2.0.0 ${state.words.host} closing connection\r\n`)
    case 'STARTTLS':
      return startTls(state)
    case 'malformed':
      return complain(state, '501 5.5.4 Syntax error in parameters\r\n')
    case 'unknown':
      return complain(state, '500 5.5.1 Command unrecognized\r\n')
  }
}

function ehloOptions(state: SessionState) {
  return {
    maxBytes: state.deps.behaviour.habits.max_message_bytes,
    offersTls: state.io.startTls !== undefined && !state.isTls,
  }
}

function startTls(state: SessionState): void {
  if (state.io.startTls === undefined || state.isTls)
    return complain(state, '502 5.5.1 STARTTLS not available\r\n')
  if (state.pending.length > 0) return hangUp(state, '554 5.5.0 Commands after STARTTLS in plain text\r\n')
  state.io.write(`${state.out}220 2.0.0 Ready to start TLS\r\n`)
  state.out = ''
  state.isWaiting = true
  state.io.startTls()
}

function readData(state: SessionState, reader: DataReader): boolean {
  const progress = reader.push(state.pending)
  state.pending = progress.done ? progress.rest : EMPTY
  if (!progress.done) return false
  later(state, () => endOfData(state, reader.content()))
  return true
}
