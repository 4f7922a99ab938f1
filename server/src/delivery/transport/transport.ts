import type { BounceClass } from '@pigeon/mail/bounce-class.ts'
import type { SaslCredentials } from '@pigeon/mail/sasl.ts'
import type { DsnRequest } from '@pigeon/mail/smtp-dsn.ts'
import type { Reply } from '@pigeon/mail/smtp-reply.ts'
import type { Rate } from '#delivery/lanes/rate-limit.ts'
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
export type SendPhase = 'connect' | 'banner' | 'ehlo' | 'tls' | 'auth' | 'mail' | 'rcpt' | 'data' | 'dot'

/** The server said in its greeting that it does not take such a message, so it was not asked. */
export type UnfitReason = 'too_big' | 'needs_8bitmime' | 'needs_smtputf8'

/** How one attempt ended. `dotSent`: the receiver may have taken the message although it did not say so. */
export type SendResult =
  | {
      readonly kind: 'reply'
      readonly phase: SendPhase
      readonly reply: Reply
      /** A relay said it: its yes means `sent`, and rules of the recipient's provider do not read its no. */
      readonly isRelay?: true
    }
  | { readonly kind: 'broken'; readonly phase: SendPhase; readonly error: string; readonly dotSent: boolean }
  | { readonly kind: 'timeout'; readonly phase: SendPhase; readonly error: string; readonly dotSent: boolean }
  | RelayAnswer
  | {
      readonly kind: 'unsent'
      readonly reason:
        | 'no_connection'
        | 'invalid_envelope'
        | 'journal_failed'
        | 'closing'
        | UnfitReason
        | RelayRefusal
      readonly error: string
      /** When a connection may be tried again. */
      readonly retryAfterMs: number
    }

/**
 * Why a relay takes nothing now, through no fault of the message. `limited`: too fast or too many. `suspended`: it does
 * not accept our credentials or has closed the account. `sender_refused`: the sending domain is not set up there.
 */
export type RelayRefusal = 'limited' | 'suspended' | 'sender_refused'

/** What the API of a relay answered about a message. `bounced`: the recipient is at fault; `failed`: the message is. */
export interface RelayAnswer {
  readonly kind: 'answer'
  readonly verdict: 'sent' | 'deferred' | 'bounced' | 'failed'
  readonly class: BounceClass | null
  /** The status and what was said, in one line; the relay's own id for a message it took is in it. */
  readonly text: string
  /** The relay's id for the message, by which its later reports name it. */
  readonly relayId: string | null
  /** For `deferred`: not before this. */
  readonly retryAfterMs: number
  /** For `deferred`: it may have taken the message nevertheless. */
  readonly inDoubt: boolean
}

/** One message to one recipient. */
export interface OutgoingMessage {
  /** Empty for the null sender. */
  readonly mailFrom: string
  readonly rcptTo: string
  /** Dot-stuffed, with the final dot: from `dotStuff`. */
  readonly data: Buffer
  /** What the receiver shall report; asked for where DSN is offered. */
  readonly dsn?: DsnRequest
  /** Awaited before the final dot (or the last octet of a chunk) leaves; when it rejects, the message is not sent. */
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

/** A log-in (RFC 4954). It is sent over TLS, or to this machine itself. */
export interface SmtpAuth extends SaslCredentials {
  /** Somebody answers for the network between Pigeon and the smarthost. */
  readonly allowWithoutTls?: boolean
}

/** Where a message goes. Messages with equal hosts, port, TLS policy, log-in and source share connections. */
export interface SendRoute {
  /** Limits on connections are per lane. */
  readonly lane: string
  /** Best first, from `MxResolver.resolve`. */
  readonly hosts: readonly MxHost[]
  readonly port: number
  readonly tls: TlsPolicy
  /** TLS from the first octet, as on port 465 (RFC 8314 3.3); `tls` is then of no account. */
  readonly isImplicitTls?: boolean
  /** How Pigeon logs in to a smarthost. */
  readonly auth?: SmtpAuth
  /** What the recipient's domain asks for beyond `tls`, by the name of the MX host. */
  readonly tlsRules?: ReadonlyMap<string, TlsRule>
  /** The IP address mail leaves from; the machine's choice when absent. */
  readonly localAddress?: string
  readonly ehloName: string
}

export interface ConnectionLimits {
  readonly maxConnections: number
  readonly maxMessagesPerConnection: number
  readonly connectionRates: readonly Rate[]
  /** A connection with nothing to send is closed after this. */
  readonly idleMs: number
}

/** A way to hand messages to receivers. */
export interface Transport {
  /** Never rejects: a refusal is an ordinary day. */
  send(route: SendRoute, message: OutgoingMessage): Promise<SendResult & SendSession>
  /** From whom to hear how many connections a lane may have; before, and where nothing is said, the defaults hold. */
  limit(limitsOf: (lane: string) => ConnectionLimits | undefined): void
  /** Open connections of a lane. */
  connections(lane: string): number
  /** Lets what has begun end (at most `graceMs`), answers the rest with `unsent`, and says QUIT. */
  close(graceMs: number): Promise<void>
}
