/** PostgreSQL by URL: the oldest version that Pigeon supports, and an owner who is no superuser. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { test } from 'node:test'
import { sql } from 'kysely'
import { Client, type PoolConfig } from 'pg'
import { createOwnedDatabase, startDebianPostgres } from '@pigeon/server/test/peers/debian-postgres.ts'
import { systemClock } from '#platform/clock.ts'
import { createLog } from '#platform/log.ts'
import { connectionFor, type DatabaseRole } from './connect.ts'
import { asTenant, openDatabase, type Database } from './database.ts'
import { migrate, MIGRATIONS_DIR, readMigrations } from './migrate.ts'

const log = createLog({ level: 'silent', role: 'test' })
const PASSWORDS = { pigeon_api: 'one', pigeon_engine: 'two' } as const
const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

/** The suites that show what a database must do for Pigeon; they use whatever server they are given. */
const CORE_SUITES = [
  'server/test/database.db.test.ts',
  'server/test/walls.db.test.ts',
  'server/src/platform/stream/postgres-stream.db.test.ts',
  'server/src/platform/postgres/database.db.test.ts',
  'server/src/platform/postgres/listen.db.test.ts',
  'server/src/platform/postgres/migrate.db.test.ts',
  'server/src/http/idempotency.db.test.ts',
]

async function query(connection: PoolConfig, text: string): Promise<unknown[]> {
  const client = new Client(connection)
  await client.connect()
  try {
    return (await client.query<{ value: unknown }>(text)).rows.map((row) => row.value)
  } finally {
    await client.end()
  }
}

function open(owner: PoolConfig, role: DatabaseRole): Database {
  return openDatabase({
    connection: connectionFor(owner, role, PASSWORDS[role]),
    maxConnections: 2,
    applicationName: 'test',
    statementTimeoutMs: 30_000,
  })
}

test('an owner who may create roles, and nothing more, sets Pigeon up on PostgreSQL 15 by URL', async (t) => {
  const owner = { connectionString: await createOwnedDatabase(await startDebianPostgres(t)) }
  const options = { log, clock: systemClock, passwords: PASSWORDS }
  const all = (await readMigrations(MIGRATIONS_DIR)).map(({ number }) => number)

  const [one, two] = await Promise.all([migrate(owner, options), migrate(owner, options)])
  assert.deepEqual(
    [...one, ...two].toSorted((a, b) => a - b),
    all,
  )
  assert.deepEqual(await migrate(owner, options), [])
  assert.deepEqual(
    await query(owner, `select rolsuper as value from pg_roles where rolname = current_user`),
    [false],
  )

  const ids = await query(owner, 'select new_id()::text as value from generate_series(1, 1000)')
  assert.equal(new Set(ids).size, 1000)
  for (const id of ids) assert.match(String(id), UUID_V7)
  const at = Number.parseInt(String(ids[0]).replaceAll('-', '').slice(0, 12), 16)
  assert.ok(Math.abs(at - Date.now()) < 60_000, 'its first 48 bits are the time in milliseconds')

  const api = open(owner, 'pigeon_api')
  const engine = open(owner, 'pigeon_engine')
  try {
    const [mine, theirs] = [randomUUID(), randomUUID()]
    for (const tenant of [mine, theirs])
      await asTenant(api, tenant, async (transaction) =>
        sql`insert into tenants (tenant_id, name, created_at, updated_at)
            values (${tenant}, 'T', ${new Date()}, ${new Date()})`.execute(transaction),
      )
    const seen = await asTenant(api, mine, async (transaction) =>
      sql<{ id: string }>`select tenant_id as id from tenants`.execute(transaction),
    )
    assert.deepEqual(seen.rows, [{ id: mine }])
    await assert.rejects(
      sql`select 1 from tenants`.execute(api),
      /invalid input syntax for type uuid|app\.tenant_id/,
    )
    const everybody = await sql<{ n: number }>`select count(*)::int as n from tenants`.execute(engine)
    assert.deepEqual(everybody.rows, [{ n: 2 }])
    const owned = await sql<{ owned: boolean }>`select has_owner() as owned`.execute(api)
    assert.deepEqual(owned.rows, [{ owned: false }])
  } finally {
    await Promise.all([api.destroy(), engine.destroy()])
  }
})

test('an owner who may not create roles is told so in one sentence, and nothing is left half made', async (t) => {
  const { superuser } = await startDebianPostgres(t)
  await query(superuser, `create role mailer login password 'secret'`)
  await query(superuser, 'create database mail owner mailer')
  const owner = { connectionString: `postgres://mailer:secret@127.0.0.1:${superuser.port}/mail` }
  await assert.rejects(migrate(owner, { log, clock: systemClock, passwords: PASSWORDS }), {
    code: 'postgres.migration_failed',
    message: /permission denied to create role.*must own the database and have CREATEROLE/s,
  })
  assert.deepEqual(await query(owner, `select to_regclass('tenants') as value`), [null])
})

test('a wrong password and a wrong port are refused in a sentence', async (t) => {
  const { superuser } = await startDebianPostgres(t)
  const options = { log, clock: systemClock, passwords: PASSWORDS }
  for (const wrong of [{ password: 'wrong' }, { port: 1 }])
    await assert.rejects(migrate({ ...superuser, ...wrong }, options), { code: 'postgres.unreachable' })
})

test('what the embedded server promises PostgreSQL 15 does too: walls, stream, migrations', async (t) => {
  const { superuser } = await startDebianPostgres(t)
  const { NODE_TEST_CONTEXT: _, ...around } = process.env
  const child = spawn(process.execPath, ['--test', '--test-reporter=spec', ...CORE_SUITES], {
    env: { ...around, PIGEON_TEST_POSTGRES: JSON.stringify(superuser) },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let said = ''
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const [code]: unknown[] = await once(child, 'close')
  assert.equal(code, 0, said)
  assert.match(said, /^ℹ pass [1-9]\d+$/m)
  assert.match(said, /^ℹ skipped 0$/m)
})
