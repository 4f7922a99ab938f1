import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { sql } from 'kysely'
import { uuidv7 } from '#platform/ids.ts'
import { openFileKeys } from '#platform/keys/file-keys.ts'
import { countRows, testDatabase } from '@pigeon/server/test/database.ts'
import { manualClock } from '@pigeon/server/test/manual-clock.ts'
import { openAccessTokens } from './access-tokens.ts'

async function setUp() {
  const database = await testDatabase()
  const keys = await openFileKeys({ dataDir: '', masterKey: randomBytes(32).toString('base64') })
  const clock = manualClock()
  const session = { id: uuidv7(), userId: uuidv7(), expiresAt: new Date(clock.now().getTime() + 60_000) }
  return { database, session, deps: { db: database.api, clock, keys } }
}

test('processes that start together agree on one key pair', async () => {
  const { database, session, deps } = await setUp()
  const all = await Promise.all([1, 2, 3, 4].map(async () => openAccessTokens(deps)))
  assert.equal(await countRows(database.admin, 'signing_keys'), 1)
  const [first] = all
  const token = await first?.sign(session)
  for (const tokens of all) assert.equal(await tokens.verify(token ?? ''), session.id)
})

test('a token outlives a restart, and an older key still verifies after a newer one was added', async () => {
  const { database, session, deps } = await setUp()
  const token = await (await openAccessTokens(deps)).sign(session)
  assert.equal(await (await openAccessTokens(deps)).verify(token), session.id)
  const other = await setUp()
  await openAccessTokens({ ...other.deps, keys: deps.keys })
  const { rows } = await sql<{ id: string; public_key: string; private_key_encrypted: Buffer }>`
    select id, public_key, private_key_encrypted from signing_keys`.execute(other.database.admin)
  for (const row of rows) {
    await sql`insert into signing_keys values (${row.id}, 'RS256', ${row.public_key}, ${row.private_key_encrypted}, now())`.execute(
      database.admin,
    )
  }
  const both = await openAccessTokens(deps)
  assert.equal(await both.verify(token), session.id)
  assert.equal(await both.verify(await both.sign(session)), session.id)
})

test('the private key is encrypted, and opens with the keys of this installation only', async () => {
  const { database, deps } = await setUp()
  await openAccessTokens(deps)
  const { rows } = await sql<{ key: Buffer }>`select private_key_encrypted as key from signing_keys`.execute(
    database.admin,
  )
  assert.doesNotMatch(rows[0]?.key.toString('latin1') ?? 'PRIVATE', /PRIVATE/)
  const others = await openFileKeys({ dataDir: '', masterKey: randomBytes(32).toString('base64') })
  await assert.rejects(openAccessTokens({ ...deps, keys: others }))
})
