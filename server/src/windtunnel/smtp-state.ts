import type { Clock } from '#platform/clock.ts'
import type { Authentication, MessageToAuthenticate } from './authenticate.ts'
import type { Behaviour } from './behaviour.ts'
import type { DataReader } from './data-reader.ts'
import type { Situation } from './profile.ts'
import type { About, Words } from './smtp-words.ts'

const MAX_ERRORS = 10

/** A message a provider is about to accept. */
export interface ReceivedMessage {
  readonly provider: string
  readonly mailFrom: string
  readonly rcptTo: readonly string[]
  readonly tls: boolean
  readonly ip: string
  readonly content: Buffer
  readonly keepRaw: boolean
}

export interface SessionDeps {
  readonly clock: Clock
  readonly behaviour: Behaviour
  /** Takes the message into the store; `done` is called when it is safe there, with its sequence number. */
  readonly accept: (
    message: ReceivedMessage,
    done: (error: Error | undefined, sequence: number) => void,
  ) => void
  /** Whether SPF and DKIM pass for the domain in From, by the windtunnel's own zone. Never rejects. */
  readonly authenticate: (message: MessageToAuthenticate) => Promise<Authentication>
  readonly count: (situation: Situation | 'accepted' | 'cut') => void
  readonly nextId: () => string
}

/** What a session does to its connection. */
export interface SessionIo {
  readonly ip: string
  write(text: string): void
  /** Says goodbye and closes when everything is written. */
  end(text: string): void
  /** Cuts the connection at once. */
  cut(): void
  pause(): void
  resume(): void
  /** Continues under TLS; undefined when this listener has no certificate. */
  readonly startTls: (() => void) | undefined
}

export interface SessionState {
  readonly deps: SessionDeps
  readonly io: SessionIo
  readonly words: Words
  /** Reads on and sends what there is to say. */
  readonly pump: () => void
  /** Unread input. */
  pending: Buffer
  out: string
  isWaiting: boolean
  isPaused: boolean
  isClosed: boolean
  isTls: boolean
  hasGreeted: boolean
  errors: number
  messages: number
  mailFrom: string | undefined
  isUtf8: boolean
  recipients: string[]
  data: DataReader | undefined
}

/** Continues with `next` after the delay this transaction deserves; input waits meanwhile. */
export function later(
  state: SessionState,
  next: () => void,
  delayMs = state.deps.behaviour.delayMs(state.recipients),
): void {
  if (delayMs === 0) return next()
  state.isWaiting = true
  void continueLater(state, delayMs, next)
}

async function continueLater(state: SessionState, delayMs: number, next: () => void): Promise<void> {
  await state.deps.clock.sleep(delayMs)
  state.isWaiting = false
  if (state.isClosed) return
  next()
  state.pump()
}

export function say(state: SessionState, text: string): void {
  state.out += text
}

export function hangUp(state: SessionState, text: string): void {
  const last = state.out + text
  state.out = ''
  state.isClosed = true
  state.io.end(last)
}

/** Says what a provider has against something; a 421 ends the connection (RFC 5321, 3.8). */
export function object(state: SessionState, situation: Situation, about: About = {}): void {
  state.deps.count(situation)
  const reply = state.words.situation(situation, about)
  if (reply.startsWith('421')) hangUp(state, reply)
  else say(state, reply)
}

export function complain(state: SessionState, text: string): void {
  state.errors += 1
  if (state.errors > MAX_ERRORS) hangUp(state, '421 4.7.0 Too many errors, closing connection\r\n')
  else say(state, text)
}

export function resetTransaction(state: SessionState): void {
  state.mailFrom = undefined
  state.isUtf8 = false
  state.recipients = []
  state.data = undefined
}
