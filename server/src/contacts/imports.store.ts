import { sql } from 'kysely'
import type { Database, Db, Transaction } from '#platform/postgres/database.ts'
import type { OnExisting } from './contact.ts'
import type { CsvDialect } from './csv/csv-dialect.ts'
import type { MappedColumn } from './csv/map-columns.ts'
import type { ContactColumns } from './contact-columns.ts'
import type { Import, ImportCounts } from './import.ts'
import type { Reject } from './import-row.ts'

const columns = sql`
  id, list_id, file_name, object_key, size_bytes, state, on_existing, dialect, mapping, byte_offset, line,
  rows_read, rows_created, rows_updated, rows_skipped, rows_duplicate, rows_rejected, rows_suppressed,
  error, created_at, started_at, completed_at`

export interface NewImport {
  readonly id: string
  readonly list_id: string
  readonly file_name: string
  readonly object_key: string
  readonly size_bytes: number
  readonly on_existing: OnExisting
  readonly dialect: CsvDialect | null
  readonly mapping: readonly MappedColumn[] | null
  readonly error: string | null
}

export async function insertImport(
  db: Transaction,
  tenantId: string,
  made: NewImport,
  now: Date,
): Promise<Import> {
  const inserted = await sql<Import>`
    insert into imports (id, tenant_id, list_id, file_name, object_key, size_bytes, on_existing, dialect, mapping, error, state,
                         created_at, completed_at)
    values (${made.id}, ${tenantId}, ${made.list_id}, ${made.file_name}, ${made.object_key}, ${made.size_bytes},
            ${made.on_existing}, ${json(made.dialect)}::jsonb, ${json(made.mapping)}::jsonb, ${made.error},
            (case when ${made.error}::text is null then 'queued' else 'failed' end)::import_state,
            ${now}, case when ${made.error}::text is null then null else ${now}::timestamptz end)
    returning ${columns}`.execute(db)
  const [row] = inserted.rows
  if (row === undefined) throw new Error('The import was not inserted.')
  return row
}

export async function selectImport(db: Transaction, id: string): Promise<Import | undefined> {
  const found = await sql<Import>`select ${columns} from imports where id = ${id}`.execute(db)
  return found.rows[0]
}

/** Newest first. */
export async function selectImports(
  db: Transaction,
  page: { readonly after: string | null; readonly rows: number; readonly listId: string | null },
): Promise<Import[]> {
  const found = await sql<Import>`
    select ${columns} from imports
     where tenant_id = current_tenant() and (${page.after}::uuid is null or id < ${page.after})
       and (${page.listId}::uuid is null or list_id = ${page.listId})
     order by id desc limit ${page.rows}`.execute(db)
  return found.rows
}

export async function selectRejects(
  db: Transaction,
  importId: string,
  page: { readonly afterLine: number; readonly rows: number },
): Promise<Reject[]> {
  const found = await sql<Reject>`
    select line, code, reason, raw from import_rejects
     where import_id = ${importId} and line > ${page.afterLine} order by line limit ${page.rows}`.execute(db)
  return found.rows
}

export interface ClaimedImport {
  readonly id: string
  readonly tenant_id: string
}

/** The oldest import that waits, or whose worker has not shown itself for the time of its lease. */
export async function claimImport(
  db: Database,
  claim: { readonly workerName: string; readonly leaseMs: number },
  now: Date,
): Promise<ClaimedImport | undefined> {
  const found = await sql<ClaimedImport>`
    select id, tenant_id from claim_import(${claim.workerName}, ${now}, ${`${claim.leaseMs} milliseconds`}::interval)`.execute(
    db,
  )
  return found.rows[0]
}

export interface ChunkScope {
  readonly tenantId: string
  readonly listId: string
  readonly importId: string
  readonly now: Date
  /** Keys whose owner unsubscribed: their subscription is stored as unsubscribed. */
  readonly unsubscribed: readonly string[]
  /** Keys that are suppressed for whatever reason. */
  readonly suppressed: readonly string[]
}

