import { Kysely, PostgresDialect, sql, type Transaction as KyselyTransaction } from 'kysely'
import { type CustomTypesConfig, Pool, type PoolConfig, types } from 'pg'
import type { DB } from './database.gen.ts'
import { withNamedStatements } from './named-statements.ts'

export type Database = Kysely<DB>
export type Transaction = KyselyTransaction<DB>
/** What a store function takes: the database, or the transaction that is under way. */
export type Db = Database | Transaction

export interface DatabaseOptions {
  /** A connection string, or a unix socket directory with user and password. */
  readonly connection: PoolConfig
  readonly maxConnections: number
  /** Shown in pg_stat_activity. */
  readonly applicationName: string
  /** A statement that runs longer is ended by the server. Milliseconds. */
  readonly statementTimeoutMs: number
}

const CONNECT_TIMEOUT_MS = 10_000

/**
 * Numbers are numbers: what is counted here stays far below 2^53, and what does not (offsets of streams) is
 * read as text by its store. Times come as `Date`, jsonb parsed, bytea as `Buffer`.
 */
const TYPES: CustomTypesConfig = {
  getTypeParser: (oid, format) =>
    oid === types.builtins.INT8 && format !== 'binary' ? parseBigint : types.getTypeParser(oid, format),
}

function parseBigint(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value)) throw new Error(`${text} is too large for a number: read it as text.`)
  return value
}

/** Opens a pool. Nothing is connected before the first query. */
export function openDatabase(options: DatabaseOptions): Database {
  const pool = new Pool({
    types: TYPES,
    ...options.connection,
    max: options.maxConnections,
    application_name: options.applicationName,
    statement_timeout: options.statementTimeoutMs,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    idle_in_transaction_session_timeout: options.statementTimeoutMs,
  })
  // An idle connection that breaks (the server restarts) must not end the process: the next query opens a new one.
  pool.on('error', () => undefined)
  // The pool listens to idle connections only: one that breaks between two statements of a transaction would end the
  // process. Its next statement fails, which is what the caller hears.
  pool.on('connect', (client) => client.on('error', () => undefined))
  return new Kysely<DB>({ dialect: new PostgresDialect({ pool: withNamedStatements(pool) }) })
}

/**
 * Runs `work` in a transaction that sees one tenant's rows only: row-level security compares every row with
 * `app.tenant_id`, and refuses all of them while it is unset.
 */
export async function asTenant<T>(
  db: Database,
  tenantId: string,
  work: (transaction: Transaction) => Promise<T>,
): Promise<T> {
  return db.transaction().execute(async (transaction) => {
    await sql`select set_config('app.tenant_id', ${tenantId}, true)`.execute(transaction)
    return work(transaction)
  })
}
