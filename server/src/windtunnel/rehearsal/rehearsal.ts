import type { BounceClass } from '@pigeon/mail/bounce-class.ts'

/** What a rehearsal is about: who is written to, from where, and what happens to mail that is put off. */
export interface RehearsalInput {
  /** As the windtunnel's: decides who is unknown, full or greylisted. */
  readonly seed: number
  readonly recipients: readonly RecipientGroup[]
  readonly sources: readonly RehearsalSource[]
  readonly retry: RehearsalRetry
  readonly sender: RehearsalSender
  readonly timing: RehearsalTiming
}

/** Recipients of one provider, as routing knows it: a provider's name or the site of its MX hosts. */
export interface RecipientGroup {
  readonly provider: string
  readonly count: number
  /** The address of each, so that fates follow from the seed as in the windtunnel; made up when absent. */
  readonly addressAt?: ((index: number) => string) | undefined
}

export interface RehearsalSource {
  readonly ip: string
  /** Days on which it has sent before: providers know it by so much. Default 0, an address nobody has seen. */
  readonly daysKnown?: number
  readonly limits: LaneLimits
  /** What differs for one provider, by the provider's name in `recipients`. */
  readonly providers?: Readonly<Record<string, Partial<LaneLimits>>>
}

/** What we allow ourselves from one source to one provider. Absent: no limit. */
export interface LaneLimits {
  readonly maxConnections: number
  readonly messagesPerConnection: number
  readonly perSecond?: number
  readonly perMinute?: number
  readonly perHour?: number
  readonly perDay?: number
  /** Messages on the first, second … day of the rehearsal; the days after are free. */
  readonly warmup?: readonly number[]
}

export interface RehearsalRetry {
  /** Before the second attempt, the third …; the last one repeats. */
  readonly waitsMs: readonly number[]
  /** Share of a wait by which it is shortened or lengthened at random. */
  readonly jitter: number
  /** After this a message is given up. */
  readonly expiresMs: number
  /** When a message's life begins; default `start`: with the rehearsal, all at once. */
  readonly lifeFrom?: 'start' | 'first_attempt'
  /** A lane pauses so long after a reply that asks to slow down, twice as long after the next, up to `maxPauseMs`. */
  readonly slowMs: number
  /** The same after a reply that closes the lane, such as a block list. */
  readonly suspendMs: number
  readonly maxPauseMs: number
}

export interface RehearsalSender {
  /** Domain of the envelope sender. */
  readonly domain: string
  readonly isSpfAligned: boolean
  readonly isDkimAligned: boolean
}

export interface RehearsalTiming {
  /** TCP, banner, EHLO and TLS. */
  readonly connectMs: number
  /** Envelope, content and reply. */
  readonly messageMs: number
  /** A connection nobody uses is closed after this. */
  readonly idleMs: number
}

/** What held a lane up. `retries`: nothing was due. */
export const HOLDUPS = ['connections', 'own_limits', 'warmup', 'provider', 'retries'] as const
export type Holdup = (typeof HOLDUPS)[number]

/** What would happen at one provider. Times are virtual milliseconds since the start. */
export interface ProviderForecast {
  readonly provider: string
  /** The profile by whose habits it was rehearsed. */
  readonly profile: string
  readonly recipients: number
  readonly delivered: number
  readonly bounced: Readonly<Partial<Record<BounceClass, number>>>
  readonly expired: number
  readonly attempts: number
  /** Attempts that were put off, by reason. */
  readonly deferred: Readonly<Partial<Record<BounceClass, number>>>
  readonly connections: number
  readonly refusedConnections: number
  /** Until the last message was final; 0 when there is none. */
  readonly durationMs: number
  /** What held up most; undefined when nothing did. */
  readonly limitedBy: Holdup | undefined
  /** When half, 95% and 99% of what is delivered has been. */
  readonly deliveredMs: { readonly half: number; readonly most: number; readonly nearlyAll: number }
  /** How long each held the lanes up, all lanes together, in relation to the share of messages that waited. */
  readonly heldUpMs: Readonly<Record<Holdup, number>>
  readonly series: RateSeries
  readonly sources: readonly SourceForecast[]
}

export interface SourceForecast {
  readonly ip: string
  readonly delivered: number
  readonly deferred: number
  readonly bounced: number
  /** What the provider thinks of it at the end, 0 to 100. */
  readonly reputation: number
}

/** How many in each stretch of `everyMs`, from the start. */
export interface RateSeries {
  readonly everyMs: number
  readonly points: readonly SeriesPoint[]
}

export interface SeriesPoint {
  readonly delivered: number
  readonly deferred: number
  readonly bounced: number
}

export interface Forecast {
  readonly recipients: number
  readonly delivered: number
  readonly bounced: number
  readonly expired: number
  readonly deferred: number
  readonly durationMs: number
  readonly providers: readonly ProviderForecast[]
}
