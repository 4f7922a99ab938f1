/** The walls between tenants, asked of the catalogue: a table that is added tomorrow is tested tomorrow. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { asTenant } from '#platform/postgres/database.ts'
import type { Transaction } from '#platform/postgres/database.ts'
import { countRows, testDatabase } from './database.ts'
import { fillTables, insertRow, parentsOf, tenantTables } from './tenant-fixtures.ts'

/** Tables without a tenant that the API's role reads. Each needs its reason. */
const SHARED_TABLES = [
  // What an operator sees and orders through the API: what routes read and write of it needs a scope that operators have.
  'alerts',
  'destinations',
  'lane_orders',
  'lanes',
  // What a domain publishes about TLS, and who receives its mail: explanations show it of the domain that was asked for.
  'mta_sts_policies',
  // Where mail leaves from is the installation's, and its operator changes it through the API; what routes read and
  // write of them needs a scope that operators have. A relay's secret is encrypted by the installation's keys.
  'pool_classes',
  'pool_sources',
  'pools',
  // What relays are known by when they tell us: of a source, and encrypted by the installation's keys.
  'relay_webhooks',
  // Who receives mail for a domain: as above.
  'routes',
  'routing_rules',
  // Whether all sending is stopped: the operator's as well.
  'sending_switch',
  // The key pair of access tokens: the private half is encrypted by the installation's keys.
  'signing_keys',
  'source_spend',
  'sources',
  // Which domains were sent a TLS report: an operator's, without the reports themselves.
  'tls_reports',
]

/** Functions that see all tenants and that the API's role may call: look-ups before a tenant is known, and counts of all tenants. */
const ALL_SEEING_FUNCTIONS = [
  'claim_export(text,timestamp with time zone,interval)',
  'claim_import(text,timestamp with time zone,interval)',
  'count_pool_users(uuid)',
  'count_waiting(integer[],timestamp with time zone,integer)',
  'find_api_key(bytea)',
  'find_login(text)',
  'find_session(uuid)',
  'has_owner()',
  'list_engine_sessions()',
  'list_expired_exports(timestamp with time zone)',
  'list_shards(integer)',
  'list_waiting(integer,integer)',
]

const DENIED = '42501'
const MINE = randomUUID()
const THEIRS = randomUUID()

const database = await testDatabase()
const tables = await tenantTables(database.admin)
await fillTables(database.admin, tables, [MINE, THEIRS])

/** Runs in a transaction of MINE that is rolled back, and says how many rows were touched or which error it met. */
async function attempt(
  work: (transaction: Transaction) => Promise<{ numAffectedRows?: bigint | undefined }>,
): Promise<bigint | string> {
  const rollBack = new Error('roll back')
  let touched = 0n
  try {
    await asTenant(database.api, MINE, async (transaction) => {
      touched = (await work(transaction)).numAffectedRows ?? 0n
      throw rollBack
    })
  } catch (error) {
    if (error !== rollBack) return errorCode(error)
  }
  return touched
}

function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error)
}

/** `app.tenant_id` does not exist, or is empty as a transaction before left it. */
function isUnset(error: unknown): boolean {
  return ['42704', '22P02'].includes(errorCode(error))
}

test('there are tables, and each holds rows of both tenants', async () => {
  assert.ok(tables.length >= 20, `${tables.length} tables`)
  for (const { name } of tables) {
    for (const tenantId of [MINE, THEIRS]) {
      const { rows } = await sql<{ n: number }>`
        select count(*)::int as n from ${sql.table(name)} where tenant_id = ${tenantId}`.execute(
        database.admin,
      )
      assert.ok((rows[0]?.n ?? 0) > 0, `${name} is empty: the walls around it are not tested`)
    }
  }
})

test('every table with a tenant has row-level security that binds its owner too', async () => {
  const { rows } = await sql<{ name: string }>`
    select c.relname as name from pg_class c
     where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
       and exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped)
       and not (c.relrowsecurity and c.relforcerowsecurity)`.execute(database.admin)
  assert.deepEqual(rows, [])
})

