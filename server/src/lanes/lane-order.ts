import type { SendingMode } from '#events/email-events.ts'

/** What a person may say about lanes: of one source to a provider, or of all of them. */
export interface LaneTarget {
  readonly mode: SendingMode
  readonly provider: string
  /** The name of a source; absent: every source. */
  readonly source?: string
}

/** What is in an order. All null: there is none. */
export interface OrderFields {
  /** Why nothing is sent. */
  readonly paused: string | null
  readonly messages_per_minute: number | null
  /** The end of the limit; null: until a person says so. */
  readonly until: Date | null
  /** A suspension from before this ends with a question. */
  readonly probe_at: Date | null
}

export const NO_ORDER: OrderFields = { paused: null, messages_per_minute: null, until: null, probe_at: null }

export const ORDER_LIMITS = {
  reasonChars: 200,
  /** A limit above this is none. */
  messagesPerMinute: 1_000_000,
  /** A week: what holds longer belongs into the shaping file. */
  forMinutes: 10_080,
} as const

/** Delivery heeds a word to ask for so long. */
const PROBE_HOLDS_MS = 60_000

/** What is left of an order: a limit whose time is over holds no more, and a question was asked long ago. */
export function inForce<O extends OrderFields>(order: O, now: Date): O {
  const isOver = order.until !== null && order.until <= now
  const isAsked = order.probe_at !== null && now.getTime() - order.probe_at.getTime() >= PROBE_HOLDS_MS
  return {
    ...order,
    ...(isOver ? { messages_per_minute: null, until: null } : {}),
    ...(isAsked ? { probe_at: null } : {}),
  }
}

export function saysNothing(order: OrderFields): boolean {
  return order.paused === null && order.messages_per_minute === null && order.probe_at === null
}

/** `live/google from every source`: how a target is named in the audit log and in sentences. */
export function wordsOf({
  mode,
  provider,
  source,
}: Pick<LaneTarget, 'mode' | 'provider'> & { readonly source?: string | null }): string {
  return `${mode}/${provider} from ${source ?? 'every source'}`
}
