import type { Clock } from '#platform/clock.ts'
import type { Database } from '#platform/postgres/database.ts'
import { COUNTED_AT_MOST, countOf, type Count } from '#queue/count.ts'
import { selectSessions, selectShards, selectSwitch, type ShardRow } from './system.store.ts'

/** What works in the installation, as its database knows it. */
export interface Processes {
  readonly sending: {
    /** Null: it is not stopped. */
    readonly stopped_at: Date | null
    readonly reason: string | null
    /** Messages that delivery has, or whose outcome is not recorded yet. */
    readonly in_hand: Count
  }
  /** Roles by the sessions that they have open in the database. */
  readonly roles: readonly { readonly role: string; readonly sessions: number; readonly since: Date }[]
  readonly deliver: readonly Deliverer[]
}

/** A process that owns shards. */
export interface Deliverer {
  readonly owner: string
  readonly shards: readonly number[]
  /** Whether it has renewed its leases in time. */
  readonly is_alive: boolean
  readonly in_hand: Count
  readonly active: number
  readonly connections: number
}

/** How sessions call themselves in which a role only listens. */
const LISTENING = 'listen'

/** Costs the same whatever waits. */
export async function listProcesses(deps: { db: Database; clock: Clock }): Promise<Processes> {
  const now = deps.clock.now()
  const [{ stopped_at, reason }, shards, sessions] = await Promise.all([
    selectSwitch(deps.db),
    selectShards(deps.db, COUNTED_AT_MOST),
    selectSessions(deps.db),
  ])
  const owners = Map.groupBy(shards, (shard) => shard.owner)
  return {
    sending: { stopped_at, reason, in_hand: inHand(shards) },
    roles: sessions
      .map(({ name, ...row }) => ({ role: name.replace(/^pigeon /, ''), ...row }))
      .filter(({ role }) => role !== LISTENING),
    deliver: [...owners].flatMap(([owner, own]) => (owner === null ? [] : [delivererOf(owner, own, now)])),
  }
}

function delivererOf(owner: string, shards: readonly ShardRow[], now: Date): Deliverer {
  const sum = (of: (shard: ShardRow) => number): number => shards.reduce((all, each) => all + of(each), 0)
  return {
    owner,
    shards: shards.map((shard) => shard.id),
    is_alive: shards.some(({ lease_until }) => lease_until !== null && lease_until > now),
    in_hand: inHand(shards),
    active: sum((shard) => shard.active),
    connections: sum((shard) => shard.connections),
  }
}

function inHand(shards: readonly ShardRow[]): Count {
  return countOf(shards.reduce((sum, shard) => sum + shard.in_hand, 0))
}
