import { sql } from 'kysely'
import type { Transaction } from '#platform/postgres/database.ts'
import type { List } from './list.ts'

/** The counts come from the rows of differences that every change of a subscription leaves. */
const columns = sql`
  l.id, l.name, l.description, l.status, l.is_public, l.created_at, l.updated_at,
  coalesce((select sum(c.subscribed) from list_counts c where c.list_id = l.id), 0)::bigint as subscribed,
  coalesce((select sum(c.unsubscribed) from list_counts c where c.list_id = l.id), 0)::bigint as unsubscribed`

export interface ListFields {
  readonly name: string
  readonly description: string | null
  readonly status: 'active' | 'archived'
  /** undefined: as it is; of a new list, not public. */
  readonly isPublic: boolean | undefined
}

export async function insertList(
  db: Transaction,
  tenantId: string,
  fields: ListFields,
  now: Date,
): Promise<List> {
  const made = await sql<List>`
    insert into lists as l (tenant_id, name, description, status, is_public, created_at, updated_at)
    values (${tenantId}, ${fields.name}, ${fields.description}, ${fields.status}, ${fields.isPublic ?? false}, ${now}, ${now})
    returning ${columns}`.execute(db)
  const [row] = made.rows
  if (row === undefined) throw new Error('The list was not inserted.')
  return row
}

export async function updateList(
  db: Transaction,
  id: string,
  fields: ListFields,
  now: Date,
): Promise<List | undefined> {
  const changed = await sql<List>`
    update lists l set name = ${fields.name}, description = ${fields.description}, status = ${fields.status},
           is_public = coalesce(${fields.isPublic ?? null}, is_public), updated_at = ${now}
     where id = ${id} returning ${columns}`.execute(db)
  return changed.rows[0]
}

export async function selectList(db: Transaction, id: string): Promise<List | undefined> {
  const found = await sql<List>`select ${columns} from lists l where l.id = ${id}`.execute(db)
  return found.rows[0]
}

/** Newest first. */
export async function selectLists(
  db: Transaction,
  page: { readonly after: string | null; readonly rows: number },
): Promise<List[]> {
  const found = await sql<List>`
    select ${columns} from lists l
     where l.tenant_id = current_tenant() and (${page.after}::uuid is null or l.id < ${page.after})
     order by l.id desc limit ${page.rows}`.execute(db)
  return found.rows
}

/** Holds off whoever wants to use the list. */
export async function lockList(db: Transaction, id: string): Promise<boolean> {
  const found = await sql`select from lists where id = ${id} for update`.execute(db)
  return found.rows.length > 0
}

/** The name of a campaign that uses the list, and of an import that runs into it. */
export async function selectUses(
  db: Transaction,
  id: string,
): Promise<{ readonly campaign: string | null; readonly import: string | null }> {
  const found = await sql<{ campaign: string | null; import: string | null }>`
    select (select name from campaigns where list_id = ${id} limit 1) as campaign,
           (select file_name from imports where list_id = ${id} and state in ('queued', 'running') limit 1) as import`.execute(
    db,
  )
  return found.rows[0] ?? { campaign: null, import: null }
}

/** Returns the keys of the files that its imports left. */
export async function deleteList(db: Transaction, id: string): Promise<string[]> {
  const files = await sql<{
    object_key: string
  }>`select object_key from imports where list_id = ${id}`.execute(db)
  await sql`delete from subscriptions where list_id = ${id}`.execute(db)
  await sql`delete from list_counts where list_id = ${id}`.execute(db)
  await sql`delete from suppressions where tenant_id = current_tenant() and list_id = ${id}`.execute(db)
  await sql`delete from lists where id = ${id}`.execute(db)
  return files.rows.map((row) => row.object_key)
}
