import type { Afterwards } from './afterwards/afterwards.schema.ts'
import type { Habits } from './habits.schema.ts'

/** What a provider can have against a visitor, a recipient or a message. */
export const SITUATIONS = [
  'unknown_user',
  'mailbox_full',
  'mailbox_still_full',
  'inactive',
  'greylisted',
  'rate_limited',
  'domain_rate_limited',
  'volume_deferred',
  'reputation_limited',
  'too_many_connections',
  'connection_used_up',
  'temporary_failure',
  'rejected',
  'unauthenticated',
  'spam',
  'blocked',
  'too_big',
] as const
export type Situation = (typeof SITUATIONS)[number]

/**
 * A reply before its placeholders ({ip}, {recipient}, {from}, {domain}, {id}, {host}) are filled in. `status` is the
 * RFC 3463 code, empty for the servers that give none.
 */
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
  readonly name: string
  /** Whose rules for replies fit, and how reports call it: `microsoft` runs two of these. */
  readonly knownAs: string
  /** The loopback address it listens on. */
  readonly address: string
  /** Host name in banner and EHLO reply. */
  readonly host: string
  readonly banner: string
  /** Without STARTTLS, which its habits decide. */
  readonly capabilities: readonly string[]
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
  /** As published, or as such providers are known to be. */
  readonly habits: Habits
  /** The same with what is milder in the sandbox, so that a first campaign ends in seconds. */
  readonly gentleHabits: Habits
  /** What comes back of mail that it accepted, when the windtunnel sends back at all. */
  readonly afterwards: Afterwards
}
