import { sql } from 'kysely'
import type { SendingMode } from '#platform/postgres/database.gen.ts'
import type { Db, Transaction } from '#platform/postgres/database.ts'
import { SPIKE, type Endings } from './spike.ts'

export interface ProviderPlace {
  readonly mode: SendingMode
  readonly provider: string
}

export interface EndingCount extends ProviderPlace {
  readonly ended: number
  readonly unknownUsers: number
}

export async function addEndings(
  transaction: Transaction,
  counts: readonly EndingCount[],
  step: Date,
): Promise<void> {
  await sql`
    insert into provider_endings (mode, provider, at, ended, unknown_user)
    select mode, provider, ${step}, ended, unknown_user
      from unnest(${counts.map((c) => c.mode)}::sending_mode[], ${counts.map((c) => c.provider)}::text[],
                  ${counts.map((c) => c.ended)}::bigint[], ${counts.map((c) => c.unknownUsers)}::bigint[])
           as c (mode, provider, ended, unknown_user)
     order by mode, provider
    on conflict (mode, provider, at) do update
      set ended = provider_endings.ended + excluded.ended,
          unknown_user = provider_endings.unknown_user + excluded.unknown_user`.execute(transaction)
}

/** What ended at these providers in the window before `now`, and in the days before the window. */
export async function selectEndings(
  db: Db,
  places: readonly ProviderPlace[],
  now: Date,
): Promise<(ProviderPlace & Endings)[]> {
  const windowStart = new Date(now.getTime() - SPIKE.windowMs)
  const found = await sql<ProviderPlace & Endings>`
    select p.mode, p.provider,
           coalesce(sum(e.ended) filter (where e.at > ${windowStart}), 0)::bigint as "ended",
           coalesce(sum(e.unknown_user) filter (where e.at > ${windowStart}), 0)::bigint as "unknownUsers",
           coalesce(sum(e.ended) filter (where e.at <= ${windowStart}), 0)::bigint as "usualEnded",
           coalesce(sum(e.unknown_user) filter (where e.at <= ${windowStart}), 0)::bigint as "usualUnknownUsers"
      from unnest(${places.map((p) => p.mode)}::sending_mode[], ${places.map((p) => p.provider)}::text[]) as p (mode, provider)
      left join provider_endings e on e.mode = p.mode and e.provider = p.provider
       and e.at > ${new Date(now.getTime() - SPIKE.usualMs)}
     group by 1, 2`.execute(db)
  return found.rows
}

export interface Held {
  readonly tenant_id: string
  readonly address_key: string
  readonly mode: SendingMode | null
}

/** Holds back what this spike has suppressed since its window began. Returns whose addresses those are. */
export async function holdRecent(
  transaction: Transaction,
  places: readonly ProviderPlace[],
  since: Date,
  now: Date,
): Promise<Held[]> {
  const held = await sql<Held>`
    update suppressions s set held_at = ${now}
      from messages m, unnest(${places.map((p) => p.mode)}::sending_mode[], ${places.map((p) => p.provider)}::text[]) as p (mode, provider)
     where s.reason = 'hard_bounce' and s.created_at >= ${since} and s.held_at is null and s.list_id is null
       and m.id = s.message_id and m.class = 'unknown_user' and m.mode = p.mode and m.provider = p.provider
    returning s.tenant_id, s.address_key, s.mode`.execute(transaction)
  return held.rows
}

/** Of these addresses, the positions (from 0) of those that have been held back after `since`. */
export async function selectHeldSince(
  db: Db,
  keys: readonly { tenantId: string; addressKey: string; mode: SendingMode | null }[],
  since: Date,
): Promise<Set<number>> {
  const found = await sql<{ index: number }>`
    select (k.n - 1)::int as index
      from unnest(${keys.map((k) => k.tenantId)}::uuid[], ${keys.map((k) => k.addressKey)}::text[], ${keys.map((k) => k.mode)}::sending_mode[])
           with ordinality as k (tenant_id, address_key, mode, n)
      join suppressions s on s.tenant_id = k.tenant_id and s.address_key = k.address_key
       and s.mode is not distinct from k.mode and s.held_at > ${since}`.execute(db)
  return new Set(found.rows.map((row) => row.index))
}

export async function deleteOldEndings(db: Db, before: Date): Promise<void> {
  await sql`delete from provider_endings where at < ${before}`.execute(db)
}

export async function deleteOldHeld(db: Db, before: Date): Promise<void> {
  await sql`delete from suppressions where held_at < ${before}`.execute(db)
}
