import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { testDatabase } from '@pigeon/server/test/database.ts'
import { asTenant } from './database.ts'

test('a connection that breaks within a transaction fails the next statement and ends nothing else', async (t) => {
  const { admin, engine } = await testDatabase(t)
  const broken = engine.transaction().execute(async (transaction) => {
    const found = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(transaction)
    await sql`select pg_terminate_backend(${found.rows[0]?.pid}, 5000)`.execute(admin)
    await sql`select 1`.execute(transaction)
  })
  await assert.rejects(broken)
  assert.deepEqual((await sql`select 1 as one`.execute(engine)).rows, [{ one: 1 }])
})

test('counts come as numbers, times as dates, and a number that is too large is an error and not another number', async (t) => {
  const { engine } = await testDatabase(t)
  const found =
    await sql`select count(*) as n, timestamptz '2026-01-02T03:04:05Z' as at from pg_class where false`.execute(
      engine,
    )
  assert.deepEqual(found.rows, [{ n: 0, at: new Date('2026-01-02T03:04:05Z') }])
  await assert.rejects(sql`select 9007199254740993::bigint as n`.execute(engine), /too large for a number/)
})

test('the tenant is set for one transaction and not for the connection', async (t) => {
  const { api } = await testDatabase(t)
  const tenant = '01890000-0000-7000-8000-000000000000'
  const current = sql<{
    tenant: string | null
  }>`select nullif(current_setting('app.tenant_id', true), '') as tenant`
  const inside = await asTenant(api, tenant, async (transaction) => current.execute(transaction))
  assert.equal(inside.rows[0]?.tenant, tenant)
  for (let n = 0; n < 8; n++) assert.equal((await current.execute(api)).rows[0]?.tenant, null)
})
