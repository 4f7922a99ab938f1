import {
  EMAIL_EVENTS,
  SHARD_COUNT,
  type EmailEventsPayload,
  type OutcomeEvent,
} from '#events/email-events.ts'
import type { Clock } from '#platform/clock.ts'
import type { Log } from '#platform/log.ts'
import type { Database } from '#platform/postgres/database.ts'
import type { Stream } from '#platform/stream/stream.ts'
import { dropLeases, ensureShards, renewLeases, takeShards, type TakenShard } from './leases.store.ts'

/** How long an owner may be silent before another may take its shards. */
export const LEASE_MS = 15_000
/** Every lease is renewed this often. */
const RENEW_MS = 2_000
const TAKE_MS = 1_000
const RETRY_MS = 200

export interface OwnedShard {
  readonly id: number
  readonly epoch: number
}

export interface LeaseDeps {
  readonly db: Database
  readonly stream: Stream
  readonly clock: Clock
  readonly log: Log
  readonly owner: string
  /** Which of the shards are this process's to take. */
  readonly isMine: (shard: number) => boolean
  /** Outcomes that the last owner of these shards journaled and may not have stored. */
  readonly replay: (
    taken: readonly TakenShard[],
  ) => Promise<readonly { shard: number; epoch: number; event: OutcomeEvent }[]>
  /** A shard is ours now: its jobs may be read. */
  readonly onTaken: (shards: readonly OwnedShard[]) => void
  /** A shard is somebody else's: nothing of it may be sent any more. */
  readonly onLost: (shard: OwnedShard) => void
}

export interface ShardLeases {
  get(shard: number): OwnedShard | undefined
  owned(): OwnedShard[]
  /** Whether every shard that this process wants has been its own. */
  hasAll(): boolean
  /** Milliseconds of lease that are left; sending may not begin near 0. */
  remainingMs(): number
  run(signal: AbortSignal): Promise<void>
  release(): Promise<void>
}

/**
 * Ownership of shards. A taken shard begins with a takeover record behind the last owner's outcomes, in the same
 * partition: when `record` reaches it, what is still claimed under an older epoch was never sent.
 */
export function createShardLeases(deps: LeaseDeps): ShardLeases {
  const shards = new Map<number, OwnedShard>()
  const wanted = Array.from({ length: SHARD_COUNT }, (_, id) => id).filter(deps.isMine)
  const seen = new Set<number>()
  let leaseUntilMs = 0

  async function take(): Promise<void> {
    const missing = wanted.filter((id) => !shards.has(id))
    if (missing.length === 0) return
    const until = deps.clock.monotonicMs() + LEASE_MS
    const now = deps.clock.now()
    const leaseUntil = new Date(now.getTime() + LEASE_MS)
    const taken = await deps.db
      .transaction()
      .execute((transaction) => takeShards(transaction, missing, deps.owner, { now, leaseUntil }))
    if (taken.length === 0) return
    await announce(taken)
    if (shards.size === 0) leaseUntilMs = until
    for (const { id, epoch } of taken) {
      shards.set(id, { id, epoch })
      seen.add(id)
    }
    deps.onTaken(taken)
    deps.log.info({ shards: taken.map((each) => `${each.id}@${each.epoch}`) }, 'Took shards.')
  }

  /** The last owner's outcomes, then the takeover, in each shard's partition. */
  async function announce(taken: readonly TakenShard[]): Promise<void> {
    const replayed = await deps.replay(taken)
    const records: { partition: number; key: string; payload: EmailEventsPayload }[] = []
    for (const [key, members] of Map.groupBy(replayed, (each) => `${each.shard}/${each.epoch}`)) {
      const [first] = members
      if (first === undefined) continue
      const { shard, epoch } = first
      records.push({
        partition: shard,
        key,
        payload: { kind: 'outcomes', shard, epoch, events: members.map((each) => each.event) },
      })
    }
    for (const { id, epoch } of taken)
      records.push({ partition: id, key: String(id), payload: { kind: 'takeover', shard: id, epoch } })
    await deps.stream.append(EMAIL_EVENTS, records)
  }

  async function renew(): Promise<void> {
    if (shards.size === 0) return
    const now = deps.clock.monotonicMs()
    const renewals = [...shards.values()]
    const kept = await renewLeases(
      deps.db,
      renewals,
      deps.owner,
      new Date(deps.clock.now().getTime() + LEASE_MS),
    )
    leaseUntilMs = now + LEASE_MS
    for (const shard of renewals) {
      if (kept.has(shard.id)) continue
      shards.delete(shard.id)
      deps.onLost(shard)
      deps.log.warn({ shard: shard.id, epoch: shard.epoch }, 'Lost a shard to another owner.')
    }
  }

  async function repeat(signal: AbortSignal, everyMs: number, step: () => Promise<void>): Promise<void> {
    while (!signal.aborted) {
      try {
        await step()
      } catch (error) {
        deps.log.warn(
          { err: error },
          'The leases of this process could not be seen to; they are tried again.',
        )
        await deps.clock.sleep(RETRY_MS, signal)
      }
      await deps.clock.sleep(everyMs, signal)
    }
  }

  return {
    get: (shard) => shards.get(shard),
    owned: () => [...shards.values()],
    hasAll: () => wanted.every((id) => seen.has(id)),
    remainingMs: () => leaseUntilMs - deps.clock.monotonicMs(),
    run: async (signal) => {
      while (!signal.aborted) {
        try {
          await ensureShards(deps.db, SHARD_COUNT)
          break
        } catch (error) {
          deps.log.warn({ err: error }, 'The shards could not be read; they are tried again.')
          await deps.clock.sleep(TAKE_MS, signal)
        }
      }
      await Promise.all([repeat(signal, TAKE_MS, take), repeat(signal, RENEW_MS, renew)])
    },
    release: () => dropLeases(deps.db, deps.owner),
  }
}
