import { ClickHouseError, createClient, type ClickHouseClient } from '@clickhouse/client'
import { Agent } from 'node:http'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TSchema } from 'typebox'
import { Errors } from 'typebox/value'
import { Problem } from '#platform/problem.ts'

/** The history: ClickHouse, embedded or a server, the same for its callers. */
export interface Analytics {
  /**
   * Reads. `params` are bound by the engine to `{name:Type}`, never spliced into the text. 64-bit integers come as numbers,
   * times as RFC 3339. With `row` every row is checked against the schema, and an unexpected one throws.
   */
  query<Row>(sql: string, params?: QueryParams, options?: QueryOptions): Promise<Row[]>
  /**
   * Inserts rows (objects, or JSON lines as bytes) whole or not at all. With `token`, a batch that was inserted before under
   * the same token counts once, in every rollup too: such an insert may be repeated, and is, while the engine is away.
   */
  insert(
    table: string,
    rows: readonly object[] | Buffer,
    options?: { token?: string; timeoutMs?: number },
  ): Promise<void>
  /**
   * The rows of a `select` as a file of a format. The engine writes all of it before the first byte comes, so that a file
   * is never cut short by an error: then this rejects.
   */
  download(sql: string, params: QueryParams, options: DownloadOptions): Promise<Readable>
  /** A statement without a result. Never repeated by itself. */
  command(sql: string, params?: QueryParams, options?: { timeoutMs?: number }): Promise<void>
  /** Rejects with Problem('unavailable', 'analytics.unavailable') when there is no answer. */
  ping(): Promise<void>
  close(): Promise<void>
}

export type QueryParams = Readonly<
  Record<string, string | number | bigint | boolean | null | readonly (string | number)[]>
>

export interface QueryOptions {
  /** For all attempts together; the engine stops the query at the same time. */
  readonly timeoutMs?: number
  readonly row?: TSchema
}

