import { sql } from 'kysely'
import type { LimitsInForce } from '#delivery/lane-limits.ts'
import type { SendingMode } from '#events/email-events.ts'
import type { Db, Transaction } from '#platform/postgres/database.ts'
import type { OrderFields } from './lane-order.ts'

export const LANE_STATES = ['open', 'slowed', 'suspended', 'probing', 'paused'] as const

export type LaneState = (typeof LANE_STATES)[number]

export interface LaneRow {
  readonly mode: SendingMode
  readonly provider: string
  readonly source_id: string
  readonly source: string
  readonly state: LaneState
  readonly since: Date
  readonly until: Date | null
  readonly reason: string | null
  readonly warming: boolean
  readonly budget_left: number | null
  readonly per_minute: number
  readonly refused_share: number
  readonly active: number
  readonly connections: number
  readonly max_connections: number | null
  /** Null: its owner has not told them. */
  readonly limits: LimitsInForce | null
  readonly updated_at: Date
  /** Null: the destination is not known any more. */
  readonly destination: number | null
}

export interface LaneFilter {
  readonly state: LaneState | null
  readonly mode: SendingMode | null
  readonly provider: string | null
  readonly source: string | null
}

/** Sorted by mode, provider and source's id, from after that place. */
export async function selectLanes(
  db: Db,
  filter: LaneFilter,
  page: { readonly after: readonly string[] | null; readonly rows: number },
): Promise<LaneRow[]> {
  const [mode = null, provider = null, sourceId = null] = page.after ?? []
  const { rows } = await sql<LaneRow>`
    select l.mode, l.provider, l.source_id, l.source, l.state, l.since, l.until, l.reason, l.warming, l.budget_left, l.per_minute,
           l.refused_share, l.active, l.connections, l.max_connections, l.limits, l.updated_at, d.id as destination
      from lanes l left join destinations d on d.mode = l.mode and d.provider = l.provider
     where (${mode}::text is null or (l.mode, l.provider, l.source_id) > (${mode}::sending_mode, ${provider}::text, ${sourceId}::uuid))
       and (${filter.state}::text is null or l.state = ${filter.state})
       and (${filter.mode}::text is null or l.mode = ${filter.mode}::sending_mode)
       and (${filter.provider}::text is null or l.provider = ${filter.provider})
       and (${filter.source}::text is null or l.source = ${filter.source})
     order by l.mode, l.provider, l.source_id limit ${page.rows}`.execute(db)
  return rows
}

export interface LaneOrder extends OrderFields {
  readonly id: string
  readonly mode: SendingMode
  readonly provider: string
  readonly source_id: string | null
  /** Name of the source; null: every source. */
  readonly source: string | null
  readonly created_at: Date
}

const ORDER =
  sql.raw(`o.id, o.mode, o.provider, o.source_id, (select s.name from sources s where s.id = o.source_id) as source,
  o.paused, o.messages_per_minute, o.until, o.probe_at, o.created_at`)

/** Newest first. */
export async function selectOrders(
  db: Db,
  page: { readonly after: string | null; readonly rows: number },
): Promise<LaneOrder[]> {
  const { rows } = await sql<LaneOrder>`
    select ${ORDER} from lane_orders o where (${page.after}::uuid is null or o.id < ${page.after}::uuid)
     order by o.id desc limit ${page.rows}`.execute(db)
  return rows
}

/** Those about the providers, each in one mode. */
export async function selectOrdersAbout(
  db: Db,
  about: readonly { readonly mode: SendingMode; readonly provider: string }[],
): Promise<LaneOrder[]> {
  const { rows } = await sql<LaneOrder>`
    select ${ORDER} from lane_orders o
     where (o.mode::text, o.provider) in (
       select * from unnest(${about.map((each) => each.mode)}::text[], ${about.map((each) => each.provider)}::text[]))`.execute(
    db,
  )
  return rows
}

export async function selectOrder(transaction: Transaction, id: string): Promise<LaneOrder | undefined> {
  const { rows } = await sql<LaneOrder>`select ${ORDER} from lane_orders o where o.id = ${id}`.execute(
    transaction,
  )
  return rows[0]
}

export interface OrderPlace {
  readonly mode: SendingMode
  readonly provider: string
  readonly sourceId: string | null
}

/** One writer at a time, until the transaction ends. */
export async function lockOrders(transaction: Transaction): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended('lane_orders', 0))`.execute(transaction)
}

export async function selectOrderAt(
  transaction: Transaction,
  place: OrderPlace,
): Promise<LaneOrder | undefined> {
  const { rows } = await sql<LaneOrder>`
    select ${ORDER} from lane_orders o
     where o.mode = ${place.mode}::sending_mode and o.provider = ${place.provider}
       and o.source_id is not distinct from ${place.sourceId}::uuid`.execute(transaction)
  return rows[0]
}

export async function saveOrder(
  transaction: Transaction,
  place: OrderPlace,
  fields: OrderFields,
  at: Date,
): Promise<LaneOrder> {
  const { rows } = await sql<LaneOrder>`
    insert into lane_orders as o (mode, provider, source_id, paused, messages_per_minute, until, probe_at, created_at)
    values (${place.mode}::sending_mode, ${place.provider}, ${place.sourceId}, ${fields.paused}, ${fields.messages_per_minute},
            ${fields.until}, ${fields.probe_at}, ${at})
    on conflict (mode, provider, source_id) do update
      set paused = excluded.paused, messages_per_minute = excluded.messages_per_minute, until = excluded.until,
          probe_at = excluded.probe_at
    returning ${ORDER}`.execute(transaction)
  const [saved] = rows
  if (saved === undefined) throw new Error('An order that was saved did not come back.')
  return saved
}

export async function deleteOrderRow(transaction: Transaction, id: string): Promise<void> {
  await sql`delete from lane_orders where id = ${id}`.execute(transaction)
}

export async function selectSourceId(db: Db, name: string): Promise<string | undefined> {
  const { rows } = await sql<{ id: string }>`select id from sources where name = ${name}`.execute(db)
  return rows[0]?.id
}

/** How many lanes of the place are suspended. */
export async function countSuspended(db: Db, place: OrderPlace): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*) as count from lanes
     where mode = ${place.mode}::sending_mode and provider = ${place.provider} and state = 'suspended'
       and (${place.sourceId}::uuid is null or source_id = ${place.sourceId})`.execute(db)
  return rows[0]?.count ?? 0
}
