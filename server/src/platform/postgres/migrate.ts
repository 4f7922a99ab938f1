import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Client, type PoolConfig, escapeIdentifier, escapeLiteral } from 'pg'
import type { Clock } from '#platform/clock.ts'
import type { Log } from '#platform/log.ts'
import { Problem } from '#platform/problem.ts'
import type { DatabaseRole } from './connect.ts'
import { errorCode } from './process-identity.ts'
import { scramVerifier } from './scram-verifier.ts'

export interface Migration {
  readonly number: number
  readonly name: string
  readonly sql: string
  readonly sha256: string
  /** The first line says `-- breaking`: the release before this one cannot run on the result. */
  readonly breaking: boolean
}

export interface MigrateOptions {
  readonly log: Log
  readonly clock: Clock
  /** What the two roles log in with from now on. */
  readonly passwords: Readonly<Record<DatabaseRole, string>>
  /** The project's own migrations when absent. */
  readonly directory?: string
}

interface Applied {
  readonly number: number
  readonly name: string
  readonly sha256: string
}

export const MIGRATIONS_DIR = fileURLToPath(new URL('../../../migrations/postgres', import.meta.url))
/** `pigeon` in ASCII: one lock for all who migrate this database. */
const LOCK_KEY = '123602573124462'
const LOCK_TIMEOUT_MS = 300_000
const MIN_SERVER_VERSION = 150_000
const MAX_ROLE_TRIES = 20
const RIGHTS = '. The user of PIGEON_POSTGRES_URL must own the database and have CREATEROLE.'

/** Brings the database up to the newest migration, forward only. Returns the numbers that were applied now. */
export async function migrate(admin: PoolConfig, options: MigrateOptions): Promise<number[]> {
  const migrations = await readMigrations(options.directory ?? MIGRATIONS_DIR)
  const client = new Client({
    ...admin,
    application_name: 'pigeon migrate',
    connectionTimeoutMillis: 10_000,
  })
  client.on('error', () => undefined)
  await connect(client)
  try {
    await lock(client)
    const applied = await readApplied(client)
    const pending = pendingMigrations(migrations, applied)
    for (const migration of pending) await apply(client, migration, options)
    for (const role of ['pigeon_api', 'pigeon_engine'] as const) await allowLogin(client, role, options)
    return pending.map(({ number }) => number)
  } finally {
    // Ends the session, and with it the lock.
    await client.end()
  }
}

async function connect(client: Client): Promise<void> {
  try {
    await client.connect()
  } catch (cause) {
    throw new Problem(
      'unavailable',
      'postgres.unreachable',
      `PostgreSQL cannot be reached: ${String(cause)}. Check its address and password.`,
      { cause },
    )
  }
  const found = await client.query<{ version: string }>(
    `select current_setting('server_version_num') as version`,
  )
  const version = Number(found.rows[0]?.version)
  if (version >= MIN_SERVER_VERSION) return
  await client.end()
  throw new Problem(
    'unavailable',
    'postgres.version',
    'This PostgreSQL is too old: Pigeon needs version 15 or newer.',
  )
}

async function lock(client: Client): Promise<void> {
  await client.query(`set lock_timeout = ${LOCK_TIMEOUT_MS}`)
  try {
    await client.query(`select pg_advisory_lock(${LOCK_KEY})`)
  } catch (cause) {
    if (errorCode(cause) !== '55P03') throw cause
    throw new Problem(
      'unavailable',
      'postgres.migration_busy',
      'Another process has been migrating this database for five minutes. Wait for it, or end it, and start again.',
      { cause },
    )
  }
}

/** Files `0001_name.sql` in the order of their numbers, which must be 1, 2, 3 ... */
export async function readMigrations(directory: string): Promise<Migration[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.sql')).toSorted()
  return Promise.all(
    names.map(async (name, index) => {
      const number = Number.parseInt(name, 10)
      if (!/^\d{4}_[a-z0-9_]+\.sql$/.test(name) || number !== index + 1) {
        throw new Problem(
          'invalid',
          'postgres.migration_name',
          `${name} should be number ${index + 1}, written like 0001_name.sql: no number twice, none left out.`,
        )
      }
      const sql = await readFile(join(directory, name), 'utf8')
      const sha256 = createHash('sha256').update(sql).digest('hex')
      return { number, name, sql, sha256, breaking: /^-- breaking\b/.test(sql) }
    }),
  )
}

async function readApplied(client: Client): Promise<Applied[]> {
  await client.query(`
    create table if not exists schema_migrations (
      number integer primary key,
      name text not null,
      sha256 text not null,
      breaking boolean not null,
      applied_at timestamptz not null
    )`)
  return (await client.query<Applied>('select number, name, sha256 from schema_migrations order by number'))
    .rows
}

/** What is still to be applied, or why this code must not touch this database. */
export function pendingMigrations(
  migrations: readonly Migration[],
  applied: readonly Applied[],
): Migration[] {
  for (const [index, row] of applied.entries()) {
    const migration = migrations[index]
    if (row.number !== index + 1) {
      throw new Problem(
        'conflict',
        'postgres.migration_gap',
        `The database lacks migration ${index + 1} but has ${row.number}. Restore it from a backup.`,
      )
    }
    if (migration === undefined) {
      throw new Problem(
        'conflict',
        'postgres.newer',
        `The database is newer than this Pigeon (it has migration ${row.number}, ${row.name}). Start the newer version.`,
      )
    }
    if (migration.sha256 !== row.sha256) {
      throw new Problem(
        'conflict',
        'postgres.migration_changed',
        `Migration ${migration.name} was changed after it was applied. Put it back as it was, and write a new one.`,
      )
    }
  }
  return migrations.slice(applied.length)
}

async function apply(client: Client, migration: Migration, { clock, log }: MigrateOptions): Promise<void> {
  const { number, name, sha256, breaking } = migration
  await client.query('begin')
  try {
    await client.query(migration.sql)
    await client.query(
      'insert into schema_migrations (number, name, sha256, breaking, applied_at) values ($1, $2, $3, $4, $5)',
      [number, name, sha256, breaking, clock.now()],
    )
    await client.query('commit')
  } catch (cause) {
    await client.query('rollback').catch(() => undefined)
    throw new Problem(
      'unavailable',
      'postgres.migration_failed',
      `Migration ${name} failed and was rolled back: ${String(cause)}${errorCode(cause) === '42501' ? RIGHTS : ''}`,
      { cause },
    )
  }
  log.info({ migration: name, breaking }, 'migration applied')
}

/** The server gets a verifier and never the password, so that no statement log holds it. */
async function allowLogin(
  client: Client,
  role: DatabaseRole,
  { clock, passwords }: MigrateOptions,
): Promise<void> {
  const statement = `alter role ${escapeIdentifier(role)} login password ${escapeLiteral(scramVerifier(passwords[role]))}`
  for (let tries = 1; ; tries++) {
    try {
      await client.query(statement)
      return
    } catch (error) {
      // Roles are shared by all databases of a server: another one may be migrating ("tuple concurrently updated").
      if (errorCode(error) !== 'XX000' || tries === MAX_ROLE_TRIES) throw error
      await clock.sleep(50)
    }
  }
}
