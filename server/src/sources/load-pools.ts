import type { Database, Transaction } from '#platform/postgres/database.ts'
import type { Pool, PoolMember, Pools } from './pool.ts'
import { readLoad, selectLoad } from './load.store.ts'
import type { Load, MemberRow } from './load.store.ts'
import type { Source } from './source.ts'
import { DEFAULT_WARM_UP_CURVE } from './warm-up-curve.ts'

/**
 * All pools with the sources that may send, as they are at one moment. Load them again after a word on
 * `SOURCES_CHANNEL`. Takes the engine's connection: it sees the wishes of all tenants.
 */
export async function loadPools(deps: { db: Database }): Promise<Pools> {
  return poolsOf(await selectLoad(deps.db))
}

/** The pools as a tenant's transaction sees them: with the wishes of this tenant and its campaigns alone. */
export async function loadTenantPools(transaction: Transaction): Promise<Pools> {
  return poolsOf(await readLoad(transaction))
}

function poolsOf(load: Load): Pools {
  const members = Map.groupBy(load.members, (row) => row.pool_id)
  const pools = load.pools.map((row): Pool => ({
    id: row.id,
    name: row.name,
    overflowPoolId: row.overflow_pool_id,
    members: (members.get(row.id) ?? []).map(memberOf),
  }))
  return {
    byId: new Map(pools.map((pool) => [pool.id, pool])),
    ofTenants: new Map(load.tenants.map((row) => [row.id, row.pool_id])),
    ofCampaigns: new Map(load.campaigns.map((row) => [row.id, row.pool_id])),
    ofClasses: new Map(load.classes.map((row) => [row.message_class, row.pool_id])),
  }
}

function memberOf(row: MemberRow): PoolMember {
  const source: Source = {
    id: row.id,
    name: row.name,
    kind: row.kind,
    localAddress: row.local_address,
    ehloName: row.ehlo_name,
    relay: row.relay_kind === null ? null : { kind: row.relay_kind, config: row.relay_config ?? {} },
    isDraining: row.status === 'draining',
    warmUp:
      row.warm_up && row.warm_up_started_at !== null
        ? { startedAt: row.warm_up_started_at, curve: row.warm_up_curve ?? DEFAULT_WARM_UP_CURVE }
        : null,
  }
  return { source, weight: row.weight }
}
