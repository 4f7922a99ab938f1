import { join } from 'node:path'
import { EMAIL_SEND, type OutcomeEvent, type SendBatch, type SendJob } from '#events/email-events.ts'
import type { Database } from '#platform/postgres/database.ts'
import type { Stream, StreamRecord } from '#platform/stream/stream.ts'
import { SOURCES_CHANNEL } from '#sources/source.ts'
import { SUPPRESSIONS_CHANNEL } from '#suppressions/suppression.ts'
import { CAMPAIGNS_CHANNEL } from './contents.ts'
import { createCredits } from './credits.ts'
import { createLaneMemory, LANES_CHANNEL } from './lane-memory.ts'
import type { LanePools } from './lane-pools.ts'
import { MIN_CREDIT } from './lanes/destination.ts'
import { ACTIVE_PER_CONNECTION } from './lanes/lane.ts'
import { LIVE_TIMES, SANDBOX_TIMES } from './lanes/lane-health.ts'
import { createLanes, type HeldJob, type Lanes } from './lanes/lanes.ts'
import { dayOf } from './lanes/warm-up.ts'
import { createOutbox } from './outbox.ts'
import type { OpenRelays } from './relays/open-relays.ts'
import { inDoubtOutcome } from './replay.ts'
import { deleteSegments, replayJournal, type Replay } from './replay-journal.ts'
import { sendJob, type SendDeps } from './send-job.ts'
import type { Shaping } from './shaping/shaping.ts'
import { createShardLeases, LEASE_MS, type ShardLeases } from './shard-leases.ts'
import type { Spending } from './spending.ts'
import { returned, withoutSuppressed } from './unsent.ts'
import type { JournaledOutcome } from './journal-entry.ts'

export interface DeliveryDeps extends Omit<SendDeps, 'mayBegin'> {
  readonly db: Database
  readonly stream: Stream
  /** Stable over restarts: a process that starts with the name of a dead one takes its shards at once. */
  readonly owner: string
  readonly isMine: (shard: number) => boolean
  /** Where the journals of all owners on this machine are. */
  readonly journalDir: string
  /** What the last process of this name left in its journal, read before this one opened its own. */
  readonly left: Replay
  readonly maxConnections: number
  readonly pools: LanePools
  readonly relays: OpenRelays
  readonly spending: Spending
  readonly shaping: Shaping
}

export interface Delivery {
  /** Takes notifications of `campaigns`, `suppressions`, `sources` and `lanes`. */
  notify(channel: string, payload: string): void
  /** Notifications may have been missed. */
  catchUp(): Promise<void>
  run(signal: AbortSignal): Promise<void>
}

/** Stream records that one read takes: each holds up to 500 jobs. */
const READ_RECORDS = 8
const WAIT_MS = 500
const FAILURE_MS = 300
/** Nothing begins when the lease has less than this left. */
const LEASE_MARGIN_MS = LEASE_MS / 3
const COMMIT_MS = 1_000
/** Jobs that one process holds; past this each destination is given only as many as keep it at work. */
const MAX_HELD = 10_000
/** The shaping file is looked at this often. */
const RELOAD_MS = 2_000
/** Jobs that nobody may send now, and nobody knows until when, come back after this. */
const COME_BACK_MS = 60_000

