import { sql } from 'kysely'
import type { Db, Transaction } from '#platform/postgres/database.ts'

export interface TakenShard {
  readonly id: number
  readonly epoch: number
  readonly previous_owner: string | null
}

export async function ensureShards(db: Db, count: number): Promise<void> {
  await sql`insert into shards (id) select generate_series(0, ${count - 1}) on conflict do nothing`.execute(
    db,
  )
}

/**
 * Takes those of the shards that are free: never owned, owned by this very name (its process is gone: this one has
 * started since), or whose lease is over. The higher epoch fences the last owner.
 */
export async function takeShards(
  transaction: Transaction,
  wanted: readonly number[],
  owner: string,
  times: { now: Date; leaseUntil: Date },
): Promise<TakenShard[]> {
  const taken = await sql<TakenShard>`
    with free as (
      select id, owner from shards
       where id = any(${wanted}::smallint[]) and (owner is null or owner = ${owner} or lease_until is null or lease_until < ${times.now})
       order by id for update
    )
    update shards s
       set owner = ${owner}, epoch = s.epoch + 1, lease_until = ${times.leaseUntil}
      from free where s.id = free.id
    returning s.id, s.epoch::int as epoch, free.owner as previous_owner`.execute(transaction)
  return taken.rows
}

export interface Renewal {
  readonly id: number
  readonly epoch: number
}

/** Renews leases. Returns the shards that are still ours; the others were taken over. */
export async function renewLeases(
  db: Db,
  renewals: readonly Renewal[],
  owner: string,
  leaseUntil: Date,
): Promise<Set<number>> {
  const renewed = await sql<{ id: number }>`
    update shards s set lease_until = ${leaseUntil}
      from unnest(${renewals.map((r) => r.id)}::smallint[], ${renewals.map((r) => r.epoch)}::bigint[]) as w(id, epoch)
     where s.id = w.id and s.epoch = w.epoch and s.owner = ${owner}
    returning s.id`.execute(db)
  return new Set(renewed.rows.map((row) => row.id))
}

/** Lets go of shards at a clean stop, so that whoever comes next need not wait for the lease to end. */
export async function dropLeases(db: Db, owner: string): Promise<void> {
  await sql`update shards set lease_until = null where owner = ${owner}`.execute(db)
}
