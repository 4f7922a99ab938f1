import type { MailRoutes } from '#delivery/mail-routes.ts'
import type { Clock } from '#platform/clock.ts'
import { asTenant, type Database } from '#platform/postgres/database.ts'
import { countRecipients, listAddresses, type ListScope, type RecipientCount } from './explain.store.ts'

/** Who would get a campaign, by provider. */
export interface Audience {
  /** The largest first. Small lists come with their addresses, so that each has the fate that it has in the sandbox. */
  readonly groups: readonly {
    readonly provider: string
    readonly count: number
    readonly addresses: readonly string[] | undefined
  }[]
  readonly suppressed: number
  /** Domains that say they take no mail or that do not exist, and who is there. */
  readonly unreachable: { readonly domains: number; readonly recipients: number }
  /** Domains whose mail hosts were not found out in time, and who is there: the rest is a part of the answer. */
  readonly unresolved: { readonly domains: number; readonly recipients: number }
}

export interface AudienceDeps {
  readonly db: Database
  readonly clock: Clock
  readonly delivery: { readonly routes: Pick<MailRoutes, 'findProvider'> }
}

/** Domains that nobody has routed yet and that are looked up for one answer, those with most recipients first. */
export const MAX_LOOKUPS = 2_000
/** For all look-ups of an answer. What was found is kept by the resolver, so that asking again gets further. */
export const LOOKUPS_MS = 8_000
const LOOKUPS_AT_ONCE = 50
/** Up to so many recipients the addresses are read, too. */
const MAX_ADDRESSES = 50_000
/** What routing calls a domain that has nobody to deliver to. */
const UNREACHABLE: ReadonlySet<string> = new Set(['no-mail', 'no-domain'])
const UNRESOLVED = 'unresolved'

/** Counts a list by provider, from the routes that are known and a bounded number of look-ups. */
export async function countByProvider(deps: AudienceDeps, scope: ListScope): Promise<Audience> {
  const now = deps.clock.now()
  const { tenantId } = scope
  const counts = await asTenant(deps.db, tenantId, (transaction) => countRecipients(transaction, scope, now))
  const found = await lookUp(deps, scope, counts)
  const providerOf = (domain: string | null, provider: string | null): string =>
    provider ?? found.get(domain ?? '') ?? UNRESOLVED
  const total = counts.reduce((sum, each) => sum + each.recipients, 0)
  const rows =
    total > MAX_ADDRESSES
      ? []
      : await asTenant(deps.db, tenantId, (transaction) =>
          listAddresses(transaction, scope, now, MAX_ADDRESSES),
        )
  const addresses = Map.groupBy(rows, ({ address, provider }) =>
    providerOf(address.slice(address.lastIndexOf('@') + 1), provider),
  )
  return { ...sumUp(counts, providerOf, addresses), suppressed: sum(counts, (each) => each.suppressed) }
}

function sumUp(
  counts: readonly RecipientCount[],
  providerOf: (domain: string | null, provider: string | null) => string,
  addresses: ReadonlyMap<string, readonly { readonly address: string }[]>,
): Omit<Audience, 'suppressed'> {
  const byProvider = Map.groupBy(counts, ({ domain, provider }) => providerOf(domain, provider))
  const missing = (names: Iterable<string>) => {
    const rows = [...names].flatMap((name) => byProvider.get(name) ?? [])
    return { domains: rows.length, recipients: sum(rows, (each) => each.recipients) }
  }
  const groups = [...byProvider]
    .filter(([provider]) => !UNREACHABLE.has(provider) && provider !== UNRESOLVED)
    .map(([provider, rows]) => {
      const known = addresses.get(provider)?.map(({ address }) => address)
      return { provider, count: known?.length ?? sum(rows, (each) => each.recipients), addresses: known }
    })
    .filter(({ count }) => count > 0)
    .toSorted((a, b) => b.count - a.count)
  return { groups, unreachable: missing(UNREACHABLE), unresolved: missing([UNRESOLVED]) }
}

function sum<T>(rows: readonly T[], amount: (row: T) => number): number {
  return rows.reduce((total, row) => total + amount(row), 0)
}

/** Providers of the domains that no route is known for, as many as the time allows. */
async function lookUp(
  deps: AudienceDeps,
  { mode }: ListScope,
  counts: readonly RecipientCount[],
): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>()
  const waiting = counts
    .flatMap(({ domain, recipients }) => (domain === null || recipients === 0 ? [] : [domain]))
    .slice(0, MAX_LOOKUPS)
    .values()
  const endMs = deps.clock.monotonicMs() + LOOKUPS_MS
  const worker = async (): Promise<void> => {
    for (const domain of waiting) {
      if (deps.clock.monotonicMs() >= endMs) return
      const { provider } = await deps.delivery.routes.findProvider(mode, domain)
      found.set(domain, provider)
    }
  }
  await Promise.all(Array.from({ length: LOOKUPS_AT_ONCE }, worker))
  return found
}
