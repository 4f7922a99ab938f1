import assert from 'node:assert/strict'
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { Client, type PoolConfig } from 'pg'
import { systemClock } from '#platform/clock.ts'
import { createLog } from '#platform/log.ts'
import { emptyDatabase } from '@pigeon/server/test/database.ts'
import { connectionFor } from './connect.ts'
import { migrate, MIGRATIONS_DIR, pendingMigrations, readMigrations } from './migrate.ts'

// The same for all test databases of a server, whose roles they share.
const options = {
  log: createLog({ level: 'silent', role: 'test' }),
  clock: systemClock,
  passwords: { pigeon_api: 'test-api', pigeon_engine: 'test-engine' },
}

async function ownMigrations(t: TestContext, files: Record<string, string>): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'pigeon-migrations-'))
  t.after(async () => rm(directory, { recursive: true, force: true }))
  for (const [name, sql] of Object.entries(files)) await writeFile(join(directory, name), sql)
  return directory
}

const ROLES = `
do $$ begin
  if not exists (select from pg_roles where rolname = 'pigeon_api') then create role pigeon_api nologin; end if;
  if not exists (select from pg_roles where rolname = 'pigeon_engine') then create role pigeon_engine nologin; end if;
end $$;`

async function query(connection: PoolConfig, text: string): Promise<Record<string, unknown>[]> {
  const client = new Client(connection)
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(text)).rows
  } finally {
    await client.end()
  }
}

test('two processes that start together migrate once', async (t) => {
  const admin = await emptyDatabase(t)
  const applied = await Promise.all([
    migrate(admin, options),
    migrate(admin, options),
    migrate(admin, options),
  ])
  const all = (await readMigrations(MIGRATIONS_DIR)).map(({ number }) => number)
  assert.deepEqual(
    applied.toSorted((a, b) => b.length - a.length),
    [all, [], []],
  )
})

test('afterwards the two roles log in with their passwords', async (t) => {
  const admin = await emptyDatabase(t)
  await migrate(admin, options)
  for (const role of ['pigeon_api', 'pigeon_engine'] as const) {
    assert.deepEqual(
      await query(connectionFor(admin, role, options.passwords[role]), 'select current_user as who'),
      [{ who: role }],
    )
    await assert.rejects(
      query(connectionFor(admin, role, 'guess'), 'select 1'),
      /password authentication failed/,
    )
  }
})

test('a migration that was changed after it was applied is refused', async (t) => {
  const admin = await emptyDatabase(t)
  const directory = await ownMigrations(t, { '0001_first.sql': `${ROLES} create table one (n integer);` })
  await migrate(admin, { ...options, directory })
  await writeFile(join(directory, '0001_first.sql'), `${ROLES} create table one (n bigint);`)
  await assert.rejects(migrate(admin, { ...options, directory }), {
    name: 'Problem',
    code: 'postgres.migration_changed',
  })
})

test('a database that is newer than the code is refused', async (t) => {
  const admin = await emptyDatabase(t)
  const directory = await ownMigrations(t, {
    '0001_first.sql': ROLES,
    '0002_second.sql': 'create table two (n integer);',
  })
  assert.deepEqual(await migrate(admin, { ...options, directory }), [1, 2])
  await rm(join(directory, '0002_second.sql'))
  await assert.rejects(migrate(admin, { ...options, directory }), { name: 'Problem', code: 'postgres.newer' })
})

test('a migration that fails leaves nothing of itself and keeps those before it', async (t) => {
  const admin = await emptyDatabase(t)
  const directory = await ownMigrations(t, {
    '0001_first.sql': ROLES,
    '0002_second.sql': '-- breaking\ncreate table two (n integer);\nselect 1 / 0;',
  })
  await assert.rejects(migrate(admin, { ...options, directory }), {
    name: 'Problem',
    code: 'postgres.migration_failed',
  })
  assert.deepEqual(
    await query(admin, `select to_regclass('two') as two, max(number) as newest from schema_migrations`),
    [{ two: null, newest: 1 }],
  )
  await writeFile(join(directory, '0002_second.sql'), '-- breaking\ncreate table two (n integer);')
  assert.deepEqual(await migrate(admin, { ...options, directory }), [2])
  assert.deepEqual(await query(admin, 'select number, breaking from schema_migrations order by number'), [
    { number: 1, breaking: false },
    { number: 2, breaking: true },
  ])
})

test('a number that is missing or twice, and a name without one, are refused before anything is done', async (t) => {
  for (const names of [
    ['0002_b.sql'],
    ['0001_a.sql', '0001_b.sql'],
    ['0001_a.sql', '0003_c.sql'],
    ['first.sql'],
    ['1_a.sql'],
  ]) {
    const directory = await ownMigrations(t, Object.fromEntries(names.map((name) => [name, 'select 1;'])))
    await assert.rejects(readMigrations(directory), { name: 'Problem', code: 'postgres.migration_name' })
  }
})

test('a gap in what was applied is refused', () => {
  assert.throws(() => pendingMigrations([], [{ number: 2, name: '0002_b.sql', sha256: '' }]), {
    code: 'postgres.migration_gap',
  })
})

test('an owner who is no superuser can migrate', async (t) => {
  const admin = await emptyDatabase(t)
  const owner = `owner_${String(admin.database)}`
  await query(admin, `create role ${owner} login createrole password 'test-owner'`)
  // Before 0001 runs elsewhere on this server the roles may be somebody else's: the owner is given them.
  await query(admin, `${ROLES} grant pigeon_api, pigeon_engine to ${owner} with admin option`)
  await query(
    admin,
    `alter database ${String(admin.database)} owner to ${owner}; alter schema public owner to ${owner}`,
  )
  // Its objects are gone with the database by then.
  t.after(async () => query({ ...admin, database: 'postgres' }, `drop role ${owner}`))
  const directory = await mkdtemp(join(tmpdir(), 'pigeon-migrations-'))
  t.after(async () => rm(directory, { recursive: true, force: true }))
  await cp(MIGRATIONS_DIR, directory, { recursive: true })
  const applied = await migrate({ ...admin, user: owner, password: 'test-owner' }, { ...options, directory })
  assert.equal(applied[0], 1)
})
