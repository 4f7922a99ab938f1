import { randomBytes, randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import type { Database, Db } from '#platform/postgres/database.ts'

/** A column as the catalogue describes it. */
interface Column {
  readonly name: string
  readonly type: string
  readonly required: boolean
  /** `table.column` that it refers to. */
  readonly references: string | null
  readonly labels: string[] | null
}

export interface TenantTable {
  readonly name: string
  readonly columns: readonly Column[]
}

/** Where the catalogue does not say what a column may hold (check constraints): the value to use. */
const GIVEN: Readonly<Record<string, unknown>> = {
  'dkim_keys.algorithm': 'rsa-sha256',
  'exports.format': 'csv',
  'imports.on_existing': 'upsert',
}

/** All tables with a tenant_id, as the catalogue lists them: a new table is in here without anybody's doing. */
export async function tenantTables(db: Database): Promise<TenantTable[]> {
  const { rows } = await sql<TenantTable>`
    select c.relname as name, jsonb_agg(jsonb_build_object(
             'name', a.attname,
             'type', t.typname,
             'required', a.attnotnull and not a.atthasdef and a.attidentity = '',
             'references', (select k.confrelid::regclass::text || '.' || f.attname
                              from pg_constraint k join pg_attribute f on f.attrelid = k.confrelid and f.attnum = k.confkey[1]
                             where k.conrelid = c.oid and k.contype = 'f' and k.conkey = array[a.attnum] limit 1),
             'labels', (select jsonb_agg(e.enumlabel order by e.enumsortorder) from pg_enum e where e.enumtypid = a.atttypid)
           ) order by a.attnum) as columns
      from pg_class c
      join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
      join pg_type t on t.oid = a.atttypid
     where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
     group by c.oid, c.relname
    having bool_or(a.attname = 'tenant_id')
     order by c.relname`.execute(db)
  return rows
}

/** Fills every table with a row of each tenant, those first that others refer to. */
export async function fillTables(
  db: Database,
  tables: readonly TenantTable[],
  tenantIds: readonly string[],
): Promise<void> {
  let waiting = [...tables]
  while (waiting.length > 0) {
    const names = new Set(waiting.map((table) => table.name))
    const ready = waiting.filter(
      (table) => !table.columns.some((column) => refersTo(column, names, table.name)),
    )
    if (ready.length === 0)
      throw new Error(`These tables refer to each other in a circle: ${[...names].join(', ')}.`)
    for (const table of ready) {
      for (const tenantId of tenantIds)
        await insertRow(db, table, tenantId, await parentsOf(db, table, tenantId))
    }
    waiting = waiting.filter((table) => !ready.includes(table))
  }
}

function refersTo(column: Column, names: ReadonlySet<string>, own: string): boolean {
  const target = column.references?.split('.', 1)[0]
  return column.required && target !== undefined && target !== own && names.has(target)
}

/** For each column that refers to another table: a value of this tenant that is there. */
export async function parentsOf(
  db: Database,
  table: TenantTable,
  tenantId: string,
): Promise<Map<string, unknown>> {
  const parents = new Map<string, unknown>()
  for (const column of table.columns) {
    if (column.references === null || !column.required || column.name === 'tenant_id') continue
    const [target = '', key = ''] = column.references.split('.')
    const { rows } = await sql<{ value: unknown }>`
      select ${sql.ref(key)} as value from ${sql.table(target)} where tenant_id = ${tenantId} limit 1`.execute(
      db,
    )
    parents.set(column.name, rows[0]?.value)
  }
  return parents
}

/** Inserts one row of this tenant, with something in every column that must have something. */
export async function insertRow(
  db: Db,
  table: TenantTable,
  tenantId: string,
  parents: ReadonlyMap<string, unknown>,
): Promise<void> {
  const columns = table.columns.filter((column) => column.required || column.name === 'tenant_id')
  const values = columns.map((column) => {
    if (column.name === 'tenant_id') return tenantId
    return parents.get(column.name) ?? GIVEN[`${table.name}.${column.name}`] ?? anyValue(column)
  })
  await sql`
    insert into ${sql.table(table.name)} (${sql.join(columns.map((column) => sql.ref(column.name)))})
    values (${sql.join(values)})`.execute(db)
}

function anyValue(column: Column): unknown {
  if (column.labels !== null) return column.labels[0]
  switch (column.type) {
    case 'uuid':
      return randomUUID()
    case 'text':
      return `x${randomBytes(6).toString('hex')}`
    case 'bytea':
      return randomBytes(32)
    case 'timestamptz':
      return new Date('2026-01-01T00:00:00Z')
    case 'jsonb':
      return '{}'
    case 'bool':
      return false
    case 'int2':
    case 'int4':
    case 'int8':
      return 1
    case '_text':
      return []
    default:
      throw new Error(`What may stand in a column of type ${column.type}? Say it in tenant-fixtures.ts.`)
  }
}
