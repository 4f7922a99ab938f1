import type { Reply } from '@pigeon/mail/smtp-reply.ts'
import type { MxHost } from '#delivery/resolver.ts'
import type { TlsRule, TlsTry } from './tls-rule.ts'

/** `opportunistic`: encrypt when offered, whatever the certificate says, and go on in plain when that fails (RFC 7435). */
export type TlsPolicy = 'none' | 'opportunistic' | 'required'

/** How long each step may take, in milliseconds. */
export interface SmtpTimeouts {
  readonly connectMs: number
  readonly bannerMs: number
  readonly ehloMs: number
  readonly tlsMs: number
  readonly mailMs: number
  readonly rcptMs: number
  /** Answer to the DATA command. */
  readonly dataMs: number
  /** One block of content leaving this machine. */
  readonly blockMs: number
  /** Answer to the final dot. Too short a wait makes duplicates (RFC 5321 4.5.3.2.6). */
  readonly dotMs: number
  readonly quitMs: number
}

const MINUTE = 60_000

/** RFC 5321 4.5.3.2; connecting, TLS and QUIT are ours. */
export const RFC_5321_TIMEOUTS: SmtpTimeouts = {
  connectMs: MINUTE / 2,
  bannerMs: 5 * MINUTE,
  ehloMs: 5 * MINUTE,
  tlsMs: MINUTE / 2,
  mailMs: 5 * MINUTE,
  rcptMs: 5 * MINUTE,
  dataMs: 2 * MINUTE,
  blockMs: 3 * MINUTE,
  dotMs: 10 * MINUTE,
  quitMs: 5_000,
}

/** Where in the conversation an attempt ended. `data`: up to the final dot; `dot`: waiting for the answer to it. */
export type SendPhase = 'connect' | 'banner' | 'ehlo' | 'tls' | 'mail' | 'rcpt' | 'data' | 'dot'

/** How one attempt ended. `dotSent`: the receiver may have taken the message although it did not say so. */
export type SendResult =
  | { readonly kind: 'reply'; readonly phase: SendPhase; readonly reply: Reply }
  | { readonly kind: 'broken'; readonly phase: SendPhase; readonly error: string; readonly dotSent: boolean }
  | { readonly kind: 'timeout'; readonly phase: SendPhase; readonly error: string; readonly dotSent: boolean }
  | {
      readonly kind: 'unsent'
      readonly reason: 'no_connection' | 'invalid_envelope' | 'journal_failed' | 'closing'
      readonly error: string
      /** When a connection may be tried again. */
      readonly retryAfterMs: number
    }

/** One message to one recipient. */
export interface OutgoingMessage {
  /** Empty for the null sender. */
  readonly mailFrom: string
  readonly rcptTo: string
  /** Dot-stuffed, with the final dot: from `dotStuff`. */
  readonly data: Buffer
  /** Awaited before the final dot leaves; when it rejects, the message is not sent. */
  beforeFinalDot(): Promise<void>
}

/** What is known about the attempt besides its end. */
export interface SendSession {
  readonly mxHost: string | null
  readonly mxAddress: string | null
  readonly isTls: boolean
  /** How TLS went with each host that was asked for this connection. */
  readonly tlsTries: readonly TlsTry[]
  readonly transcript: string
  readonly startedAt: Date
  readonly endedAt: Date
}

/** Where a message goes. Messages with equal hosts, port, TLS policy and source share connections. */
export interface SendRoute {
  /** Limits on connections are per provider. */
  readonly provider: string
  /** Best first, from `MxResolver.resolve`. */
  readonly hosts: readonly MxHost[]
  readonly port: number
  readonly tls: TlsPolicy
  /** What the recipient's domain asks for beyond `tls`, by the name of the MX host. */
  readonly tlsRules?: ReadonlyMap<string, TlsRule>
  /** The IP address mail leaves from; the machine's choice when absent. */
  readonly localAddress?: string
  readonly ehloName: string
}

/** A way to hand messages to receivers. */
export interface Transport {
  /** Never rejects: a refusal is an ordinary day. */
  send(route: SendRoute, message: OutgoingMessage): Promise<SendResult & SendSession>
  /** How many more messages for this provider can be given now without waiting long. */
  capacity(provider: string): number
  /** Lets what has begun end (at most `graceMs`), answers the rest with `unsent`, and says QUIT. */
  close(graceMs: number): Promise<void>
}