export interface DownloadOptions {
  readonly format: 'CSVWithNames' | 'JSONEachRow' | 'Parquet'
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

export type AnalyticsTarget = { readonly url: string } | { readonly socketPath: string }

const QUERY_MS = 30_000
/** Longer than a restart of the engine takes. */
const INSERT_MS = 60_000
const COMMAND_MS = 120_000
const PING_MS = 2_000
const MAX_CONNECTIONS = 16
const PARQUET_GROUP_ROWS = 50_000
const RETRY_MS = { first: 100, longest: 2_000 } as const
const TABLE = /^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?$/

/** The same reading and writing of values, whatever the server's defaults. */
const VALUES = {
  date_time_input_format: 'best_effort',
  date_time_output_format: 'iso',
  output_format_json_quote_64bit_integers: 0,
} as const

/** Connects when first used. Credentials may stand in the url. */
export function openAnalytics(target: AnalyticsTarget): Analytics {
  const client = createClient({
    ...('url' in target
      ? { url: target.url, max_open_connections: MAX_CONNECTIONS }
      : overSocket(target.socketPath)),
    request_timeout: COMMAND_MS,
    compression: { request: false, response: false },
    log: { level: 127 },
  })
  return {
    query: (sql, params = {}, options = {}) => query(client, sql, params, options),
    insert: (table, rows, options = {}) => insert(client, table, rows, options),
    download: (sql, params, options) => download(client, sql, params, options),
    command: async (sql, params = {}, { timeoutMs = COMMAND_MS } = {}) => {
      const settings = { ...VALUES, max_execution_time: secondsOf(timeoutMs), wait_end_of_query: 1 } as const
      await within(timeoutMs, (signal) =>
        client.command({
          query: sql,
          query_params: { ...params },
          clickhouse_settings: settings,
          abort_signal: signal,
        }),
      )
    },
    ping: async () => {
      await within(PING_MS, async (signal) => {
        const result = await client.ping({ select: false, abort_signal: signal })
        if (!result.success) throw result.error
      })
    },
    close: () => client.close(),
  }
}

function overSocket(socketPath: string) {
  const options = { keepAlive: true, maxSockets: MAX_CONNECTIONS, socketPath }
  return { url: 'http://localhost', http_agent: new Agent(options) }
}

async function query<Row>(
  client: ClickHouseClient,
  sql: string,
  params: QueryParams,
  options: QueryOptions,
): Promise<Row[]> {
  const { timeoutMs = QUERY_MS, row } = options
  const rows = await within(timeoutMs, (signal) =>
    repeatedly(signal, async () => {
      const result = await client.query({
        query: sql,
        query_params: { ...params },
        format: 'JSONEachRow',
        clickhouse_settings: { ...VALUES, max_execution_time: secondsOf(timeoutMs) },
        abort_signal: signal,
      })
      return result.json<Row>()
    }),
  )
  if (row !== undefined) for (const each of rows) assertRow(row, each)
  return rows
}

function assertRow(schema: TSchema, row: unknown): void {
  const [error] = Errors(schema, row)
  if (error !== undefined)
    throw new TypeError(
      `The history returned a row that is not as declared: ${error.instancePath} ${error.message}.`,
    )
}

async function insert(
  client: ClickHouseClient,
  table: string,
  rows: readonly object[] | Buffer,
  { token, timeoutMs = INSERT_MS }: { token?: string; timeoutMs?: number },
): Promise<void> {
  if (!TABLE.test(table)) throw new TypeError(`${table} is not the name of a table.`)
  const bytes = Buffer.isBuffer(rows)
    ? rows
    : Buffer.from(rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
  if (bytes.length === 0) return
  const send = async (signal: AbortSignal): Promise<void> => {
    const { stream } = await client.exec({
      query: `INSERT INTO ${table} FORMAT JSONEachRow`,
      values: Readable.from([bytes], { objectMode: false }),
      clickhouse_settings: { ...VALUES, ...insertSettings(token), max_execution_time: secondsOf(timeoutMs) },
      abort_signal: signal,
    })
    for await (const _ of stream.resume()) void _
  }
  await within(timeoutMs, (signal) =>
    token === undefined ? send(signal) : repeatedly(signal, () => send(signal)),
  )
}

async function download(
  client: ClickHouseClient,
  sql: string,
  params: QueryParams,
  { format, timeoutMs, signal }: DownloadOptions,
): Promise<Readable> {
  const late = AbortSignal.timeout(timeoutMs)
  try {
    const { stream } = await client.exec({
      query: `${sql}\nFORMAT ${format}`,
      query_params: { ...params },
      clickhouse_settings: {
        ...VALUES,
        max_execution_time: secondsOf(timeoutMs),
        wait_end_of_query: 1,
        // Rows of one group are in memory together; the preset is a million.
        output_format_parquet_row_group_size: String(PARQUET_GROUP_ROWS),
      },
      abort_signal: AbortSignal.any([signal, late]),
    })
    return stream
  } catch (error) {
    throw translated(error, late.aborted, timeoutMs)
  }
}

function insertSettings(token: string | undefined) {
  const whole = {
    async_insert: 0,
    wait_end_of_query: 1,
    input_format_skip_unknown_fields: 0,
    // Half a surrogate pair in a receiver's reply is kept as it is: one such row must not stop all that come after it.
    input_format_json_throw_on_bad_escape_sequence: 0,
    type_json_skip_duplicated_paths: 1,
  } as const
  if (token === undefined) return whole
  return {
    ...whole,
    insert_deduplicate: 1,
    insert_deduplication_token: token,
    deduplicate_blocks_in_dependent_materialized_views: 1,
  } as const
}

function secondsOf(timeoutMs: number): number {
  return Math.max(1, Math.ceil(timeoutMs / 1000))
}

async function within<T>(timeoutMs: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const signal = AbortSignal.timeout(timeoutMs)
  try {
    return await work(signal)
  } catch (error) {
    throw translated(error, signal.aborted, timeoutMs)
  }
}

/** Again while nobody answers, with back-off, until the deadline: for work that may be done twice. */
async function repeatedly<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  let waitMs: number = RETRY_MS.first
  while (true) {
    try {
      return await work()
    } catch (error) {
      if (signal.aborted || !isAway(error)) throw error
      await sleep(waitMs, undefined, { signal }).catch(() => undefined)
      if (signal.aborted) throw error
      waitMs = Math.min(waitMs * 2, RETRY_MS.longest)
    }
  }
}

const AWAY = [
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOENT',
  'EPIPE',
  'ENOTFOUND',
  'EHOSTUNREACH',
  'ETIMEDOUT',
  'EAI_AGAIN',
]

function isAway(error: unknown): boolean {
  if (error instanceof ClickHouseError) return error.code === TOO_MANY_QUERIES
  if (!(error instanceof Error)) return false
  return (
    ('code' in error && AWAY.includes(String(error.code))) || /socket hang up|aborted/i.test(error.message)
  )
}

const TOO_SLOW = '159'
const TOO_MANY_QUERIES = '202'
const TOO_MUCH_MEMORY = '241'

/** What passes by itself is a Problem; a mistake in a statement stays what it is. */
function translated(error: unknown, isLate: boolean, timeoutMs: number): unknown {
  const code = error instanceof ClickHouseError ? error.code : undefined
  if (isLate || code === TOO_SLOW) {
    return new Problem(
      'unavailable',
      'analytics.too_slow',
      `The history did not answer within ${timeoutMs} ms. Ask for a shorter time or fewer rows.`,
      { cause: error },
    )
  }
  if (code === TOO_MUCH_MEMORY) {
    return new Problem(
      'unavailable',
      'analytics.too_large',
      'This question to the history needs more memory than it may use. Ask for a shorter time, or raise PIGEON_ANALYTICS_MEMORY_MB.',
      { cause: error },
    )
  }
  if (isAway(error))
    return new Problem(
      'unavailable',
      'analytics.unavailable',
      'The history is not available just now. Try again.',
      { cause: error },
    )
  return error
}
