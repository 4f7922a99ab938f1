import { sql } from 'kysely'
import type { Database, Db } from '#platform/postgres/database.ts'
import type { Export, ExportFilter, ExportFormat } from './export.ts'

const columns = sql`
  id, format, filter, state, rows_total, rows_done, size_bytes, error, created_at, started_at, completed_at, expires_at`

/** An export of the same question that still tells: not finished, finished after its time was over, or just asked for. */
export async function selectSame(
  db: Db,
  question: { readonly format: ExportFormat; readonly filter: ExportFilter },
  times: { readonly freshSince: Date; readonly now: Date },
): Promise<Export | undefined> {
  const found = await sql<Export>`
    select ${columns} from exports
     where tenant_id = current_tenant() and format = ${question.format} and filter = ${JSON.stringify(question.filter)}::jsonb
       and (expires_at is null or expires_at > ${times.now})
       and (state in ('queued', 'running') or created_at >= ${times.freshSince}
            or state = 'completed' and created_at >= to_timestamp(${question.filter.to}))
     order by id desc limit 1`.execute(db)
  return found.rows[0]
}

export async function countUnfinished(db: Db): Promise<number> {
  const found = await sql<{ n: number }>`
    select count(*)::int as n from exports where tenant_id = current_tenant() and state in ('queued', 'running')`.execute(
    db,
  )
  return found.rows[0]?.n ?? 0
}

export async function insertExport(
  db: Db,
  tenantId: string,
  question: { readonly format: ExportFormat; readonly filter: ExportFilter },
  now: Date,
): Promise<Export> {
  const made = await sql<Export>`
    insert into exports (tenant_id, format, filter, created_at)
    values (${tenantId}, ${question.format}, ${JSON.stringify(question.filter)}::jsonb, ${now}) returning ${columns}`.execute(
    db,
  )
  const [row] = made.rows
  if (row === undefined) throw new Error('The export was not inserted.')
  return row
}

export async function selectExport(db: Db, id: string): Promise<Export | undefined> {
  const found =
    await sql<Export>`select ${columns} from exports where tenant_id = current_tenant() and id = ${id}`.execute(
      db,
    )
  return found.rows[0]
}

/** Newest first. */
export async function selectExports(
  db: Db,
  page: { readonly after: string | null; readonly rows: number },
): Promise<Export[]> {
  const found = await sql<Export>`
    select ${columns} from exports
     where tenant_id = current_tenant() and (${page.after}::uuid is null or id < ${page.after})
     order by id desc limit ${page.rows}`.execute(db)
  return found.rows
}

export interface ExportName {
  readonly id: string
  readonly tenant_id: string
}

/** The oldest export that waits, or whose worker has not shown itself for the time of its lease. */
export async function claimExport(
  db: Database,
  claim: { readonly workerName: string; readonly leaseMs: number },
  now: Date,
): Promise<ExportName | undefined> {
  const found = await sql<ExportName>`
    select id, tenant_id from claim_export(${claim.workerName}, ${now}, ${`${claim.leaseMs} milliseconds`}::interval)`.execute(
    db,
  )
  return found.rows[0]
}

/** Shows how far the worker is, and that it is there. False when the export is no longer its own. */
export async function showProgress(
  db: Db,
  id: string,
  progress: {
    readonly workerName: string
    readonly leaseUntil: Date
    readonly total: number
    readonly done: number
  },
): Promise<boolean> {
  const shown = await sql`
    update exports set rows_total = ${progress.total}, rows_done = ${progress.done}, lease_until = ${progress.leaseUntil}
     where id = ${id} and worker = ${progress.workerName} and state = 'running'`.execute(db)
  return shown.numAffectedRows === 1n
}

export async function completeExport(
  db: Db,
  id: string,
  end: {
    readonly workerName: string
    readonly rows: number
    readonly sizeBytes: number
    readonly now: Date
    readonly expiresAt: Date
  },
): Promise<void> {
  await sql`
    update exports set state = 'completed', rows_total = ${end.rows}, rows_done = ${end.rows}, size_bytes = ${end.sizeBytes},
           completed_at = ${end.now}, expires_at = ${end.expiresAt}, lease_until = null
     where id = ${id} and worker = ${end.workerName} and state = 'running'`.execute(db)
}

/** Counts a failure: tried again later, unless `error` says that it is given up. */
export async function failExport(
  db: Db,
  id: string,
  failure: {
    readonly workerName: string
    readonly error: string
    readonly maxFailures: number
    readonly now: Date
    readonly expiresAt: Date
  },
): Promise<void> {
  const isLast = sql`failures + 1 >= ${failure.maxFailures}`
  await sql`
    update exports set failures = failures + 1, worker = null, lease_until = null,
           state = (case when ${isLast} then 'failed' else 'queued' end)::export_state,
           error = case when ${isLast} then ${failure.error} end,
           completed_at = case when ${isLast} then ${failure.now}::timestamptz end,
           expires_at = case when ${isLast} then ${failure.expiresAt}::timestamptz end
     where id = ${id} and worker = ${failure.workerName} and state = 'running'`.execute(db)
}

/** Gives it back as it was: nothing went wrong with it. */
export async function releaseExport(db: Db, id: string, workerName: string): Promise<void> {
  await sql`
    update exports set worker = null, lease_until = null, state = 'queued'
     where id = ${id} and worker = ${workerName} and state = 'running'`.execute(db)
}

export async function expiredExports(db: Database, now: Date): Promise<ExportName[]> {
  const found = await sql<ExportName>`select id, tenant_id from list_expired_exports(${now})`.execute(db)
  return found.rows
}

export async function deleteExport(db: Db, id: string): Promise<void> {
  await sql`delete from exports where tenant_id = current_tenant() and id = ${id}`.execute(db)
}
