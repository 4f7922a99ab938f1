import { SHARD_COUNT, type SendingMode } from '#events/email-events.ts'
import type { Clock } from '#platform/clock.ts'
import type { Database } from '#platform/postgres/database.ts'
import {
  findExpiredRoutes,
  findUnrouted,
  routeWaiting,
  saveRoutes,
  type Resolved,
  type UnroutedDomain,
} from './dispatch.store.ts'

/** Who receives mail for a domain, and for how long that is known. Never rejects: a failure is a provider too. */
export type FindProvider = (mode: SendingMode, domain: string) => Promise<{ provider: string; ttlMs: number }>

export interface RouteDeps {
  readonly db: Database
  readonly clock: Clock
  readonly findProvider: FindProvider
}

/** Domains resolved at the same time, each with the resolver's own deadline. */
const DOMAINS_AT_ONCE = 200

/** Gives every waiting delivery its provider's shard. Returns how many deliveries were routed. */
export async function routeNewDomains(deps: RouteDeps): Promise<number> {
  const unrouted = await findUnrouted(deps.db, DOMAINS_AT_ONCE)
  if (unrouted.length === 0) return 0
  await resolveAll(deps, unrouted)
  return routeWaiting(deps.db, unrouted)
}

/** Resolves again what has expired. Waiting deliveries keep their shard: only new ones go where the new answer says. */
export async function refreshRoutes(deps: RouteDeps): Promise<number> {
  const expired = await findExpiredRoutes(deps.db, deps.clock.now(), DOMAINS_AT_ONCE)
  if (expired.length > 0) await resolveAll(deps, expired)
  return expired.length
}

async function resolveAll(deps: RouteDeps, domains: readonly UnroutedDomain[]): Promise<void> {
  const resolved = await Promise.all(
    domains.map(async (each): Promise<Resolved> => {
      const { provider, ttlMs } = await deps.findProvider(each.mode, each.domain)
      return { ...each, provider, expiresAt: new Date(deps.clock.now().getTime() + ttlMs) }
    }),
  )
  await deps.db
    .transaction()
    .execute((transaction) => saveRoutes(transaction, resolved, SHARD_COUNT, deps.clock.now()))
}
