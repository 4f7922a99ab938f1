import { sql } from 'kysely'
import type { Db, Transaction } from '#platform/postgres/database.ts'
import type { SourceKind, SourceStatus } from '#platform/postgres/database.gen.ts'
import type { RelayConfig, SourceFields } from './source.ts'

export interface SourceRow {
  readonly id: string
  readonly name: string
  readonly kind: SourceKind
  readonly local_address: string | null
  readonly ehlo_name: string | null
  readonly relay_kind: string | null
  readonly relay_config: RelayConfig | null
  readonly has_relay_secret: boolean
  readonly status: SourceStatus
  readonly warm_up: boolean
  readonly warm_up_started_at: Date | null
  readonly warm_up_curve: number[] | null
  readonly cost_per_thousand: number | null
  readonly daily_cost_cap: number | null
  readonly monthly_cost_cap: number | null
  /** Of this UTC day and month, in millionths of the currency. */
  readonly spent_today: number
  readonly spent_this_month: number
  readonly ptr_name: string | null
  readonly ptr_checked_at: Date | null
  readonly ptr_problem: string | null
  readonly created_at: Date
  readonly updated_at: Date
}

const COLUMNS = sql.raw(`id, name, kind, local_address, ehlo_name, relay_kind, relay_config,
  relay_secret is not null as has_relay_secret, status, warm_up, warm_up_started_at, warm_up_curve,
  ptr_name, ptr_checked_at, ptr_problem, cost_per_thousand, daily_cost_cap, monthly_cost_cap,
  (select coalesce(sum(spent_nano) / 1000, 0)::bigint from source_spend
    where source_id = sources.id and day = (now() at time zone 'utc')::date) as spent_today,
  (select coalesce(sum(spent_nano) / 1000, 0)::bigint from source_spend
    where source_id = sources.id and day >= date_trunc('month', now() at time zone 'utc')::date) as spent_this_month,
  created_at, updated_at`)

export interface NewSourceRow extends SourceFields {
  readonly id: string
  readonly kind: SourceKind
  readonly relaySecret: Buffer | null
  /** Null: it is warm. */
  readonly warmUpStartedAt: Date | null
}

export async function insertSource(
  transaction: Transaction,
  row: NewSourceRow,
  at: Date,
): Promise<SourceRow> {
  const { rows } = await sql<SourceRow>`
    insert into sources (id, name, kind, local_address, ehlo_name, relay_kind, relay_config, relay_secret,
                         warm_up, warm_up_started_at, warm_up_curve, cost_per_thousand, daily_cost_cap, monthly_cost_cap,
                         created_at, updated_at)
    values (${row.id}, ${row.name}, ${row.kind}::source_kind, ${row.local_address}::inet, ${row.ehlo_name},
            ${row.relay_kind}, ${jsonOf(row.relay_config)}::jsonb, ${row.relaySecret},
            ${row.warmUpStartedAt !== null}, ${row.warmUpStartedAt}, ${row.warm_up_curve}::integer[],
            ${row.cost_per_thousand}, ${row.daily_cost_cap}, ${row.monthly_cost_cap}, ${at}, ${at})
    returning ${COLUMNS}`.execute(transaction)
  return firstOf(rows)
}

/**
 * Replaces what a person may say. `relaySecret` undefined keeps the one that is there. What was found about the reverse
 * look-up is forgotten when it is no longer about this address and name.
 */
export async function updateSourceRow(
  transaction: Transaction,
  id: string,
  fields: SourceFields & { readonly relaySecret: Buffer | null | undefined },
  at: Date,
): Promise<SourceRow> {
  const isSame = sql`(local_address is not distinct from ${fields.local_address}::inet
    and ehlo_name is not distinct from ${fields.ehlo_name})`
  const { rows } = await sql<SourceRow>`
    update sources
       set name = ${fields.name}, local_address = ${fields.local_address}::inet, ehlo_name = ${fields.ehlo_name},
           relay_kind = ${fields.relay_kind}, relay_config = ${jsonOf(fields.relay_config)}::jsonb,
           relay_secret = case when ${fields.relaySecret === undefined} then relay_secret
                               else ${fields.relaySecret ?? null}::bytea end,
           warm_up_curve = ${fields.warm_up_curve}::integer[], cost_per_thousand = ${fields.cost_per_thousand},
           daily_cost_cap = ${fields.daily_cost_cap}, monthly_cost_cap = ${fields.monthly_cost_cap},
           ptr_name = case when ${isSame} then ptr_name end,
           ptr_checked_at = case when ${isSame} then ptr_checked_at end,
           ptr_problem = case when ${isSame} then ptr_problem end,
           updated_at = ${at}
     where id = ${id} returning ${COLUMNS}`.execute(transaction)
  return firstOf(rows)
}