/** The work of the role `deliver`: shards, lanes, attempts and their outcomes. */
export function createDelivery(deps: DeliveryDeps): Delivery {
  const outbox = createOutbox({
    ...deps,
    confirm: (events) => {
      deps.journal.confirm(events)
      lanes.pump()
    },
  })
  const leases: ShardLeases = createShardLeases({
    ...deps,
    replay: async (taken) => {
      await memory.load(taken.map((each) => each.id))
      return replayAll(deps, new Map(taken.map((each) => [each.id, each.previous_owner])))
    },
    onTaken: (shards) => {
      for (const shard of shards) positions.delete(shard.id)
      credits.taken(shards)
    },
    onLost: (shard) => {
      lanes.remove((held) => held.shard === shard.id)
      credits.lost(shard)
    },
  })
  let isCrowded = false
  const credits = createCredits({
    ...deps,
    creditFor: (mode, provider) => {
      const credit = lanes.destination(mode, provider).credit()
      return isCrowded ? Math.min(credit, MIN_CREDIT) : credit
    },
    canTake: () => {
      isCrowded = lanes.size() >= MAX_HELD
      return outbox.hasRoom() && deps.journal.failure() === undefined
    },
  })
  const memory = createLaneMemory({
    ...deps,
    all: () => lanes.all(),
    connections: deps.transport.connections,
    changed: () => lanes.pump(),
  })
  const positions = new Map<number, bigint>()
  const sendDeps: SendDeps = {
    ...deps,
    mayBegin: ({ shard, epoch }) =>
      leases.get(shard)?.epoch === epoch &&
      leases.remainingMs() > LEASE_MARGIN_MS &&
      deps.journal.failure() === undefined,
  }
  const lanes: Lanes = createLanes({
    clock: deps.clock,
    pool: deps.pools.pool,
    poolsOf: deps.pools.poolsOf,
    limits: deps.shaping.limits,
    tenantLimits: deps.shaping.tenant,
    times: { live: LIVE_TIMES, sandbox: SANDBOX_TIMES },
    saved: memory.saved,
    made: memory.command,
    day: () => dayOf(deps.clock.now()),
    closed: (source) => deps.spending.closed(source) ?? deps.relays.closed(source),
    maxActive: deps.maxConnections * ACTIVE_PER_CONNECTION,
    mayBegin: () => outbox.hasRoom(),
    giveBack: (jobs, untilMs) => giveBack(jobs, comeBackAt(untilMs)),
    onSuspended: (lane) =>
      deps.log.error(
        { lane: lane.key, source: lane.source().name, reply: lane.health.reason() },
        'A provider blocks a source: nothing is sent from there for a while. See pigeon lanes.',
      ),
    send: async (held, first, elsewhere) => {
      const { event, verdict, lane } = await sendJob(sendDeps, held, first, elsewhere)
      if (lane.mode === 'live' && (verdict.kind === 'accepted' || event.inDoubt))
        deps.spending.add(lane.source())
      finish(held, event)
      return verdict
    },
  })
  deps.transport.limit((laneKey) => lanes.lane(laneKey)?.connectionLimits(deps.clock.monotonicMs()))

  function comeBackAt(untilMs: number | undefined): Date {
    const waitMs = untilMs === undefined ? COME_BACK_MS : untilMs - deps.clock.monotonicMs()
    return new Date(deps.clock.now().getTime() + waitMs)
  }

  function finish(held: HeldJob, event: OutcomeEvent): void {
    credits.finished(held)
    outbox.push(held.shard, held.epoch, event)
    if (event.type === 'returned') return
    // Not awaited: the next final dot on any connection waits for this line anyway, because lines are written in order.
    deps.journal
      .outcome(held.shard, held.epoch, event)
      .catch((error: unknown) => deps.log.error({ err: error }, 'The journal could not be written.'))
  }

  function giveBack(jobs: readonly HeldJob[], comeBack: Date | null = null): void {
    for (const held of jobs)
      finish(held, { ...returned(held, deps), retryAt: comeBack?.toISOString() ?? null })
  }

  async function take(records: readonly StreamRecord[]): Promise<void> {
    const held: HeldJob[] = []
    for (const record of records) {
      // dispatch alone writes this topic, and its payloads are of this type.
      const batch = record.payload as SendBatch
      if (leases.get(batch.shard)?.epoch !== batch.epoch) continue
      await deps.contents.load([...new Set(batch.jobs.map((job) => job.campaignId))])
      for (const job of batch.jobs) held.push(heldJob(deps, job, batch))
    }
    if (held.length === 0) return
    lanes.push(await withoutSuppressed(deps, held, finish))
  }

  async function readLoop(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const partitions = leases.owned().map((shard) => shard.id)
        const records =
          partitions.length === 0
            ? []
            : await deps.stream.read(EMAIL_SEND, 'deliver', {
                maxRecords: READ_RECORDS,
                partitions,
                from: positions,
              })
        if (records.length === 0) {
          await deps.stream.wait(EMAIL_SEND, WAIT_MS, signal)
          continue
        }
        await take(records)
        for (const record of records) positions.set(record.partition, record.offset + 1n)
      } catch (error) {
        deps.log.warn({ err: error }, 'Jobs could not be read; they are read again.')
        await deps.clock.sleep(FAILURE_MS, signal)
      }
    }
  }

  async function reloadPools(): Promise<void> {
    await deps.pools.reload()
    deps.relays.keep(deps.pools.sources())
    lanes.pump()
  }

  return {
    notify: (channel, payload) => {
      if (channel === SUPPRESSIONS_CHANNEL) deps.suppressions.remember(payload)
      if (channel === SOURCES_CHANNEL) void reloadPools()
      if (channel === LANES_CHANNEL) void memory.readOrders()
      if (channel !== CAMPAIGNS_CHANNEL) return
      const change = deps.contents.told(payload)
      if (change !== undefined && change.status !== 'sending')
        giveBack(lanes.remove((held) => held.job.campaignId === change.id))
    },
    catchUp: async () => {
      await Promise.all([deps.contents.refresh(), reloadPools(), memory.readOrders()])
      giveBack(lanes.remove((held) => !deps.contents.isSending(held.job.campaignId)))
    },
    run: async (signal) => {
      const finishing = new AbortController()
      const background = Promise.all([
        leases.run(finishing.signal),
        outbox.run(finishing.signal),
        credits.run(finishing.signal),
        memory.run(finishing.signal),
        deps.spending.run(finishing.signal),
      ])
      await Promise.all([
        readLoop(signal),
        reloadShaping(deps, lanes, signal),
        commitLoop(deps, positions, signal),
        forgetWhatWasLeft(deps, leases, signal),
        probeJournal(deps, signal),
      ])
      giveBack(lanes.remove(() => true))
      await lanes.idle()
      finishing.abort()
      await background
      await outbox.flush()
      await leases.release()
    },
  }
}

