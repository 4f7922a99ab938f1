import type { Database } from '#platform/postgres/database.ts'
import type { Log } from '#platform/log.ts'
import { loadPools } from '#sources/load-pools.ts'
import { poolFor, type Pool, type Pools } from '#sources/pool.ts'
import type { RoutedMessage } from '#sources/routing-rule.ts'
import type { LanePool } from './lanes/destination.ts'
import type { LaneSource } from './lanes/lane.ts'

/** Pools as lanes need them. Objects stay the same until the pools are loaded again. */
export interface LanePools {
  /** The pool with this id; an empty one when it is gone. */
  pool(id: string): LanePool
  poolFor(message: RoutedMessage): string
  /** Names of the pools that a source is in, in alphabetical order. */
  poolsOf(sourceId: string): readonly string[]
  /** Of all pools. */
  sources(): readonly LaneSource[]
  /** Asks the database again; says so in the log when it cannot. */
  reload(): Promise<void>
}

const NO_POOLS: readonly string[] = []

/** Rejects when the pools cannot be read. */
export async function openLanePools(deps: { db: Database; log: Log }): Promise<LanePools> {
  let loaded = index(await loadPools(deps))
  return {
    pool: (id) => loaded.pools.get(id) ?? { id, name: id, members: [] },
    poolFor: (message) => poolFor(loaded.all, message).pool.id,
    poolsOf: (sourceId) => loaded.poolsOf.get(sourceId) ?? NO_POOLS,
    sources: () => loaded.sources,
    reload: async () => {
      try {
        loaded = index(await loadPools(deps))
      } catch (error) {
        deps.log.warn({ err: error }, 'The pools could not be read; those known stay in force.')
      }
    },
  }
}

function index(all: Pools) {
  const pools = new Map([...all.byId.values()].map((pool) => [pool.id, lanePool(pool)]))
  const poolsOf = new Map<string, string[]>()
  for (const pool of [...all.byId.values()].toSorted((a, b) => a.name.localeCompare(b.name)))
    for (const { source } of pool.members)
      poolsOf.set(source.id, [...(poolsOf.get(source.id) ?? []), pool.name])
  const sources = [...pools.values()].flatMap(({ members }) => members.map(({ source }) => source))
  return { all, pools, poolsOf, sources }
}

function lanePool(pool: Pool): LanePool {
  const members = pool.members.map(({ source, weight }) => {
    const laneSource: LaneSource = {
      id: source.id,
      name: source.name,
      isDraining: source.isDraining,
      ...(source.localAddress === null ? {} : { localAddress: source.localAddress }),
      ...(source.ehloName === null ? {} : { ehloName: source.ehloName }),
      ...(source.warmUp === null
        ? {}
        : { warmUp: { since: source.warmUp.startedAt.toISOString(), curve: source.warmUp.curve } }),
      ...(source.cost === null ? {} : { cost: source.cost }),
      ...(source.relay === null ? {} : { relay: source.relay }),
    }
    return { source: laneSource, weight }
  })
  const { id, name, overflowPoolId } = pool
  return overflowPoolId === null ? { id, name, members } : { id, name, members, overflow: overflowPoolId }
}