test("the API's role owns nothing, bypasses nothing, and is a member of no other role", async () => {
  const { rows } = await sql<{ super: boolean; bypass: boolean; owned: number; roles: number }>`
    select r.rolsuper as super, r.rolbypassrls as bypass,
           (select count(*)::int from pg_class where relowner = r.oid) as owned,
           (select count(*)::int from pg_auth_members where member = r.oid) as roles
      from pg_roles r where r.rolname = 'pigeon_api'`.execute(database.admin)
  assert.deepEqual(rows, [{ super: false, bypass: false, owned: 0, roles: 0 }])
})

test('a tenant sees its own rows and no others', async () => {
  for (const { name } of tables) {
    const rows = await asTenant(database.api, MINE, async (transaction) => {
      const result = await sql<{
        tenant: string
      }>`select distinct tenant_id as tenant from ${sql.table(name)}`.execute(transaction)
      return result.rows
    })
    assert.deepEqual(rows, [{ tenant: MINE }], name)
  }
})

test('without a tenant every read is an error, also on a connection that had one before', async () => {
  for (const { name } of tables) {
    for (let i = 0; i < 2; i++) {
      await assert.rejects(sql`select 1 from ${sql.table(name)}`.execute(database.api), isUnset, name)
      await asTenant(database.api, MINE, (transaction) => sql`select 1`.execute(transaction))
    }
  }
})

test('rows of another tenant are not updated', async () => {
  for (const { name } of tables) {
    const result = await attempt((transaction) =>
      sql`update ${sql.table(name)} set tenant_id = tenant_id where tenant_id = ${THEIRS}`.execute(
        transaction,
      ),
    )
    assert.ok(result === 0n || result === DENIED, `${name}: ${result}`)
  }
})

test('a row is not handed over to another tenant', async () => {
  for (const { name } of tables) {
    const result = await attempt((transaction) =>
      sql`update ${sql.table(name)} set tenant_id = ${THEIRS}`.execute(transaction),
    )
    assert.equal(result, DENIED, name)
  }
})

test('rows of another tenant are not deleted', async () => {
  for (const { name } of tables) {
    const rows = await countRows(database.admin, name)
    const result = await attempt((transaction) =>
      sql`delete from ${sql.table(name)} where tenant_id = ${THEIRS}`.execute(transaction),
    )
    assert.ok(result === 0n || result === DENIED, `${name}: ${result}`)
    assert.equal(await countRows(database.admin, name), rows, name)
  }
})

test('a row is not inserted for another tenant', async () => {
  for (const table of tables) {
    const parents = await parentsOf(database.admin, table, THEIRS)
    const result = await attempt(async (transaction) => {
      await insertRow(transaction, table, THEIRS, parents)
      return { numAffectedRows: 1n }
    })
    assert.equal(result, DENIED, table.name)
  }
})

test('a table without a tenant is not readable, but for those listed here', async () => {
  const { rows } = await sql<{ name: string }>`
    select c.relname as name from pg_class c
     where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f')
       and not exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped)
       and (has_table_privilege('pigeon_api', c.oid, 'select') or has_any_column_privilege('pigeon_api', c.oid, 'select'))
     order by 1`.execute(database.admin)
  assert.deepEqual(
    rows.map((row) => row.name),
    SHARED_TABLES,
  )
})

test('no view shows the rows of its owner', async () => {
  const { rows } = await sql<{ name: string }>`
    select c.relname as name from pg_class c
     where c.relnamespace = 'public'::regnamespace and has_table_privilege('pigeon_api', c.oid, 'select')
       and (c.relkind in ('m', 'f') or c.relkind = 'v' and not coalesce('security_invoker=true' = any(c.reloptions), false))`.execute(
    database.admin,
  )
  assert.deepEqual(rows, [])
})

test('functions that see all tenants are those listed here', async () => {
  const { rows } = await sql<{ name: string }>`
    select p.oid::regprocedure::text as name from pg_proc p
     where p.pronamespace = 'public'::regnamespace and p.prosecdef and has_function_privilege('pigeon_api', p.oid, 'execute')
     order by 1`.execute(database.admin)
  assert.deepEqual(
    rows.map((row) => row.name),
    ALL_SEEING_FUNCTIONS,
  )
})

test('the engine sees all tenants', async () => {
  for (const { name } of tables) {
    const { rows } = await sql<{
      n: number
    }>`select count(distinct tenant_id)::int as n from ${sql.table(name)}`.execute(database.engine)
    assert.deepEqual(rows, [{ n: 2 }], name)
  }
})
