import type { KnownLanes } from '#delivery/read-lanes.ts'
import type { Rate } from '#delivery/lanes/rate-limit.ts'
import type { ProviderLimits } from '#delivery/shaping/shaping.ts'
import type { Pool } from '#sources/pool.ts'
import type { LaneLimits, RehearsalSource } from '#windtunnel/rehearsal/rehearsal.ts'
import { warmUpState } from './lane-outlook.ts'

export interface SourcesQuestion {
  readonly pool: Pool
  readonly providers: readonly string[]
  /** Limits of a source to a provider. */
  readonly limitsOf: (provider: string, sourceId: string) => ProviderLimits
  readonly known: KnownLanes
  /** Of the installation. */
  readonly maxConnections: number
  readonly now: Date
}

/** A warm source is taken as known to everybody for so long. */
const WARM_DAYS = 30
/** For a source that lets the machine choose its address: a place for documentation (RFC 5737), different for each. */
const UNKNOWN_NET = '192.0.2.'
const MOST_CONNECTIONS = 10_000
const ANY = ''

/** The sources of a pool that would take part, as a rehearsal wants them: relays and draining ones do not. */
export function rehearsalSources(question: SourcesQuestion): RehearsalSource[] {
  const members = question.pool.members.filter(({ source }) => source.kind === 'ip' && !source.isDraining)
  return members.map((member, index) => {
    const { source } = member
    const lane = (provider: string): LaneLimits => {
      const known = question.known.lanes.find(
        (each) => each.provider === provider && each.sourceId === source.id,
      )
      const warming = warmUpState(member, known, question.now)
      const limits = laneLimits(question, question.limitsOf(provider, source.id), members.length)
      if (warming === undefined) return limits
      const { state, curve } = warming
      const today = Math.max(0, (curve[state.stage] ?? 0) - state.sent)
      return { ...limits, warmup: [today, ...curve.slice(state.stage + 1)] }
    }
    return {
      ip: source.localAddress ?? `${UNKNOWN_NET}${(index % 254) + 1}`,
      daysKnown: source.warmUp === null ? WARM_DAYS : daysSince(source.warmUp.startedAt, question.now),
      limits: lane(ANY),
      providers: Object.fromEntries(question.providers.map((provider) => [provider, lane(provider)])),
    }
  })
}

/** What all sources share is divided among them. */
function laneLimits(
  question: SourcesQuestion,
  { lane, provider }: ProviderLimits,
  sources: number,
): LaneLimits {
  const shared = Math.min(provider.maxConnections, question.maxConnections)
  const maxConnections = Math.min(
    lane.maxConnections,
    Math.max(1, Math.floor(shared / sources)),
    MOST_CONNECTIONS,
  )
  const rate = (perMs: number): number | undefined => {
    const own = lane.rates.find((each) => each.perMs === perMs)?.count ?? Infinity
    const part = (provider.rates.find((each: Rate) => each.perMs === perMs)?.count ?? Infinity) / sources
    return Math.min(own, part) === Infinity ? undefined : Math.min(own, part)
  }
  const limits = {
    perSecond: rate(1_000),
    perMinute: rate(60_000),
    perHour: rate(3_600_000),
    perDay: rate(86_400_000),
  }
  const given = Object.entries(limits).filter(([, value]) => value !== undefined)
  return {
    maxConnections,
    messagesPerConnection: Math.min(lane.maxMessagesPerConnection, Number.MAX_SAFE_INTEGER),
    ...Object.fromEntries(given),
  }
}

function daysSince(at: Date, now: Date): number {
  return Math.max(0, Math.floor((now.getTime() - at.getTime()) / 86_400_000))
}
