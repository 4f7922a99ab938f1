import { createBoundedMap } from './bounded-map.ts'
import type { BoundedMap } from './bounded-map.ts'
import type { Habits } from './habits.schema.ts'
import type { Situation } from './profile.ts'
import { DAY_MS, HOUR_MS, countIn, fullBucket, isFull, newWindow, takeToken } from './rates.ts'
import type { Bucket, Window } from './rates.ts'
import { fateOf, happens, triggerOf, wouldComplain } from './recipient-fate.ts'
import type { Trigger } from './recipient-fate.ts'
import { newReputation, note, scoreAt } from './reputation.ts'
import type { Reputation } from './reputation.ts'
import { seededHash, seededShare } from './seeded-hash.ts'

/** Attempts, greylisted triplets and cut messages remembered per provider; the oldest are forgotten first. */
const MAX_REMEMBERED = 200_000
/** Addresses, sender domains and blocks remembered per provider. */
const MAX_VISITORS = 10_000

/** What a provider remembers. It is changed by `judge` and nothing else; everything in it has a limit. */
export interface ProviderState {
  readonly seed: number
  /** By message and recipient. */
  readonly refusals: BoundedMap<number, number>
  /** When a triplet was first seen. */
  readonly greylist: BoundedMap<number, number>
  readonly alreadyCut: BoundedMap<number, true>
  readonly visitors: BoundedMap<string, VisitorState>
  readonly domains: BoundedMap<string, DomainState>
  /** Addresses that were blocked by hand, until when. */
  readonly blocks: BoundedMap<string, number>
}

interface VisitorState {
  readonly bucket: Bucket
  readonly hour: Window
  readonly day: Window
  deferredUntilMs: number
  readonly reputation: Reputation
  /** Messages it began: what chance is drawn by. */
  begun: number
}

interface DomainState {
  readonly hour: Window
  readonly day: Window
}

/** Something that happens at a provider, to be decided upon. */
export type ProviderEvent =
  /** A visitor connects, `open` connections from its address being open already. */
  | { readonly kind: 'connect'; readonly ip: string; readonly open: number }
  /** A transaction begins, `served` messages having come on this connection. */
  | { readonly kind: 'mail'; readonly ip: string; readonly mailFrom: string; readonly served: number }
  | { readonly kind: 'recipient'; readonly ip: string; readonly mailFrom: string; readonly recipient: string }

/** A message is complete. */
export interface ContentEvent {
  readonly ip: string
  readonly mailFrom: string
  readonly recipients: readonly string[]
  /** Its sender is who From says, as far as the provider wants to know. */
  readonly isAuthentic: boolean
}

/** Undefined: go on. */
export type Verdict = Situation | undefined

/** `maxRemembered` when more than the usual number of recipients must be told apart. */
export function createProviderState(seed: number, maxRemembered: number = MAX_REMEMBERED): ProviderState {
  return {
    seed,
    refusals: createBoundedMap(maxRemembered),
    greylist: createBoundedMap(maxRemembered),
    alreadyCut: createBoundedMap(maxRemembered),
    visitors: createBoundedMap(MAX_VISITORS),
    domains: createBoundedMap(MAX_VISITORS),
    blocks: createBoundedMap(MAX_VISITORS),
  }
}

/**
 * What a provider of these habits decides: a function of what happened before, what happens now, and when. It asks no
 * clock and no chance but the seed, so receivers and rehearsals get the same answers.
 */
export function judge(state: ProviderState, habits: Habits, event: ProviderEvent, nowMs: number): Verdict {
  if (event.kind === 'connect') return onConnect(state, habits, event, nowMs)
  if (event.kind === 'mail') return onMail(state, habits, event, nowMs)
  return onRecipient(state, habits, event, nowMs)
}

type EventOf<Kind extends ProviderEvent['kind']> = Extract<ProviderEvent, { kind: Kind }>

function onConnect(
  state: ProviderState,
  habits: Habits,
  { ip, open }: EventOf<'connect'>,
  nowMs: number,
): Verdict {
  if (habits.refuses_blocked_at === 'connect' && isBlocked(state, habits, ip, nowMs)) return 'blocked'
  const limit = habits.connections_per_address
  return limit > 0 && open >= limit ? 'too_many_connections' : undefined
}