/** With the class and the pool of its content; one whose content is gone fails in any. */
function heldJob(deps: DeliveryDeps, job: SendJob, batch: SendBatch): HeldJob {
  const { tenantId, campaignId, provider } = job
  const { messageClass = 'bulk', fromDomain = '' } = deps.contents.get(campaignId) ?? {}
  const poolId = deps.pools.poolFor({ tenantId, campaignId, messageClass, provider, fromDomain })
  return { job, shard: batch.shard, epoch: batch.epoch, tenantId, messageClass, poolId }
}

/** A changed file is in force within seconds. */
async function reloadShaping(deps: DeliveryDeps, lanes: Lanes, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await deps.clock.sleep(RELOAD_MS, signal)
    if (await deps.shaping.reload()) lanes.pump()
  }
}

/** A journal that failed (disk full) is tried again: work goes on when there is room. */
async function probeJournal(deps: DeliveryDeps, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await deps.clock.sleep(COMMIT_MS, signal)
    const failure = deps.journal.failure()
    if (failure === undefined) continue
    deps.log.error(
      { err: failure },
      'The journal cannot be written: nothing is sent until it can. Free disk space in the data directory.',
    )
    await deps.journal.probe()
  }
}

/** What was left in the journal may go when every shard of this process has begun: then all of it is in the stream. */
async function forgetWhatWasLeft(
  deps: DeliveryDeps,
  leases: ShardLeases,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await deps.clock.sleep(COMMIT_MS, signal)
    if (!leases.hasAll()) continue
    await deleteSegments(deps.left)
    return
  }
}

/** What earlier owners of the shards journaled; a dot without an outcome is in doubt. */
async function replayAll(
  deps: DeliveryDeps,
  owners: ReadonlyMap<number, string | null>,
): Promise<JournaledOutcome[]> {
  const outcomes: JournaledOutcome[] = []
  for (const [owner, shards] of Map.groupBy(owners.keys(), (shard) => owners.get(shard) ?? null)) {
    if (owner === null) continue
    const replay =
      owner === deps.owner ? deps.left : await replayJournal(join(deps.journalDir, owner), new Set(shards))
    const wanted = new Set(shards)
    const known = replay.outcomes.filter((each) => wanted.has(each.shard))
    const inDoubt = replay.inDoubt.filter((each) => wanted.has(each.shard))
    outcomes.push(...known, ...inDoubt.map((dot) => inDoubtOutcome(dot, { ...deps, random: Math.random })))
    if (known.length + inDoubt.length > 0) {
      deps.log.warn(
        { owner, outcomes: known.length, inDoubt: inDoubt.length, damaged: replay.damagedLines },
        'Replayed the journal of an earlier process.',
      )
    }
  }
  return outcomes
}

/** Offsets only tell the stream what may be dropped: jobs of an earlier process are fenced by their epoch. */
async function commitLoop(
  deps: DeliveryDeps,
  positions: ReadonlyMap<number, bigint>,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await deps.clock.sleep(COMMIT_MS, signal)
    try {
      const committed = await deps.stream.offsets(EMAIL_SEND, 'deliver')
      const moves = [...positions].flatMap(([partition, to]) => {
        const from = committed.get(partition)
        return from !== undefined && from < to ? [{ partition, from, to }] : []
      })
      if (moves.length > 0) await deps.stream.commit(EMAIL_SEND, 'deliver', moves)
    } catch (error) {
      deps.log.debug({ err: error }, 'Offsets could not be stored; they are stored later.')
    }
  }
}
