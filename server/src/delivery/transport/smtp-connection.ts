import type { EhloFeatures } from '@pigeon/mail/smtp-reply.ts'
import type { Clock } from '#platform/clock.ts'
import { logIn } from './smtp-auth.ts'
import { greet, type Greeting } from './smtp-greeting.ts'
import type { Session } from './smtp-session.ts'
import { converse, type Transaction } from './smtp-transaction.ts'
import { openWire, type SmtpWire, type TlsSessionSlot } from './smtp-wire.ts'
import type { TlsRule, TlsTry } from './tls-rule.ts'
import { createTranscript, type Transcript } from './transcript.ts'
import type { SendResult, SmtpAuth, SmtpTimeouts, TlsPolicy } from './transport.ts'

export interface ConnectionOptions {
  /** Name of the MX host: for TLS and for the transcript. */
  readonly host: string
  readonly address: string
  readonly port: number
  readonly localAddress?: string | undefined
  readonly ehloName: string
  readonly tls: TlsPolicy
  readonly tlsSession?: TlsSessionSlot
  readonly isImplicitTls?: boolean | undefined
  readonly auth?: SmtpAuth | undefined
  /** Not to use BDAT although it is offered: it did not work before. */
  readonly noChunking?: boolean
  /** Called when BDAT was offered and did not work. */
  readonly onBdatBroken?: () => void
  readonly tlsRule?: TlsRule | undefined
  /** Gets a line for each try of TLS; those of hosts asked before may be in it already. */
  readonly tlsTries?: TlsTry[]
  readonly timeouts: SmtpTimeouts
  readonly clock: Clock
}

/** A connection that has said EHLO and can send. */
export interface SmtpConnection {
  readonly host: string
  readonly address: string
  readonly isTls: boolean
  readonly tlsTries: readonly TlsTry[]
  readonly features: EhloFeatures
  /** How the connection came about: the beginning of the transcript of its first message. */
  readonly greeting: string
  /** Sends what `take` gives, one after another, until it gives nothing or the connection is at its end. */
  run(take: () => Transaction | undefined): Promise<void>
  isUsable(): boolean
  /** Calls once, when nothing more can be sent. */
  onEnd(listener: () => void): void
  /** QUIT. Resolves when the connection is closed. */
  quit(): Promise<void>
  destroy(reason: string): void
}

export type OpenResult =
  | { readonly kind: 'open'; readonly connection: SmtpConnection; readonly tlsBroken: boolean }
  | {
      readonly kind: 'failed'
      readonly result: SendResult
      readonly transcript: string
      readonly tlsBroken: boolean
      /** This machine could not try: nothing is known about the server. */
      readonly isOurs: boolean
    }

/**
 * Connects to one address (or takes the connection that it is given) and greets. When the policy is opportunistic and
 * the server's TLS does not work, it connects again in plain, once; `tlsBroken` then says so, to be remembered by the
 * caller. Never rejects.
 */
export async function openConnection(options: ConnectionOptions, given?: SmtpWire): Promise<OpenResult> {
  const wasResuming = options.tlsSession?.get() !== undefined
  let first = await attempt(options, '', given)
  if (first.kind === 'failed' && wasResuming && 'phase' in first.result && first.result.phase === 'tls') {
    // Perhaps only the old session was not liked.
    options.tlsSession?.forget()
    first = await attempt(options, first.transcript)
  }
  if (first.kind === 'open' || !first.tlsBroken || options.tls !== 'opportunistic') return first
  const second = await attempt({ ...options, tls: 'none' }, first.transcript)
  return { ...second, tlsBroken: true }
}

async function attempt(options: ConnectionOptions, before: string, given?: SmtpWire): Promise<OpenResult> {
  const transcript = createTranscript()
  transcript.remark(`connecting to ${options.host} [${options.address}]:${options.port}`)
  const wire = given ?? (await openWire({ ...options, connectMs: options.timeouts.connectMs }))
  const end = wire.ended()
  if (end !== undefined) {
    transcript.remark(end.error)
    const { kind, error } = end
    const result: SendResult = { kind, error, phase: 'connect', dotSent: false }
    const isOurs = kind === 'broken' && end.isOurs === true
    return { kind: 'failed', result, transcript: before + transcript.text(), tlsBroken: false, isOurs }
  }
  const greeting = await greetAndLogIn(wire, options, transcript)
  if (greeting.kind === 'failed') {
    wire.end('the greeting failed')
    return { ...greeting, transcript: before + transcript.text(), isOurs: false }
  }
  const connection = createConnection(wire, options, greeting, before + transcript.text())
  return { kind: 'open', connection, tlsBroken: false }
}

async function greetAndLogIn(
  wire: SmtpWire,
  options: ConnectionOptions,
  transcript: Transcript,
): Promise<Greeting> {
  const greeting = await greet(wire, { ...options, now: options.clock.now() }, transcript)
  if (greeting.tls !== undefined) {
    const { host: mxHost, address: mxAddress } = options
    options.tlsTries?.push({ ...greeting.tls, mxHost, mxAddress, sendingIp: wire.localAddress() })
  }
  if (greeting.kind === 'failed') return greeting
  return (await logIn(wire, options, greeting, transcript)) ?? greeting
}

function createConnection(
  wire: SmtpWire,
  options: ConnectionOptions,
  greeting: { readonly features: EhloFeatures; readonly isTls: boolean },
  text: string,
): SmtpConnection {
  const session: Session = {
    wire,
    features: greeting.features,
    timeouts: options.timeouts,
    bdat: greeting.features.chunking && options.noChunking !== true ? 'unproven' : 'no',
    onBdatBroken: () => options.onBdatBroken?.(),
    needsReset: false,
    strayReplies: 0,
    isClosing: false,
    served: 0,
  }
  return {
    host: options.host,
    address: options.address,
    isTls: greeting.isTls,
    tlsTries: options.tlsTries ?? [],
    features: greeting.features,
    greeting: text,
    run: (take) => converse(session, take),
    isUsable: () => wire.ended() === undefined && !session.isClosing && !wire.hasUnread(),
    onEnd: (listener) => wire.onEnd(listener),
    async quit() {
      wire.write('QUIT\r\n')
      await wire.read(options.timeouts.quitMs)
      wire.end('quit')
    },
    destroy: (reason) => wire.end(reason),
  }
}
