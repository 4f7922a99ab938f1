import { createHash, randomBytes } from 'node:crypto'
import { after } from 'node:test'
import { sql } from 'kysely'
import { Client, type PoolConfig } from 'pg'
import { systemClock } from '#platform/clock.ts'
import { createLog } from '#platform/log.ts'
import { connectionFor } from '#platform/postgres/connect.ts'
import { openDatabase, type Database } from '#platform/postgres/database.ts'
import { migrate, MIGRATIONS_DIR, readMigrations } from '#platform/postgres/migrate.ts'
import { parseConnection, startSharedPostgres } from './start-shared-postgres.ts'

/** A database of a test's own, migrated, and deleted when the test (or the file) ends. */
export interface TestDatabase {
  /** As the owner of the tables (a superuser: row-level security does not hold it). */
  readonly admin: Database
  /** As the role `pigeon_api`: sees the rows of one tenant, within `asTenant`. */
  readonly api: Database
  /** As the role `pigeon_engine`: sees all tenants. */
  readonly engine: Database
  readonly connections: Readonly<Record<'admin' | 'api' | 'engine', PoolConfig>>
}

/** Something with node:test's `after`: the context of a test or a suite. */
export interface TestScope {
  after(cleanUp: () => Promise<void>): void
}

const PASSWORDS = { pigeon_api: 'test-api', pigeon_engine: 'test-engine' } as const
const LOCK_KEY = '123602573124463'
const STATEMENT_TIMEOUT_MS = 60_000

/** Clones the migrated template (some 50 ms). Without a scope it lives until the file's tests are over. */
export async function testDatabase(scope?: TestScope): Promise<TestDatabase> {
  const server = await serverConnection()
  const template = await migratedTemplate(server)
  const name = `test_${randomBytes(8).toString('hex')}`
  await onServer(server, async (client) => {
    await client.query(`create database ${name} template ${template} strategy file_copy`)
  })
  const database = open({ ...server, database: name })
  const close = async (): Promise<void> => {
    await Promise.all([database.admin.destroy(), database.api.destroy(), database.engine.destroy()])
    await onServer(server, async (client) => {
      await client.query(`drop database if exists ${name} with (force)`)
    })
  }
  if (scope === undefined) after(close)
  else scope.after(close)
  return database
}

/** An empty database, not migrated. */
export async function emptyDatabase(scope: TestScope): Promise<PoolConfig> {
  const server = await serverConnection()
  const name = `test_${randomBytes(8).toString('hex')}`
  await onServer(server, async (client) => {
    await client.query(`create database ${name}`)
  })
  scope.after(async () =>
    onServer(server, async (client) => {
      await client.query(`drop database if exists ${name} with (force)`)
    }),
  )
  return { ...server, database: name }
}

function open(admin: PoolConfig): TestDatabase {
  const connections = {
    admin,
    api: connectionFor(admin, 'pigeon_api', PASSWORDS.pigeon_api),
    engine: connectionFor(admin, 'pigeon_engine', PASSWORDS.pigeon_engine),
  }
  const database = (connection: PoolConfig, applicationName: string): Database =>
    openDatabase({ connection, maxConnections: 8, applicationName, statementTimeoutMs: STATEMENT_TIMEOUT_MS })
  return {
    admin: database(connections.admin, 'test admin'),
    api: database(connections.api, 'test api'),
    engine: database(connections.engine, 'test engine'),
    connections,
  }
}

let starting: Promise<PoolConfig> | undefined

async function serverConnection(): Promise<PoolConfig> {
  starting ??= findServer()
  return starting
}

/** The server of the whole run (PIGEON_TEST_POSTGRES), or one for this process. */
async function findServer(): Promise<PoolConfig> {
  const given = process.env['PIGEON_TEST_POSTGRES'] ?? ''
  return parseConnection(given === '' ? (await startSharedPostgres()).connection : given)
}

let making: Promise<string> | undefined

/** Made once a server; its name says of which migrations, and it gets that name when it is complete. */
async function migratedTemplate(server: PoolConfig): Promise<string> {
  making ??= makeTemplate(server)
  return making
}

async function makeTemplate(server: PoolConfig): Promise<string> {
  const migrations = await readMigrations(MIGRATIONS_DIR)
  const hash = createHash('sha256')
    .update(migrations.map(({ sha256 }) => sha256).join())
    .digest('hex')
  const name = `template_${hash.slice(0, 16)}`
  await onServer(server, async (client) => {
    await client.query(`select pg_advisory_lock(${LOCK_KEY})`)
    const found = await client.query('select 1 from pg_database where datname = $1', [name])
    if (found.rows.length > 0) return
    const unfinished = `${name}_unfinished`
    await client.query(`drop database if exists ${unfinished} with (force)`)
    await client.query(`create database ${unfinished}`)
    const log = createLog({ level: 'warn', role: 'test' })
    await migrate({ ...server, database: unfinished }, { log, clock: systemClock, passwords: PASSWORDS })
    await client.query(`alter database ${unfinished} rename to ${name}`)
  })
  return name
}

async function onServer(server: PoolConfig, work: (client: Client) => Promise<void>): Promise<void> {
  const client = new Client({ ...server, database: 'postgres' })
  await client.connect()
  try {
    await work(client)
  } finally {
    await client.end()
  }
}

/** Rows in a table, for assertions. */
export async function countRows(database: Database, table: string): Promise<number> {
  const result = await sql<{
    count: string
  }>`select count(*)::text as count from ${sql.table(table)}`.execute(database)
  return Number(result.rows[0]?.count)
}