/** Blocks and reputation first, then what is left of the connection, then the rates: only what passes all counts. */
function onMail(
  state: ProviderState,
  habits: Habits,
  { ip, mailFrom, served }: EventOf<'mail'>,
  nowMs: number,
): Verdict {
  if (isBlocked(state, habits, ip, nowMs)) return 'blocked'
  const limit = habits.messages_per_connection
  if (limit > 0 && served >= limit) return 'connection_used_up'
  const visitor = visitorOf(state, ip, nowMs)
  visitor.begun += 1
  if (visitor.deferredUntilMs > nowMs) return 'volume_deferred'
  if (isDistrusted(state, habits, ip, visitor, nowMs)) return 'reputation_limited'
  const tooMany = aboveVolume(habits, visitor, nowMs)
  if (tooMany !== undefined) return tooMany
  const domain = domainState(state, domainOf(mailFrom))
  const isFromTooMany =
    isFull(domain.hour, habits.domain_messages_per_hour, HOUR_MS, nowMs) ||
    isFull(domain.day, habits.domain_messages_per_day, DAY_MS, nowMs)
  if (isFromTooMany) return 'domain_rate_limited'
  const rate = { perSecond: habits.messages_per_second, burst: habits.burst }
  if (!takeToken(visitor.bucket, rate, nowMs)) return 'rate_limited'
  for (const counted of [visitor, domain]) {
    countIn(counted.hour, HOUR_MS, nowMs)
    countIn(counted.day, DAY_MS, nowMs)
  }
  return undefined
}

function aboveVolume(habits: Habits, visitor: VisitorState, nowMs: number): Verdict {
  const isAbove =
    isFull(visitor.hour, habits.ip_messages_per_hour, HOUR_MS, nowMs) ||
    isFull(visitor.day, habits.ip_messages_per_day, DAY_MS, nowMs)
  if (!isAbove) return undefined
  if (habits.penalty_ms === 0) return 'rate_limited'
  visitor.deferredUntilMs = nowMs + habits.penalty_ms
  return 'volume_deferred'
}

function onRecipient(
  state: ProviderState,
  habits: Habits,
  { ip, mailFrom, recipient }: EventOf<'recipient'>,
  nowMs: number,
): Verdict {
  const { word, times } = triggerOf(recipient)
  const fate = fateOf(state.seed, habits, recipient, word)
  if (fate === 'unknown_user') note(visitorOf(state, ip, nowMs).reputation, 'unknown_user', habits, nowMs)
  if (fate === 'mailbox_full') return wasRefused(state, mailFrom, recipient) ? 'mailbox_still_full' : fate
  if (fate !== undefined) return fate
  if (failsForNow(state, habits, mailFrom, recipient, word, times)) return 'temporary_failure'
  const greylists = word === 'greylist' || happens(state.seed, habits.greylist_share, 'greylist', recipient)
  return greylists && isGreylisted(state, habits, { ip, mailFrom, recipient }, nowMs)
    ? 'greylisted'
    : undefined
}

/** Counts a refusal of this message to this recipient, and says whether there was one before. */
function wasRefused(state: ProviderState, mailFrom: string, recipient: string): boolean {
  return refusedTimes(state, mailFrom, recipient) > 0
}

function refusedTimes(state: ProviderState, mailFrom: string, recipient: string): number {
  const key = seededHash(state.seed, `${mailFrom} ${recipient}`)
  const before = state.refusals.get(key) ?? 0
  state.refusals.set(key, before + 1)
  return before
}

function failsForNow(
  state: ProviderState,
  habits: Habits,
  mailFrom: string,
  recipient: string,
  word: Trigger | undefined,
  times = Number.POSITIVE_INFINITY,
): boolean {
  if (word === 'tempfail') return refusedTimes(state, mailFrom, recipient) < times
  if (!happens(state.seed, habits.temporary_failure_share, 'tempfail', recipient)) return false
  return !wasRefused(state, mailFrom, recipient)
}

