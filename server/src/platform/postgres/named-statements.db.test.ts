import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { testDatabase } from '@pigeon/server/test/database.ts'
import { createStatementNames } from './named-statements.ts'

test('a statement has a name from its third use on, one text one name', () => {
  const nameOf = createStatementNames()
  assert.deepEqual([nameOf('select 1'), nameOf('select 1')], [undefined, undefined])
  const name = nameOf('select 1')
  assert.match(name ?? '', /^pigeon_\d+$/)
  assert.equal(nameOf('select 1'), name)
  for (let use = 0; use < 3; use++) nameOf('select 2')
  assert.notEqual(nameOf('select 2'), name)
})

test('names are limited, and long texts have none', () => {
  const nameOf = createStatementNames()
  const long = `select '${'x'.repeat(8_000)}'`
  const names = new Set<string | undefined>()
  for (let statement = 0; statement < 500; statement++)
    for (let use = 0; use < 4; use++) names.add(nameOf(`select ${statement}`))
  for (let use = 0; use < 4; use++) assert.equal(nameOf(long), undefined)
  assert.equal(names.size, 1 + 200)
})

test('the server keeps a statement that comes again, and its answers are of the values given', async (t) => {
  const { engine } = await testDatabase(t)
  await engine.connection().execute(async (connection) => {
    for (let value = 1; value <= 12; value++) {
      const found = await sql<{ doubled: number }>`select ${value}::int * 2 as doubled`.execute(connection)
      assert.deepEqual(found.rows, [{ doubled: value * 2 }])
    }
    const kept = await sql<{ uses: number }>`
      select generic_plans + custom_plans as uses from pg_prepared_statements where statement like '%as doubled%'`.execute(
      connection,
    )
    assert.deepEqual(kept.rows, [{ uses: 10 }])
  })
})

test('a migration that changes the type of a column fails a named statement once, and not for ever', async (t) => {
  const { engine, admin } = await testDatabase(t)
  await sql`create table things (n integer not null)`.execute(admin)
  await sql`grant select on things to pigeon_engine`.execute(admin)
  await sql`insert into things values (7)`.execute(admin)
  // In turns: each use takes the connection that the one before has given back.
  const read = async () =>
    (await sql<{ n: unknown }>`select n from things where n > ${0}`.execute(engine)).rows
  for (let use = 0; use < 5; use++) assert.deepEqual(await read(), [{ n: 7 }])
  await sql`alter table things alter column n type numeric`.execute(admin)
  await assert.rejects(read(), /cached plan must not change result type/)
  assert.deepEqual(await read(), [{ n: '7' }])
})
