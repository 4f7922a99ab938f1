import { manualClock, type ManualClock } from './manual-clock.ts'
import type { SendJob } from '#events/email-events.ts'
import type { ProviderLimits, SharedLimits } from '#delivery/shaping/shaping.ts'
import type { LanePool } from '#delivery/lanes/destination.ts'
import type { MessageClass } from '#delivery/lanes/fair-queue.ts'
import { LIVE_TIMES } from '#delivery/lanes/lane-health.ts'
import type { Closed, Lane, LaneSource, LaneVerdict, SavedLane } from '#delivery/lanes/lane.ts'
import { createLanes, type HeldJob, type Lanes } from '#delivery/lanes/lanes.ts'
import { dayOf } from '#delivery/lanes/warm-up.ts'

export const NO_LIMIT: SharedLimits = { maxConnections: Infinity, rates: [] }
export const ACCEPTED: LaneVerdict = { kind: 'accepted' }
export const SEND_MS = 10

export interface Sent {
  readonly atMs: number
  readonly held: HeldJob
  readonly source: string
}

export interface Rig {
  readonly clock: ManualClock
  readonly lanes: Lanes
  readonly sent: Sent[]
  readonly back: { readonly held: HeldJob; readonly untilMs: number | undefined }[]
  readonly suspended: string[]
  verdict: (held: HeldJob, lane: Lane) => LaneVerdict
  pools: LanePool[]
  readonly closed: Map<string, Closed>
}

export interface RigOptions {
  readonly pools?: LanePool[]
  readonly limits?: (provider: string) => Partial<ProviderLimits['lane']>
  readonly tenant?: SharedLimits
  readonly maxActive?: number
  readonly saved?: Readonly<Record<string, SavedLane>>
}

export function poolOf(id: string, sources: readonly LaneSource[], overflow?: string): LanePool {
  const members = sources.map((source) => ({ source, weight: 1 }))
  return overflow === undefined ? { id, name: id, members } : { id, name: id, members, overflow }
}

export function ip(name: string, more: Partial<LaneSource> = {}): LaneSource {
  return { id: name, name, ...more }
}

export function rig(options: RigOptions = {}): Rig {
  const clock = manualClock()
  const limits = new Map<string, ProviderLimits>()
  const limitsOf = (provider: string): ProviderLimits => {
    const known = limits.get(provider) ?? {
      lane: {
        maxConnections: 5,
        rates: [],
        maxMessagesPerConnection: 100,
        connectionRates: [],
        idleMs: 1_000,
        tls: undefined,
        ...options.limits?.(provider),
      },
      provider: NO_LIMIT,
      tenant: options.tenant ?? NO_LIMIT,
    }
    limits.set(provider, known)
    return known
  }
  const made: Rig = {
    clock,
    sent: [],
    back: [],
    suspended: [],
    verdict: () => ACCEPTED,
    pools: options.pools ?? [poolOf('main', [ip('a')])],
    closed: new Map(),
    lanes: createLanes({
      clock,
      pool: (id) => made.pools.find((pool) => pool.id === id) ?? poolOf(id, []),
      limits: limitsOf,
      poolsOf: () => [],
      times: { live: LIVE_TIMES, sandbox: LIVE_TIMES },
      saved: (key) => options.saved?.[key],
      made: () => undefined,
      day: () => dayOf(clock.now()),
      closed: (source) => made.closed.get(source.id),
      maxActive: options.maxActive ?? 1_000,
      mayBegin: () => true,
      tenantLimits: () => NO_LIMIT,
      giveBack: (jobs, untilMs) => void made.back.push(...jobs.map((held) => ({ held, untilMs }))),
      onSuspended: (lane) => void made.suspended.push(lane.key),
      send: async (held, lane) => {
        made.sent.push({ atMs: clock.monotonicMs(), held, source: lane.source().name })
        await clock.sleep(SEND_MS)
        return made.verdict(held, lane)
      },
    }),
  }
  return made
}

let messages = 0

export function job(
  more: Partial<SendJob> = {},
  of: { pool?: string; messageClass?: MessageClass } = {},
): HeldJob {
  const tenantId = more.tenantId ?? 'tenant'
  return {
    tenantId,
    messageClass: of.messageClass ?? 'bulk',
    poolId: of.pool ?? 'main',
    shard: 0,
    epoch: 1,
    job: {
      messageId: `m${++messages}`,
      tenantId,
      campaignId: 'c',
      contactId: null,
      recipient: 'a@b.example',
      firstName: null,
      lastName: null,
      attributes: {},
      mode: 'live',
      domain: 'b.example',
      provider: 'google',
      destination: 1,
      attempt: 1,
      lastSource: null,
      lastClass: null,
      lastReply: null,
      claimedAt: '',
      expiresAt: '',
      ...more,
    },
  }
}

export function jobs(
  count: number,
  more: Partial<SendJob> = {},
  of: Parameters<typeof job>[1] = {},
): HeldJob[] {
  return Array.from({ length: count }, () => job(more, of))
}

export function bySource(sent: readonly Sent[]): Record<string, number> {
  return Object.fromEntries(
    [...Map.groupBy(sent, (one) => one.source)].map(([name, all]) => [name, all.length]),
  )
}

export function blockWhile(one: Rig, isBlocked: (source: string) => boolean): void {
  one.verdict = (_, lane) =>
    isBlocked(lane.source().name) ? { kind: 'suspend', reply: '550 5.7.1 S3150' } : ACCEPTED
}
