import type { RawInsertFormat, Session } from 'chdb'
import { randomUUID } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate, zstdDecompress } from 'node:zlib'
import { BadParameter, quoted } from './bind-parameters.ts'
import {
  BadStatement,
  readStatement,
  resetStatement,
  setStatement,
  type EngineFile,
  type EngineStatement,
} from './engine-statement.ts'
import { PoolRefusal, type SessionPool, type Slot } from './session-pool.ts'

/** One request with its rows; callers insert batches of 10,000. */
const MAX_BODY_BYTES = 64 * 1024 * 1024
/** How long a statement waits for a session before its caller is told that the engine is busy. */
const MAX_WAIT_MS = 30_000

export interface EngineDeps {
  readonly pool: SessionPool<Session>
  /** For results that are written before they are sent; empty at the start. */
  readonly fileDirectory: string
  /** Settings that every session has. */
  readonly base: Readonly<Record<string, string>>
}

/** ClickHouse's HTTP interface over the embedded engine: enough for the official client, one statement a request. */
export function createEngineServer(deps: EngineDeps): Server {
  return createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    void answer(deps, request, response).catch((error: unknown) => refuse(response, error))
  })
}

async function answer(deps: EngineDeps, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://localhost')
  if (url.pathname === '/ping') {
    response.end('Ok.\n')
    return
  }
  if (request.method !== 'POST' && request.method !== 'GET')
    throw new BadStatement(48, 'NOT_IMPLEMENTED', 'Use POST.')
  const statement = readStatement(url.searchParams, await readBody(request), deps.base)
  const gone = new AbortController()
  response.once('close', () => gone.abort())
  const slot = await deps.pool.take({
    isRead: statement.isRead,
    signal: AbortSignal.any([gone.signal, AbortSignal.timeout(MAX_WAIT_MS)]),
  })
  response.setHeader('x-clickhouse-query-id', url.searchParams.get('query_id') ?? '')
  if (statement.file !== undefined) return answerWithFile(deps, slot, statement, statement.file, response)
  try {
    const bytes = await run(slot.session, statement, deps.base)
    response.setHeader('content-type', 'application/octet-stream')
    response.end(bytes)
  } finally {
    slot.release()
  }
}

/** The session is free again when the file is written, however slowly it is fetched. */
async function answerWithFile(
  deps: EngineDeps,
  slot: Slot<Session>,
  statement: EngineStatement,
  { select, format }: EngineFile,
  response: ServerResponse,
): Promise<void> {
  const path = join(deps.fileDirectory, randomUUID())
  try {
    const sql = `insert into function file(${quoted(path)}, ${quoted(format)}) ${select}`
    await run(slot.session, { ...statement, sql }, deps.base).finally(() => slot.release())
    response.setHeader('content-type', 'application/octet-stream')
    // No rows write no file in some formats.
    if (existsSync(path)) await pipeline(createReadStream(path), response)
    else response.end()
  } finally {
    await rm(path, { force: true })
  }
}

async function run(
  session: Session,
  statement: EngineStatement,
  base: EngineDeps['base'],
): Promise<Uint8Array> {
  if (statement.insert !== undefined) return insert(session, statement)
  const before = setStatement(statement.settings)
  const after = resetStatement(statement.settings, base)
  try {
    if (before !== undefined) await session.queryAsync(before)
    return (await session.queryAsync(statement.sql, { format: statement.format })).bytes()
  } finally {
    if (after !== undefined) await session.queryAsync(after)
  }
}

async function insert(session: Session, { insert, settings }: EngineStatement): Promise<Uint8Array> {
  if (insert === undefined || insert.rows.length === 0) return new Uint8Array()
  const { table, columns, rows } = insert
  const format = rawFormat(insert.format)
  await session.insert({
    table,
    values: rows,
    format,
    settings,
    ...(columns === undefined ? {} : { columns }),
  })
  return new Uint8Array()
}

function rawFormat(name: string): RawInsertFormat {
  const formats: readonly RawInsertFormat[] = [
    'JSONEachRow',
    'JSONCompactEachRow',
    'CSV',
    'CSVWithNames',
    'TSV',
    'TabSeparated',
    'TabSeparatedWithNames',
  ]
  const format = formats.find((known) => known === name)
  if (format === undefined) throw new BadStatement(73, 'UNKNOWN_FORMAT', `Unknown format ${name}`)
  return format
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request) {
    if (!Buffer.isBuffer(chunk)) throw new TypeError('A request without bytes.')
    size += chunk.length
    if (size > MAX_BODY_BYTES)
      throw new BadStatement(307, 'TOO_MANY_BYTES', `At most ${MAX_BODY_BYTES} bytes in one request`)
    chunks.push(chunk)
  }
  return decompressed(Buffer.concat(chunks), request.headers['content-encoding'])
}

const DECOMPRESS = {
  gzip: promisify(gunzip),
  deflate: promisify(inflate),
  br: promisify(brotliDecompress),
  zstd: promisify(zstdDecompress),
} as const

async function decompressed(body: Buffer, encoding: string | undefined): Promise<Buffer> {
  if (encoding === undefined || encoding === 'identity') return body
  const names = ['gzip', 'deflate', 'br', 'zstd'] as const
  const name = names.find((known) => known === encoding)
  if (name === undefined)
    throw new BadStatement(89, 'UNKNOWN_COMPRESSION_METHOD', `Unknown compression ${encoding}`)
  try {
    return await DECOMPRESS[name](body, { maxOutputLength: MAX_BODY_BYTES })
  } catch (error) {
    throw new BadStatement(271, 'CANNOT_DECOMPRESS', `The body is no ${name}: ${String(error)}`)
  }
}

/** As the server says it: status, the number in a header, and a sentence from which clients read number and type. */
function refuse(response: ServerResponse, error: unknown): void {
  const { code, status, text } = described(error)
  if (response.headersSent) {
    response.destroy()
    return
  }
  response.statusCode = status
  response.setHeader('x-clickhouse-exception-code', String(code))
  response.setHeader('content-type', 'text/plain; charset=UTF-8')
  response.end(`${text}\n`)
}

function described(error: unknown): { code: number; status: number; text: string } {
  if (error instanceof BadStatement) return exception(error.code, 400, error.message, error.type)
  if (error instanceof BadParameter) return exception(456, 400, error.message, 'UNKNOWN_QUERY_PARAMETER')
  if (error instanceof PoolRefusal) return exception(202, 503, error.message, 'TOO_MANY_SIMULTANEOUS_QUERIES')
  const message = error instanceof Error ? error.message : String(error)
  const code = Number(/^Code: (\d+)\./.exec(message)?.[1] ?? 0)
  if (code > 0) return { code, status: statusOf(code), text: message }
  return exception(1002, 500, message, 'UNKNOWN_EXCEPTION')
}

function exception(
  code: number,
  status: number,
  message: string,
  type: string,
): { code: number; status: number; text: string } {
  return { code, status, text: `Code: ${code}. DB::Exception: ${message}. (${type})` }
}

/** 62: syntax, 47: unknown column, 60: unknown table, 159: too slow. */
function statusOf(code: number): number {
  if (code === 62 || code === 47) return 400
  if (code === 60) return 404
  return code === 159 ? 408 : 500
}
