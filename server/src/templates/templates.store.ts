import { sql } from 'kysely'
import type { Db, Transaction } from '#platform/postgres/database.ts'
import type { CompiledTemplate, TemplateSource } from './template.ts'

export interface TemplateRow {
  readonly id: string
  readonly name: string
  readonly category: string | null
  readonly version: number
  readonly subject: string
  readonly html: string | null
  readonly mjml: string | null
  readonly text: string | null
  readonly variables: TemplateSource['variables']
  readonly compiled: CompiledTemplate
  readonly created_at: Date
  readonly updated_at: Date
}

const columns = sql`t.id, t.name, t.category, t.version, v.subject, v.html, v.mjml, v.text, v.variables, v.compiled, t.created_at, t.updated_at`

export async function findTemplate(
  db: Db,
  id: string,
  version: number | null,
): Promise<TemplateRow | undefined> {
  const found = await sql<TemplateRow>`
    select ${columns}, v.version from templates t
      join template_versions v on v.template_id = t.id and v.version = coalesce(${version}, t.version)
     where t.id = ${id} and t.is_active`.execute(db)
  return found.rows[0]
}

export async function listTemplates(
  db: Db,
  page: { after: string | null; rows: number },
): Promise<TemplateRow[]> {
  const found = await sql<TemplateRow>`
    select ${columns} from templates t join template_versions v on v.template_id = t.id and v.version = t.version
     where t.is_active and (${page.after}::uuid is null or t.id < ${page.after}) order by t.id desc limit ${page.rows}`.execute(
    db,
  )
  return found.rows
}

export interface VersionRow {
  readonly version: number
  readonly subject: string
  readonly created_at: Date
}

export async function listVersions(
  db: Db,
  id: string,
  page: { before: number | null; rows: number },
): Promise<VersionRow[]> {
  const found = await sql<VersionRow>`
    select version, subject, created_at from template_versions
     where template_id = ${id} and (${page.before}::int is null or version < ${page.before}) order by version desc limit ${page.rows}`.execute(
    db,
  )
  return found.rows
}

export interface NewVersion {
  readonly tenantId: string
  readonly name: string
  readonly category: string | null
  readonly source: TemplateSource
  readonly compiled: CompiledTemplate
  readonly now: Date
}

export async function insertTemplate(transaction: Transaction, input: NewVersion): Promise<string> {
  const made = await sql<{ id: string }>`
    insert into templates (tenant_id, name, category, version, created_at, updated_at)
    values (${input.tenantId}, ${input.name}, ${input.category}, 1, ${input.now}, ${input.now}) returning id`.execute(
    transaction,
  )
  const id = made.rows[0]?.id ?? ''
  await insertVersion(transaction, id, 1, input)
  return id
}

/** Adds a version after the current one. False when the template is not there. */
export async function addVersion(transaction: Transaction, id: string, input: NewVersion): Promise<boolean> {
  const moved = await sql<{ version: number }>`
    update templates set name = ${input.name}, category = ${input.category}, version = version + 1, updated_at = ${input.now}
     where id = ${id} and is_active returning version`.execute(transaction)
  const [row] = moved.rows
  if (row === undefined) return false
  await insertVersion(transaction, id, row.version, input)
  return true
}

async function insertVersion(
  transaction: Transaction,
  id: string,
  version: number,
  input: NewVersion,
): Promise<void> {
  const { source } = input
  await sql`
    insert into template_versions (template_id, version, tenant_id, subject, html, mjml, text, variables, compiled, created_at)
    values (${id}, ${version}, ${input.tenantId}, ${source.subject}, ${source.html ?? null}, ${source.mjml ?? null}, ${source.text ?? null},
            ${JSON.stringify(source.variables)}, ${JSON.stringify(input.compiled)}, ${input.now})`.execute(
    transaction,
  )
}

/** Hides a template; its versions stay for the campaigns that used them. False when it is not there. */
export async function retireTemplate(transaction: Transaction, id: string, now: Date): Promise<boolean> {
  const gone =
    await sql`update templates set is_active = false, updated_at = ${now} where id = ${id} and is_active`.execute(
      transaction,
    )
  return (gone.numAffectedRows ?? 0n) > 0n
}

/** Campaigns that name this template and are not over. */
export async function countUses(db: Db, id: string): Promise<number> {
  const found = await sql<{ uses: number }>`
    select count(*) as uses from campaigns where template_id = ${id} and status in ('scheduled', 'sending', 'paused')`.execute(
    db,
  )
  return found.rows[0]?.uses ?? 0
}
