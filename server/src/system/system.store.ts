import { sql } from 'kysely'
import type { Db, Transaction } from '#platform/postgres/database.ts'

export interface SwitchRow {
  readonly stopped_at: Date | null
  readonly reason: string | null
}

/** `lock` waits for claims that are under way, and keeps others from it until the transaction ends. */
export async function selectSwitch(db: Db, options: { lock?: boolean } = {}): Promise<SwitchRow> {
  const lock = options.lock === true ? sql`for update` : sql``
  const { rows } = await sql<SwitchRow>`select stopped_at, reason from sending_switch ${lock}`.execute(db)
  return rows[0] ?? { stopped_at: null, reason: null }
}

export async function updateSwitch(
  transaction: Transaction,
  { stopped_at, reason }: SwitchRow,
): Promise<void> {
  await sql`update sending_switch set stopped_at = ${stopped_at}, reason = ${reason}`.execute(transaction)
}

/** Holds off a stop until the transaction ends. */
export async function shareSwitch(transaction: Transaction): Promise<boolean> {
  const { rows } = await sql<{ is_stopped: boolean }>`
    select stopped_at is not null as is_stopped from sending_switch for share`.execute(transaction)
  return rows[0]?.is_stopped === true
}

export interface ShardRow {
  readonly id: number
  readonly owner: string | null
  readonly lease_until: Date | null
  readonly in_hand: number
  /** Messages under way in its lanes, and their open connections, as delivery last told. */
  readonly active: number
  readonly connections: number
}

/** At most `most` + 1 rows of each shard are counted. */
export async function selectShards(db: Db, most: number): Promise<ShardRow[]> {
  const { rows } = await sql<ShardRow>`
    select s.id, s.owner, s.lease_until, s.in_hand, coalesce(l.active, 0) as active, coalesce(l.connections, 0) as connections
      from list_shards(${most}) s
      left join (select d.shard, sum(l.active)::int as active, sum(l.connections)::int as connections
                   from lanes l join destinations d on d.mode = l.mode and d.provider = l.provider group by 1) l on l.shard = s.id
     order by s.id`.execute(db)
  return rows
}

export interface SessionRow {
  readonly name: string
  readonly sessions: number
  readonly since: Date
}

/** Of the engine's roles, and of the API's, whose sessions this one may see. */
export async function selectSessions(db: Db): Promise<SessionRow[]> {
  const { rows } = await sql<SessionRow>`
    select name, sessions, since from list_engine_sessions()
    union all
    select application_name, count(*), min(backend_start) from pg_stat_activity
     where datname = current_database() and usename = current_user and application_name like 'pigeon %' group by 1
     order by 1`.execute(db)
  return rows
}
