import type { EhloFeatures } from '@pigeon/mail/smtp-reply.ts'
import type { Clock } from '#platform/clock.ts'
import { greet } from './smtp-greeting.ts'
import { converse, type Transaction } from './smtp-transaction.ts'
import { openWire, type SmtpWire } from './smtp-wire.ts'
import type { TlsRule, TlsTry } from './tls-rule.ts'
import { createTranscript } from './transcript.ts'
import type { SendResult, SmtpTimeouts, TlsPolicy } from './transport.ts'

export interface ConnectionOptions {
  /** Name of the MX host: for TLS and for the transcript. */
  readonly host: string
  readonly address: string
  readonly port: number
  readonly localAddress?: string | undefined
  readonly ehloName: string
  readonly tls: TlsPolicy
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
    }

/**
 * Connects to one address and greets. When the policy is opportunistic and the server's TLS does not work, it connects
 * again in plain, once; `tlsBroken` then says so, to be remembered by the caller. Never rejects.
 */
export async function openConnection(options: ConnectionOptions): Promise<OpenResult> {
  const first = await attempt(options, '')
  if (first.kind === 'open' || !first.tlsBroken || options.tls !== 'opportunistic') return first
  const second = await attempt({ ...options, tls: 'none' }, first.transcript)
  return { ...second, tlsBroken: true }
}

async function attempt(options: ConnectionOptions, before: string): Promise<OpenResult> {
  const transcript = createTranscript()
  transcript.remark(`connecting to ${options.host} [${options.address}]:${options.port}`)
  const wire = await openWire({ ...options, connectMs: options.timeouts.connectMs })
  const end = wire.ended()
  if (end !== undefined) {
    transcript.remark(end.error)
    const result: SendResult = { ...end, phase: 'connect', dotSent: false }
    return { kind: 'failed', result, transcript: before + transcript.text(), tlsBroken: false }
  }
  const greeting = await greet(wire, { ...options, now: options.clock.now() }, transcript)
  if (greeting.tls !== undefined) {
    const { host: mxHost, address: mxAddress } = options
    options.tlsTries?.push({ ...greeting.tls, mxHost, mxAddress, sendingIp: wire.localAddress() })
  }
  if (greeting.kind === 'failed') {
    wire.end('the greeting failed')
    return { ...greeting, transcript: before + transcript.text() }
  }
  const connection = createConnection(wire, options, greeting, before + transcript.text())
  return { kind: 'open', connection, tlsBroken: false }
}

function createConnection(
  wire: SmtpWire,
  options: ConnectionOptions,
  greeting: { readonly features: EhloFeatures; readonly isTls: boolean },
  text: string,
): SmtpConnection {
  const session = {
    wire,
    features: greeting.features,
    timeouts: options.timeouts,
    needsReset: false,
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
