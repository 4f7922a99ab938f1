import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { testDatabase } from './database.ts'

test('every test database is migrated, its own, and reached as the three roles', async (t) => {
  const [one, two] = await Promise.all([testDatabase(t), testDatabase(t)])
  const names = await Promise.all(
    [one.admin, one.api, one.engine, two.api].map(async (database) => {
      const result = await sql<{
        who: string
        where: string
      }>`select current_user as who, current_database() as where`.execute(database)
      return result.rows[0]
    }),
  )
  assert.deepEqual(
    names.map((row) => row?.who),
    ['pigeon', 'pigeon_api', 'pigeon_engine', 'pigeon_api'],
  )
  assert.equal(names[0]?.where, names[1]?.where)
  assert.notEqual(names[0]?.where, names[3]?.where)
})

test('an unset tenant is an error for the API role and not "all tenants"', async (t) => {
  const { api } = await testDatabase(t)
  await assert.rejects(sql`select * from contacts`.execute(api), /app\.tenant_id/)
})
