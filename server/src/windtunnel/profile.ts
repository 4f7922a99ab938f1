import type { Habits } from './habits.schema.ts'

export const PROVIDER_NAMES = ['google', 'microsoft', 'yahoo', 'gmx', 'smallisp', 'plain'] as const
export type ProviderName = (typeof PROVIDER_NAMES)[number]

/** What a provider can have against a visitor, a recipient or a message. */
export const SITUATIONS = [
  'unknown_user',
  'mailbox_full',
  'mailbox_still_full',
  'inactive',
  'greylisted',
  'rate_limited',
  'too_many_connections',
  'temporary_failure',
  'rejected',
  'spam',
  'blocked',
  'too_big',
] as const
export type Situation = (typeof SITUATIONS)[number]

/** A reply before its placeholders ({ip}, {recipient}, {id}, {host}) are filled in. `status` is the RFC 3463 code. */
export interface ReplyTemplate {
  readonly code: number
  readonly status: string
  readonly lines: readonly string[]
}

export interface MxHost {
  readonly preference: number
  readonly exchange: string
}

/** One simulated provider, as data. */
export interface Profile {
  readonly name: ProviderName
  /** The loopback address it listens on. */
  readonly address: string
  /** Host name in banner and EHLO reply. */
  readonly host: string
  readonly banner: string
  readonly capabilities: readonly string[]
  readonly offersTls: boolean
  /** Domains of its own mailboxes. */
  readonly domains: readonly string[]
  /** Share of all domains nobody names that it hosts, in relation to the other weights. */
  readonly weight: number
  /** MX of its own domains and of domains it hosts; {domain} and {dashed} (dots as hyphens) are filled in. */
  readonly ownMx: readonly MxHost[]
  readonly hostedMx: readonly MxHost[]
  /** Host names that end like this are its servers. */
  readonly hostSuffixes: readonly string[]
  readonly accepted: string
  readonly words: Readonly<Record<Situation, ReplyTemplate>>
  readonly habits: Habits
}

export function isProviderName(text: string): text is ProviderName {
  return PROVIDER_NAMES.some((name) => name === text)
}
