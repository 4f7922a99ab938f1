import { bindParameters, quoted } from './bind-parameters.ts'

/** One request of ClickHouse's HTTP interface, read: a statement, perhaps with rows to insert. */
export interface EngineStatement {
  readonly sql: string
  readonly format: string
  readonly settings: Readonly<Record<string, string>>
  readonly isRead: boolean
  readonly insert: EngineInsert | undefined
  /** A result that is written to the disk before it is sent: as large as it may be, it takes no memory. */
  readonly file: EngineFile | undefined
}

export interface EngineFile {
  readonly select: string
  readonly format: string
}

export interface EngineInsert {
  readonly table: string
  readonly columns: readonly string[] | undefined
  readonly format: string
  readonly rows: Buffer
}

/** Thrown for a request that is not understood; the number is ClickHouse's own for that. */
export class BadStatement extends Error {
  readonly code: number
  readonly type: string

  constructor(code: number, type: string, message: string) {
    super(message)
    this.name = 'BadStatement'
    this.code = code
    this.type = type
  }
}

/** Parameters of the HTTP interface that are no settings of the engine. */
const PROTOCOL = new Set([
  'query',
  'query_id',
  'database',
  'default_format',
  'user',
  'password',
  'session_id',
  'session_timeout',
  'session_check',
  'role',
  'compress',
  'decompress',
  'enable_http_compression',
  'wait_end_of_query',
  'buffer_size',
  'send_progress_in_http_headers',
  'http_headers_progress_interval_ms',
  'cancel_http_readonly_queries_on_client_close',
  'http_response_buffer_size',
])
const PARAMETER = 'param_'
const SETTING_NAME = /^[a-z][a-z0-9_]*$/

/**
 * The request as a statement: the text is the parameter `query`, the body, or both one after the other. `base` are the
 * settings that hold anyway.
 */
export function readStatement(
  url: URLSearchParams,
  body: Buffer,
  base: Readonly<Record<string, string>>,
): EngineStatement {
  const text = url.get('query') ?? ''
  const insert = text === '' ? undefined : readInsert(text, body)
  const whole =
    insert === undefined ? [text, body.toString('utf8')].filter((part) => part !== '').join('\n') : text
  if (whole.trim() === '') throw new BadStatement(62, 'SYNTAX_ERROR', 'Empty query')
  if (/^\s*set\s/i.test(whole)) {
    throw new BadStatement(
      48,
      'NOT_IMPLEMENTED',
      'There are no sessions: give settings with the query that needs them.',
    )
  }
  const sql = bindParameters(whole, parametersOf(url))
  return {
    sql,
    format: formatOf(url),
    settings: settingsOf(url, base),
    isRead: /^\s*(select|with|show|describe|desc|explain|exists)\b/i.test(whole),
    insert,
    file: url.get('wait_end_of_query') === '1' ? readFile(sql) : undefined,
  }
}

const FILE = /^(?<select>\s*select\b.*)\n\s*format\s+(?<format>CSVWithNames|JSONEachRow|Parquet)\s*$/is

function readFile(sql: string): EngineFile | undefined {
  const match = FILE.exec(sql)?.groups
  if (match?.['select'] === undefined || match['format'] === undefined) return undefined
  return { select: match['select'], format: match['format'] }
}

function formatOf(url: URLSearchParams): string {
  const format = url.get('default_format') ?? 'TabSeparated'
  if (/^[A-Za-z]\w*$/.test(format)) return format
  throw new BadStatement(73, 'UNKNOWN_FORMAT', 'Unknown format')
}

function parametersOf(url: URLSearchParams): Map<string, string> {
  const values = [...url].filter(([name]) => name.startsWith(PARAMETER))
  return new Map(values.map(([name, value]) => [name.slice(PARAMETER.length), value]))
}

function settingsOf(url: URLSearchParams, base: Readonly<Record<string, string>>): Record<string, string> {
  const settings: Record<string, string> = {}
  for (const [name, value] of url) {
    if (PROTOCOL.has(name) || name.startsWith(PARAMETER) || base[name] === value) continue
    if (!SETTING_NAME.test(name))
      throw new BadStatement(115, 'UNKNOWN_SETTING', `Unknown setting ${JSON.stringify(name)}`)
    settings[name] = value
  }
  return settings
}

const NAME = String.raw`[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)?`
const INSERT = new RegExp(
  String.raw`^\s*insert\s+into\s+(?<table>${NAME})\s*(?:\((?<columns>[\w\s,]+)\))?\s*format\s+(?<format>\w+)\s*;?\s*$`,
  'i',
)
/** The formats whose bytes the engine parses itself, as they came. */
const RAW_FORMATS = [
  'JSONEachRow',
  'JSONCompactEachRow',
  'TabSeparated',
  'TSV',
  'CSV',
  'CSVWithNames',
  'TabSeparatedWithNames',
]

function readInsert(text: string, body: Buffer): EngineInsert | undefined {
  const match = INSERT.exec(text)?.groups
  const format = RAW_FORMATS.find((known) => known === match?.format)
  if (match?.table === undefined || format === undefined) return undefined
  return {
    table: match.table,
    columns: match.columns?.split(',').map((name) => name.trim()),
    format,
    rows: body,
  }
}

/** `SET a = '1', b = '2'`, or `undefined` when there is nothing to set. */
export function setStatement(settings: Readonly<Record<string, string>>): string | undefined {
  const parts = Object.entries(settings).map(([name, value]) => `${name} = ${quoted(value)}`)
  return parts.length === 0 ? undefined : `SET ${parts.join(', ')}`
}

/** Undoes `setStatement`: the session's own value where it has one, otherwise the engine's. */
export function resetStatement(
  settings: Readonly<Record<string, string>>,
  base: Readonly<Record<string, string>>,
): string | undefined {
  const parts = Object.keys(settings).map(
    (name) => `${name} = ${base[name] === undefined ? 'DEFAULT' : quoted(base[name])}`,
  )
  return parts.length === 0 ? undefined : `SET ${parts.join(', ')}`
}
