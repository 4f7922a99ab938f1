import { setImmediate } from 'node:timers/promises'
import { Problem } from '#platform/problem.ts'
import type { Habits } from '#windtunnel/habits.schema.ts'
import type { Profile } from '#windtunnel/profile.ts'
import { isWithin } from '#windtunnel/provider-lookup.ts'
import { prepareProvider } from './rehearse-provider.ts'
import type { Forecast, LaneLimits, ProviderForecast, RehearsalInput } from './rehearsal.ts'

export const MAX_REHEARSAL_RECIPIENTS = 20_000_000
export const MAX_REHEARSAL_SOURCES = 200
const MAX_CONNECTIONS = 10_000
/** Between two breaths, so that a process that rehearses also answers. */
const STEPS_A_TURN = 20_000
/** Who stands in for a provider that nobody has described: a small server that greylists. */
const STRANGER = 'smallisp'

interface Deps {
  readonly profiles: readonly Profile[]
  /** Habits to go by; default those that were published. */
  readonly habitsOf?: (profile: Profile) => Habits
}

/**
 * Predicts what would become of a send, by the same functions that the simulated receivers decide with and the same
 * rules that read real replies: a discrete-event simulation in virtual time, without sockets. Providers do not share
 * anything, so they are rehearsed one after the other. Throws a Problem for input that cannot be rehearsed, and the
 * signal's reason when it is aborted. A million recipients take some seconds and about 100 MB.
 */
export async function rehearse(deps: Deps, input: RehearsalInput, signal?: AbortSignal): Promise<Forecast> {
  checkInput(input)
  const providers: ProviderForecast[] = []
  for (const group of input.recipients) {
    const profile = profileFor(deps.profiles, group.provider)
    const rehearsal = prepareProvider(input, group, profile, deps.habitsOf?.(profile) ?? profile.habits)
    for (let steps = 1; rehearsal.step(); steps++) {
      if (steps % STEPS_A_TURN !== 0) continue
      await setImmediate()
      signal?.throwIfAborted()
    }
    providers.push(rehearsal.forecast())
  }
  return { ...totals(providers), providers }
}

/** By its name, by how reports call it, by the end of its hosts' names; otherwise a stranger. */
export function profileFor(profiles: readonly Profile[], provider: string): Profile {
  const name = provider.toLowerCase()
  const found =
    profiles.find((profile) => profile.name === name) ??
    profiles.find((profile) => profile.knownAs === name) ??
    profiles.find(({ hostSuffixes }) => hostSuffixes.some((suffix) => isWithin(name, suffix))) ??
    profiles.find((profile) => profile.name === STRANGER) ??
    profiles[0]
  if (found === undefined) throw new RangeError('There is no profile at all.')
  return found
}

/** Waits that double from the first to the longest, as many as it takes: what a back-off comes to. */
export function doublingWaits(firstMs: number, maxMs: number): number[] {
  const waits = [Math.min(firstMs, maxMs)]
  for (let wait = firstMs * 2; wait < maxMs * 2 && waits.length < 64; wait *= 2)
    waits.push(Math.min(wait, maxMs))
  return waits
}

function totals(providers: readonly ProviderForecast[]): Omit<Forecast, 'providers'> {
  const sum = (amount: (provider: ProviderForecast) => number) =>
    providers.reduce((total, provider) => total + amount(provider), 0)
  const all = (counts: Readonly<Record<string, number>>) =>
    Object.values(counts).reduce((total, each) => total + each, 0)
  return {
    recipients: sum(({ recipients }) => recipients),
    delivered: sum(({ delivered }) => delivered),
    bounced: sum(({ bounced }) => all(bounced)),
    expired: sum(({ expired }) => expired),
    deferred: sum(({ deferred }) => all(deferred)),
    durationMs: Math.max(0, ...providers.map(({ durationMs }) => durationMs)),
  }
}

function checkInput({ recipients, sources, retry }: RehearsalInput): void {
  const total = recipients.reduce((sum, { count }) => sum + count, 0)
  const wrong = [
    [
      total > MAX_REHEARSAL_RECIPIENTS,
      `At most ${MAX_REHEARSAL_RECIPIENTS} recipients are rehearsed at once.`,
    ],
    [recipients.some(({ count }) => !Number.isInteger(count) || count < 0), 'Counts are whole numbers.'],
    [sources.length === 0, 'Name at least one source to send from.'],
    [
      sources.length > MAX_REHEARSAL_SOURCES,
      `At most ${MAX_REHEARSAL_SOURCES} sources are rehearsed at once.`,
    ],
    [
      sources.some((source) =>
        [source.limits, ...Object.values(source.providers ?? {})].some((limits) => !isPossible(limits)),
      ),
      'The limits of a source are above 0, with at most 10000 connections.',
    ],
    [
      retry.waitsMs.length === 0 || retry.waitsMs.some((wait) => wait <= 0),
      'Name at least one wait, all above 0.',
    ],
    [!(retry.jitter >= 0 && retry.jitter < 1), 'The jitter is a share from 0 to below 1.'],
    [!(retry.slowMs > 0 && retry.suspendMs > 0), 'A pause is longer than 0.'],
    [!Number.isFinite(retry.expiresMs), 'Messages expire at some time.'],
  ] as const
  for (const [isWrong, message] of wrong)
    if (isWrong) throw new Problem('invalid', 'windtunnel.bad_rehearsal', message)
}

function isPossible({ maxConnections = 1, ...limits }: Partial<LaneLimits>): boolean {
  const { messagesPerConnection = 1, perSecond = 1, perMinute = 1, perHour = 1, perDay = 1 } = limits
  const isAboveZero = [messagesPerConnection, perSecond, perMinute, perHour, perDay].every(
    (limit) => limit > 0,
  )
  return isAboveZero && maxConnections >= 1 && maxConnections <= MAX_CONNECTIONS
}
