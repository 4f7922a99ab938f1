import { sql } from 'kysely'
import type { Db, Transaction } from '#platform/postgres/database.ts'
import type { MessageClass, SourceStatus } from '#platform/postgres/database.gen.ts'
import type { OverflowLink } from './pool.ts'

/** A pool with its sources, disabled ones too, as people see it. */
export interface PoolView {
  readonly id: string
  readonly name: string
  readonly overflow_pool_id: string | null
  readonly sources: {
    readonly source_id: string
    readonly name: string
    readonly status: SourceStatus
    readonly weight: number
  }[]
  /** The message classes that have it. */
  readonly classes: MessageClass[]
  readonly created_at: Date
  readonly updated_at: Date
}

const COLUMNS = sql.raw(`p.id, p.name, p.overflow_pool_id, p.created_at, p.updated_at,
  (select coalesce(jsonb_agg(jsonb_build_object('source_id', s.id, 'name', s.name, 'status', s.status, 'weight', m.weight) order by s.name), '[]')
     from pool_sources m join sources s on s.id = m.source_id where m.pool_id = p.id) as sources,
  (select coalesce(jsonb_agg(c.message_class order by c.message_class), '[]') from pool_classes c where c.pool_id = p.id) as classes`)

export interface PoolFields {
  readonly name: string
  readonly overflow_pool_id: string | null
}

export async function insertPool(
  transaction: Transaction,
  id: string,
  fields: PoolFields,
  at: Date,
): Promise<void> {
  await sql`
    insert into pools (id, name, overflow_pool_id, created_at, updated_at)
    values (${id}, ${fields.name}, ${fields.overflow_pool_id}, ${at}, ${at})`.execute(transaction)
}

export async function updatePool(
  transaction: Transaction,
  id: string,
  fields: PoolFields,
  at: Date,
): Promise<void> {
  await sql`
    update pools set name = ${fields.name}, overflow_pool_id = ${fields.overflow_pool_id}, updated_at = ${at}
     where id = ${id}`.execute(transaction)
}

export async function selectPool(db: Db, id: string): Promise<PoolView | undefined> {
  const { rows } = await sql<PoolView>`select ${COLUMNS} from pools p where p.id = ${id}`.execute(db)
  return rows[0]
}

/** Newest first. */
export async function selectPools(
  db: Db,
  page: { readonly after: string | null; readonly rows: number },
): Promise<PoolView[]> {
  const { rows } = await sql<PoolView>`
    select ${COLUMNS} from pools p where (${page.after}::uuid is null or p.id < ${page.after}::uuid)
     order by p.id desc limit ${page.rows}`.execute(db)
  return rows
}

/** All pools, as many as there may be. */
export async function selectOverflowLinks(db: Db): Promise<OverflowLink[]> {
  const { rows } = await sql<OverflowLink>`select id, name, overflow_pool_id from pools`.execute(db)
  return rows
}

export interface MemberInput {
  readonly source_id: string
  readonly weight: number
}

/** Of these ids those that no source has. Holds the others off deletion until the transaction ends. */
export async function selectMissingSources(
  transaction: Transaction,
  ids: readonly string[],
): Promise<Set<string>> {
  const { rows } = await sql<{ id: string }>`
    select id from sources where id = any(${ids}::uuid[]) for key share`.execute(transaction)
  const found = new Set(rows.map((row) => row.id))
  return new Set(ids.filter((id) => !found.has(id.toLowerCase())))
}

export async function replaceMembers(
  transaction: Transaction,
  id: string,
  members: readonly MemberInput[],
  at: Date,
): Promise<void> {
  await sql`delete from pool_sources where pool_id = ${id}`.execute(transaction)
  await sql`
    insert into pool_sources (pool_id, source_id, weight)
    select ${id}::uuid, source_id, weight
      from unnest(${members.map((each) => each.source_id)}::uuid[], ${members.map((each) => each.weight)}::smallint[])
           as given (source_id, weight)`.execute(transaction)
  await sql`update pools set updated_at = ${at} where id = ${id}`.execute(transaction)
}

/** `poolId` null: the class has none of its own any more. */
export async function setClassPool(
  transaction: Transaction,
  messageClass: MessageClass,
  poolId: string | null,
): Promise<void> {
  if (poolId === null) {
    await sql`delete from pool_classes where message_class = ${messageClass}::message_class`.execute(
      transaction,
    )
    return
  }
  await sql`
    insert into pool_classes (message_class, pool_id) values (${messageClass}::message_class, ${poolId})
    on conflict (message_class) do update set pool_id = excluded.pool_id`.execute(transaction)
}

/** Whether there is this pool; holds it off deletion until the transaction ends. */
export async function holdPool(transaction: Transaction, id: string): Promise<boolean> {
  const { rows } = await sql`select from pools where id = ${id} for key share`.execute(transaction)
  return rows.length > 0
}

export interface PoolUses {
  /** Names of the pools that overflow into it. */
  readonly overflows: string[]
  readonly tenants: number
  /** Those that are not over. */
  readonly campaigns: number
  /** Routing rules. */
  readonly rules: number
}

/** Who would miss the pool. Holds off whoever wants to name it until the transaction ends. */
export async function selectPoolUses(transaction: Transaction, id: string): Promise<PoolUses> {
  await sql`select from pools where id = ${id} for update`.execute(transaction)
  const { rows } = await sql<PoolUses>`
    select (select coalesce(jsonb_agg(name order by name), '[]') from pools where overflow_pool_id = ${id}) as overflows,
           u.tenants, u.campaigns, (select count(*) from routing_rules where pool_id = ${id}) as rules
      from count_pool_users(${id}) u`.execute(transaction)
  return rows[0] ?? { overflows: [], tenants: 0, campaigns: 0, rules: 0 }
}

export async function deletePoolRow(transaction: Transaction, id: string): Promise<void> {
  await sql`delete from pools where id = ${id}`.execute(transaction)
}
