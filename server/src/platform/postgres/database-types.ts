import type { Client } from 'pg'

interface Column {
  readonly table: string
  readonly name: string
  readonly type: string
  readonly isEnum: boolean
  readonly isArray: boolean
  readonly isNullable: boolean
  readonly hasDefault: boolean
  readonly isGenerated: boolean
}

interface EnumType {
  readonly name: string
  readonly labels: readonly string[]
}

/** How `openDatabase` reads each type of PostgreSQL (see its TYPES), as TypeScript. */
const SCALARS: Readonly<Record<string, string>> = {
  bool: 'boolean',
  bytea: 'Buffer',
  date: 'string',
  float4: 'number',
  float8: 'number',
  inet: 'string',
  int2: 'number',
  int4: 'number',
  int8: 'number',
  interval: 'unknown',
  name: 'string',
  numeric: 'string',
  text: 'string',
  timestamptz: 'Date',
  uuid: 'string',
  varchar: 'string',
}

const LINE_CHARS = 110

/** Written as text: `pg` would turn a JavaScript array into a PostgreSQL array and not into JSON. */
const JSON_TYPES = ['json', 'jsonb']

/** The Kysely types of a migrated database: the text of `database.gen.ts`. */
export async function databaseTypes(client: Client): Promise<string> {
  const enums = (await client.query<EnumType>(ENUMS)).rows
  const columns = (await client.query<Column>(COLUMNS)).rows
  const tables = Map.groupBy(columns, ({ table }) => table)
  return [
    '// Generated from the migrated database by `npm run generate`. Do not edit.',
    "import type { ColumnType, Generated } from 'kysely'",
    '',
    ...enums.map(unionType),
    '',
    ...[...tables].map(([table, of]) =>
      [`export interface ${pascalCase(table)}Table {`, ...of.map(line), '}', ''].join('\n'),
    ),
    'export interface DB {',
    ...[...tables.keys()].map((table) => `  ${table}: ${pascalCase(table)}Table`),
    '}',
    '',
  ].join('\n')
}

/** As the formatter writes it, so that a generated file needs no formatting. */
function unionType({ name, labels }: EnumType): string {
  const quoted = labels.map((label) => quote(label))
  const oneLine = `export type ${pascalCase(name)} = ${quoted.join(' | ')}`
  if (oneLine.length <= LINE_CHARS) return oneLine
  return [`export type ${pascalCase(name)} =`, ...quoted.map((label) => `  | ${label}`)].join('\n')
}

function line(column: Column): string {
  return `  ${column.name}: ${columnType(column)}`
}

function columnType(column: Column): string {
  const isOptional = column.hasDefault || column.isNullable
  if (JSON_TYPES.includes(column.type)) {
    const written = column.isNullable ? 'string | null' : 'string'
    return `ColumnType<unknown, ${written}${isOptional ? ' | undefined' : ''}, ${written}>`
  }
  const one = column.isEnum ? pascalCase(column.type) : SCALARS[column.type]
  if (one === undefined)
    throw new Error(
      `${column.table}.${column.name} has the type ${column.type}, which database-types.ts does not know. Add it.`,
    )
  const type = `${one}${column.isArray ? '[]' : ''}${column.isNullable ? ' | null' : ''}`
  if (column.isGenerated) return `ColumnType<${type}, never, never>`
  return column.hasDefault ? `Generated<${type}>` : type
}

function pascalCase(name: string): string {
  return name
    .split('_')
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1))
    .join('')
}

function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}

const ENUMS = `
  select t.typname as name, array_agg(e.enumlabel::text order by e.enumsortorder) as labels
    from pg_type t join pg_enum e on e.enumtypid = t.oid
   where t.typnamespace = 'public'::regnamespace
   group by t.typname order by t.typname collate "C"`

const COLUMNS = `
  select c.relname as table, a.attname as name,
         case when t.typcategory = 'A' then e.typname else t.typname end as type,
         case when t.typcategory = 'A' then e.typtype = 'e' else t.typtype = 'e' end as "isEnum",
         t.typcategory = 'A' as "isArray",
         not a.attnotnull as "isNullable",
         a.atthasdef or a.attidentity <> '' as "hasDefault",
         a.attgenerated <> '' or a.attidentity = 'a' as "isGenerated"
    from pg_class c
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    join pg_type t on t.oid = a.atttypid
    left join pg_type e on e.oid = t.typelem
   where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
   order by c.relname collate "C", a.attnum`