/** `unnest` of binary arrays: 100 ms a chunk of 20,000 less than COPY into a staging table and reading that. */
function input(arrays: ContactColumns) {
  return sql`
    unnest(${arrays.ids}::uuid[], ${arrays.emails}::text[], ${arrays.keys}::text[], ${arrays.firstNames}::text[],
           ${arrays.lastNames}::text[], ${arrays.attributes}::text[]) as r (id, email, key, first_name, last_name, attributes)`
}

/** Contacts that do not exist yet, and their subscriptions. */
export async function insertNewContacts(
  db: Transaction,
  scope: ChunkScope,
  arrays: ContactColumns,
): Promise<{ created: number; suppressed: number }> {
  const result = await sql<{ created: number; suppressed: number }>`
    with made as (
      insert into contacts (id, tenant_id, email, email_key, first_name, last_name, attributes, created_at, updated_at, last_import_id)
      select r.id, ${scope.tenantId}, r.email, r.key, r.first_name, r.last_name, r.attributes::jsonb, ${scope.now}, ${scope.now}, ${scope.importId}
        from ${input(arrays)}
      on conflict (tenant_id, email_key) do nothing
      returning id, email_key
    ), subscribed as (
      insert into subscriptions (list_id, contact_id, tenant_id, status, subscribed_at, unsubscribed_at)
      select ${scope.listId}, id, ${scope.tenantId},
             (case when email_key = any (${scope.unsubscribed}::text[]) then 'unsubscribed' else 'subscribed' end)::subscription_status,
             ${scope.now}, case when email_key = any (${scope.unsubscribed}::text[]) then ${scope.now}::timestamptz end
        from made
    )
    select count(*) as created, count(*) filter (where email_key = any (${scope.suppressed}::text[])) as suppressed from made`.execute(
    db,
  )
  return result.rows[0] ?? { created: 0, suppressed: 0 }
}

/**
 * Contacts that exist: overwritten by what is given (`upsert`) or only marked as seen by this import (`skip`), and
 * subscribed unless they have a subscription already, whatever its status. `seen` are those that this import held before.
 */
export async function mergeExistingContacts(
  db: Transaction,
  scope: ChunkScope,
  arrays: ContactColumns,
  onExisting: OnExisting,
): Promise<{ existing: number; seen: number; suppressed: number }> {
  const change =
    onExisting === 'upsert'
      ? sql`email = e.email, first_name = coalesce(e.first_name, c.first_name), last_name = coalesce(e.last_name, c.last_name),
            attributes = c.attributes || e.attributes::jsonb, updated_at = ${scope.now}, last_import_id = ${scope.importId}`
      : sql`last_import_id = ${scope.importId}`
  // Pages of these tables are cached: without this a chunk into a large tenant reads the whole table for its join.
  await sql`set local random_page_cost = 1.1`.execute(db)
  const result = await sql<{ existing: number; seen: number; suppressed: number }>`
    with e as materialized (
      select c.id as contact_id, c.email_key, c.last_import_id is not distinct from ${scope.importId} as seen,
             r.email, r.first_name, r.last_name, r.attributes
        from ${input(arrays)}
        join contacts c on c.tenant_id = ${scope.tenantId} and c.email_key = r.key and c.id <> r.id
       order by c.email_key
    ), changed as (
      update contacts c set ${change} from e where c.id = e.contact_id and (${onExisting === 'upsert'} or not e.seen)
    ), subscribed as (
      insert into subscriptions (list_id, contact_id, tenant_id, status, subscribed_at, unsubscribed_at)
      select ${scope.listId}, contact_id, ${scope.tenantId},
             (case when email_key = any (${scope.unsubscribed}::text[]) then 'unsubscribed' else 'subscribed' end)::subscription_status,
             ${scope.now}, case when email_key = any (${scope.unsubscribed}::text[]) then ${scope.now}::timestamptz end
        from e
      on conflict (list_id, contact_id) do nothing
    )
    select count(*) as existing, count(*) filter (where seen) as seen,
           count(*) filter (where not seen and (
             email_key = any (${scope.suppressed}::text[])
             or exists (select from subscriptions s where s.list_id = ${scope.listId} and s.contact_id = e.contact_id and s.status = 'unsubscribed')
           )) as suppressed
      from e`.execute(db)
  return result.rows[0] ?? { existing: 0, seen: 0, suppressed: 0 }
}

