import { sql } from 'kysely'
import type { SendingMode } from '#events/email-events.ts'
import type { Db } from '#platform/postgres/database.ts'
import type { LimitsInForce } from './lane-limits.ts'

/** A lane as others see it, and what it must remember. */
export interface LaneRow {
  readonly mode: SendingMode
  readonly provider: string
  readonly source_id: string
  readonly source: string
  readonly state: string
  readonly reason: string | null
  readonly until: Date | null
  readonly memory: unknown
  readonly warming: boolean
  readonly budget_left: number | null
  readonly per_minute: number
  readonly refused_share: number
  readonly active: number
  readonly connections: number
  readonly max_connections: number | null
  readonly limits: LimitsInForce
}

/** Replaces rows; `since` stays while the state does. */
export async function saveLanes(db: Db, rows: readonly LaneRow[], now: Date): Promise<void> {
  const column = <K extends keyof LaneRow>(name: K): LaneRow[K][] => rows.map((row) => row[name])
  await sql`
    insert into lanes (mode, provider, source_id, source, state, reason, until, memory, warming, budget_left, per_minute,
                       refused_share, active, connections, max_connections, limits, since, updated_at)
    select u.*, ${now}, ${now} from unnest(
      ${column('mode')}::sending_mode[], ${column('provider')}::text[], ${column('source_id')}::uuid[], ${column('source')}::text[],
      ${column('state')}::text[], ${column('reason')}::text[], ${column('until')}::timestamptz[],
      ${rows.map((row) => JSON.stringify(row.memory))}::jsonb[], ${column('warming')}::bool[], ${column('budget_left')}::int[],
      ${column('per_minute')}::real[], ${column('refused_share')}::real[], ${column('active')}::int[],
      ${column('connections')}::int[], ${column('max_connections')}::int[],
      ${rows.map((row) => JSON.stringify(row.limits))}::jsonb[]) as u
    on conflict (mode, provider, source_id) do update
      set source = excluded.source, state = excluded.state, reason = excluded.reason, until = excluded.until,
          memory = excluded.memory, warming = excluded.warming, budget_left = excluded.budget_left,
          per_minute = excluded.per_minute, refused_share = excluded.refused_share, active = excluded.active,
          connections = excluded.connections, max_connections = excluded.max_connections, limits = excluded.limits,
          since = case when lanes.state = excluded.state then lanes.since else excluded.since end,
          updated_at = excluded.updated_at`.execute(db)
}

export interface LaneMemoryRow {
  readonly mode: SendingMode
  readonly provider: string
  readonly source_id: string
  readonly memory: unknown
}

/** What was remembered of the lanes of these shards. */
export async function findLaneMemories(db: Db, shards: readonly number[]): Promise<LaneMemoryRow[]> {
  const found = await sql<LaneMemoryRow>`
    select l.mode, l.provider, l.source_id, l.memory from lanes l
      join destinations d on d.mode = l.mode and d.provider = l.provider
     where d.shard = any(${shards}::smallint[])`.execute(db)
  return found.rows
}

export interface LaneOrderRow {
  readonly mode: SendingMode
  readonly provider: string
  readonly source_id: string | null
  readonly paused: string | null
  readonly messages_per_minute: number | null
  readonly until: Date | null
  readonly probe_at: Date | null
}

export async function findLaneOrders(db: Db): Promise<LaneOrderRow[]> {
  const found = await sql<LaneOrderRow>`
    select mode, provider, source_id, paused, messages_per_minute, until, probe_at from lane_orders
     order by source_id nulls first`.execute(db)
  return found.rows
}

/** How a lane to one of these providers was when its owner last said so. */
export async function findLanesTo(
  db: Db,
  mode: SendingMode,
  providers: readonly string[],
): Promise<(Omit<LaneRow, 'limits'> & { readonly since: Date })[]> {
  const found = await sql<Omit<LaneRow, 'limits'> & { readonly since: Date }>`
    select mode, provider, source_id, source, state, reason, until, memory, warming, budget_left, per_minute, refused_share,
           active, connections, max_connections, since
      from lanes where mode = ${mode} and provider = any(${providers}::text[])`.execute(db)
  return found.rows
}
