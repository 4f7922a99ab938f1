import type { MessageClass } from '#platform/postgres/database.gen.ts'
import { describeRule, fits, type RoutedMessage, type RoutingRule } from './routing-rule.ts'
import type { Source } from './source.ts'

/** The pool of what no other pool was named for. It can be changed, and neither renamed nor deleted. */
export const DEFAULT_POOL_ID = '00000000-0000-7000-8000-000000000002'

export const POOL_LIMITS = {
  /** Of an installation. */
  pools: 1_000,
  sourcesInPool: 500,
  weight: 1_000,
} as const

/** A named set of sources. */
export interface Pool {
  readonly id: string
  readonly name: string
  /** Where mail goes that the members may not take now; the chain of these never closes. */
  readonly overflowPoolId: string | null
  /** Disabled sources are not among them. May be empty: then mail overflows or waits. */
  readonly members: readonly PoolMember[]
}

export interface PoolMember {
  readonly source: Source
  /** Its share of the pool's mail is its weight among the weights of those that may send. */
  readonly weight: number
}

/** All pools, and who named which. */
export interface Pools {
  readonly byId: ReadonlyMap<string, Pool>
  /** In the order in which they are asked. */
  readonly rules: readonly RoutingRule[]
  /** Ids of pools, by the id of the tenant. */
  readonly ofTenants: ReadonlyMap<string, string>
  /** Ids of pools, by the id of the campaign; campaigns that are over are not among them. */
  readonly ofCampaigns: ReadonlyMap<string, string>
  readonly ofClasses: ReadonlyMap<MessageClass, string>
}

export interface PoolChoice {
  readonly pool: Pool
  /** Who named it, in words for a person. */
  readonly reason: string
}

/**
 * The pool that a message leaves from: that of the first routing rule that fits, else its campaign's, else its tenant's,
 * else its class's, else the default one. The nearer wish counts, whether or not the pool can send now: what to do then is
 * said by its overflow.
 */
export function poolFor(pools: Pools, message: RoutedMessage): PoolChoice {
  const { tenantId, campaignId, messageClass } = message
  const rule = pools.rules.find((each) => fits(each, message))
  const wishes: readonly (readonly [who: string, poolId: string | undefined])[] = [
    [rule === undefined ? '' : `rule ${rule.position} fits (${describeRule(rule)})`, rule?.pool_id],
    ['its campaign names it', campaignId === null ? undefined : pools.ofCampaigns.get(campaignId)],
    ['its tenant has it', pools.ofTenants.get(tenantId)],
    [`${messageClass} mail has it`, pools.ofClasses.get(messageClass)],
    ['nothing nearer names one', DEFAULT_POOL_ID],
  ]
  for (const [who, poolId] of wishes) {
    const pool = poolId === undefined ? undefined : pools.byId.get(poolId)
    if (pool !== undefined) return { pool, reason: `Pool ${pool.name}: ${who}.` }
  }
  throw new Error('The default pool is not among the pools.')
}

/** A pool as far as its overflow is concerned. */
export interface OverflowLink {
  readonly id: string
  readonly name: string
  readonly overflow_pool_id: string | null
}

/**
 * The names around the circle that would close if the pool `id` overflowed into `target`, beginning and ending with its
 * own; undefined when none would.
 */
export function overflowCircle(
  pools: readonly OverflowLink[],
  id: string,
  target: string,
): string[] | undefined {
  const byId = new Map(pools.map((pool) => [pool.id, pool]))
  const own = byId.get(id)?.name ?? ''
  const names = [own]
  // No chain is longer than there are pools: what is stored is free of circles, but this does not rely on it.
  for (let at = byId.get(target); at !== undefined && names.length <= byId.size;) {
    names.push(at.name)
    if (at.id === id) return names
    at = at.overflow_pool_id === null ? undefined : byId.get(at.overflow_pool_id)
  }
  return undefined
}