export async function insertRejects(
  db: Transaction,
  tenantId: string,
  importId: string,
  rejects: readonly Reject[],
): Promise<void> {
  if (rejects.length === 0) return
  await sql`
    insert into import_rejects (import_id, tenant_id, line, code, reason, raw)
    select ${importId}, ${tenantId}, r.*
      from unnest(${rejects.map((r) => r.line)}::bigint[], ${rejects.map((r) => r.code)}::text[],
                  ${rejects.map((r) => r.reason)}::text[], ${rejects.map((r) => r.raw)}::text[]) as r`.execute(
    db,
  )
}

export interface Advance {
  readonly workerName: string
  readonly leaseUntil: Date
  readonly from: number
  readonly next: { readonly byteOffset: number; readonly line: number }
  readonly isLast: boolean
  readonly counts: ImportCounts
  readonly now: Date
}

/**
 * Moves the import behind the chunk, and says what it has come to. Undefined when it does not stand where the chunk began, or another worker has it:
 * then the chunk must not be committed, for its rows are or will be somebody else's.
 */
export async function advanceImport(
  db: Transaction,
  id: string,
  advance: Advance,
): Promise<ImportCounts | undefined> {
  const { counts, next } = advance
  const moved = await sql<ImportCounts>`
    update imports
       set byte_offset = ${next.byteOffset}, line = ${next.line}, lease_until = ${advance.leaseUntil},
           rows_read = rows_read + ${counts.rows_read}, rows_created = rows_created + ${counts.rows_created},
           rows_updated = rows_updated + ${counts.rows_updated}, rows_skipped = rows_skipped + ${counts.rows_skipped},
           rows_duplicate = rows_duplicate + ${counts.rows_duplicate}, rows_rejected = rows_rejected + ${counts.rows_rejected},
           rows_suppressed = rows_suppressed + ${counts.rows_suppressed},
           state = (case when ${advance.isLast} then 'completed' else 'running' end)::import_state,
           completed_at = case when ${advance.isLast} then ${advance.now}::timestamptz end
     where id = ${id} and byte_offset = ${advance.from} and worker = ${advance.workerName} and state = 'running'
    returning rows_read, rows_created, rows_updated, rows_skipped, rows_duplicate, rows_rejected, rows_suppressed`.execute(
    db,
  )
  return moved.rows[0]
}

/** False when it is no longer this worker's. */
export async function failImport(
  db: Transaction,
  id: string,
  failure: { readonly workerName: string; readonly error: string; readonly now: Date },
): Promise<boolean> {
  const failed = await sql`
    update imports set state = 'failed', error = ${failure.error}, completed_at = ${failure.now}
     where id = ${id} and worker = ${failure.workerName} and state = 'running'`.execute(db)
  return failed.numAffectedRows === 1n
}

/** Ends the lease, so that another worker goes on at once. */
export async function releaseImport(db: Transaction, id: string, workerName: string): Promise<void> {
  await sql`update imports set lease_until = null where id = ${id} and worker = ${workerName} and state = 'running'`.execute(
    db,
  )
}

function json(value: unknown): string | null {
  return value === null ? null : JSON.stringify(value)
}

export async function listExists(db: Db, listId: string): Promise<boolean> {
  const found = await sql`select from lists where id = ${listId}`.execute(db)
  return found.rows.length > 0
}