export async function selectSource(
  db: Db,
  id: string,
  options: { lock?: boolean } = {},
): Promise<SourceRow | undefined> {
  const lock = options.lock === true ? sql`for update` : sql``
  const { rows } = await sql<SourceRow>`select ${COLUMNS} from sources where id = ${id} ${lock}`.execute(db)
  return rows[0]
}

/** Newest first. */
export async function selectSources(
  db: Db,
  page: { readonly after: string | null; readonly rows: number },
): Promise<SourceRow[]> {
  const { rows } = await sql<SourceRow>`
    select ${COLUMNS} from sources where (${page.after}::uuid is null or id < ${page.after}::uuid)
     order by id desc limit ${page.rows}`.execute(db)
  return rows
}

export async function countSources(db: Db): Promise<number> {
  const { rows } = await sql<{ count: number }>`select count(*) as count from sources`.execute(db)
  return rows[0]?.count ?? 0
}

export async function updateStatus(
  db: Db,
  id: string,
  status: SourceStatus,
  at: Date,
): Promise<SourceRow | undefined> {
  const { rows } = await sql<SourceRow>`
    update sources set status = ${status}::source_status, updated_at = ${at} where id = ${id} returning ${COLUMNS}`.execute(
    db,
  )
  return rows[0]
}

export async function updateWarmUp(
  transaction: Transaction,
  id: string,
  startedAt: Date | null,
  at: Date,
): Promise<SourceRow> {
  const { rows } = await sql<SourceRow>`
    update sources set warm_up = ${startedAt !== null}, warm_up_started_at = ${startedAt}, updated_at = ${at}
     where id = ${id} returning ${COLUMNS}`.execute(transaction)
  return firstOf(rows)
}

/** Stores what a check found, unless the source has changed since it was asked about. */
export async function updatePtr(
  db: Db,
  asked: Pick<SourceRow, 'id' | 'local_address' | 'ehlo_name'>,
  found: { readonly name: string | null; readonly problem: string | null },
  at: Date,
): Promise<SourceRow | undefined> {
  const { rows } = await sql<SourceRow>`
    update sources set ptr_name = ${found.name}, ptr_problem = ${found.problem}, ptr_checked_at = ${at}
     where id = ${asked.id} and local_address = ${asked.local_address}::inet
       and ehlo_name is not distinct from ${asked.ehlo_name}
    returning ${COLUMNS}`.execute(db)
  return rows[0]
}

/** Names of the pools that a source is in. */
export async function selectPoolsOfSource(db: Db, id: string): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    select p.name from pool_sources m join pools p on p.id = m.pool_id where m.source_id = ${id} order by p.name`.execute(
    db,
  )
  return rows.map((row) => row.name)
}

export async function deleteSourceRow(transaction: Transaction, id: string): Promise<void> {
  await sql`delete from sources where id = ${id}`.execute(transaction)
}

export async function selectRelaySecret(db: Db, id: string): Promise<Buffer | undefined> {
  const { rows } = await sql<{ relay_secret: Buffer | null }>`
    select relay_secret from sources where id = ${id}`.execute(db)
  return rows[0]?.relay_secret ?? undefined
}

/** One writer at a time, until the transaction ends: what is decided over all pools and sources stays true. */
export async function lockSources(transaction: Transaction): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended('sources', 0))`.execute(transaction)
}

/** `pg` would make a PostgreSQL array of a JavaScript one, and JSON is what the column holds. */
function jsonOf(config: RelayConfig | null): string | null {
  return config === null ? null : JSON.stringify(config)
}

function firstOf(rows: readonly SourceRow[]): SourceRow {
  const [row] = rows
  if (row === undefined) throw new Error('A statement that returns the source returned none.')
  return row
}