function isGreylisted(
  state: ProviderState,
  habits: Habits,
  triplet: { ip: string; mailFrom: string; recipient: string },
  nowMs: number,
): boolean {
  const network = networkOf(triplet.ip, habits.greylist_address_bits)
  const key = seededHash(state.seed, `${network} ${domainOf(triplet.mailFrom)} ${triplet.recipient}`)
  const firstSeenMs = state.greylist.get(key)
  if (firstSeenMs === undefined) state.greylist.set(key, nowMs)
  return firstSeenMs === undefined || nowMs - firstSeenMs < habits.greylist_delay_ms
}

/** The same for a message that is complete. `cut`: the connection is cut before the reply. */
export function judgeContent(
  state: ProviderState,
  habits: Habits,
  { ip, mailFrom, recipients, isAuthentic }: ContentEvent,
  nowMs: number,
): Verdict | 'cut' {
  if (habits.requires_authentication !== 'nothing' && !isAuthentic) return 'unauthenticated'
  const { reputation } = visitorOf(state, ip, nowMs)
  for (const recipient of recipients) {
    const { word } = triggerOf(recipient)
    if (word === 'spam') return 'spam'
    const isCut = word === 'cut' || happens(state.seed, habits.cut_share, 'cut', recipient)
    if (isCut && isFirstCut(state, mailFrom, recipient)) return 'cut'
    note(reputation, 'message', habits, nowMs)
    if (wouldComplain(state.seed, habits, recipient)) note(reputation, 'complaint', habits, nowMs)
  }
  return undefined
}

function isFirstCut(state: ProviderState, mailFrom: string, recipient: string): boolean {
  const key = seededHash(state.seed, `cut ${mailFrom} ${recipient}`)
  if (state.alreadyCut.get(key) !== undefined) return false
  state.alreadyCut.set(key, true)
  return true
}

/** Blocked by hand, or by a reputation that is too bad. */
export function isBlocked(state: ProviderState, habits: Habits, ip: string, nowMs: number): boolean {
  const until = state.blocks.get(ip)
  if (until !== undefined && until > nowMs) return true
  const visitor = state.visitors.get(ip)
  return visitor !== undefined && scoreAt(visitor.reputation, habits, nowMs) < habits.blocked_reputation
}

/** Below `poor_reputation` a part of the messages is deferred, the larger the poorer: half of them at half of it. */
function isDistrusted(
  state: ProviderState,
  habits: Habits,
  ip: string,
  visitor: VisitorState,
  nowMs: number,
): boolean {
  const score = scoreAt(visitor.reputation, habits, nowMs)
  if (score >= habits.poor_reputation) return false
  return seededShare(state.seed, `trust ${ip} ${visitor.begun}`) >= score / habits.poor_reputation
}

export function visitorOf(state: ProviderState, ip: string, nowMs: number): VisitorState {
  const known = state.visitors.get(ip)
  if (known !== undefined) return known
  const visitor: VisitorState = {
    bucket: fullBucket(nowMs),
    hour: newWindow(),
    day: newWindow(),
    deferredUntilMs: Number.NEGATIVE_INFINITY,
    reputation: newReputation(nowMs),
    begun: 0,
  }
  state.visitors.set(ip, visitor)
  return visitor
}

function domainState(state: ProviderState, domain: string): DomainState {
  const known = state.domains.get(domain)
  if (known !== undefined) return known
  const fresh = { hour: newWindow(), day: newWindow() }
  state.domains.set(domain, fresh)
  return fresh
}

/** The leading bits of an IPv4 address; any other address as it is. */
function networkOf(ip: string, bits: number): string {
  const parts = ip.split('.').map(Number)
  if (bits === 32 || parts.length !== 4) return ip
  const number = parts.reduce((sum, part) => sum * 256 + part, 0)
  return String(Math.floor(number / 2 ** (32 - bits)))
}

export function domainOf(address: string): string {
  return address.slice(address.lastIndexOf('@') + 1).toLowerCase()
}
