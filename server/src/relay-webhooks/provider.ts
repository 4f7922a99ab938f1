import type { IncomingHttpHeaders } from 'node:http'
import type { RelayFeedback } from './relay-event.ts'

/** A request as it came: signatures are of the octets, so it is not parsed before. */
export interface ToldRequest {
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface ProviderInput {
  readonly request: ToldRequest
  readonly sourceId: string
  /** What the operator has said that its webhooks are known by; null: nothing. */
  readonly verification: string | null
  /** Of our own making, given to the provider with the URL. */
  readonly password: string
  readonly now: Date
}

/** Why a request is not believed, in words for the operator. */
export interface Refused {
  readonly refused: string
}

/** What is to be done about a request that is genuine. */
export interface Genuine {
  readonly events: readonly RelayFeedback[]
  /** SNS wants this to be fetched, once, before it tells anything. */
  readonly confirm?: URL
}

/**
 * How old a signed request may be. Providers try for up to a day; the same event told twice counts once, whenever it comes.
 */
export const REPLAY_WINDOW_MS = 24 * 3_600_000
/** Their clocks may be ahead of ours. */
const AHEAD_MS = 10 * 60_000

export function isFresh(at: Date, now: Date): boolean {
  const age = now.getTime() - at.getTime()
  return age <= REPLAY_WINDOW_MS && age >= -AHEAD_MS
}

export const STALE: Refused = { refused: 'It was signed more than a day ago, or its clock is wrong.' }

export function header(request: ToldRequest, name: string): string {
  const value = request.headers[name]
  return typeof value === 'string' ? value : ''
}
