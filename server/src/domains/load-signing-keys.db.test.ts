import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { sql } from 'kysely'
import { testDatabase } from '@pigeon/server/test/database.ts'
import { sampleTenant } from '@pigeon/server/test/factories.ts'
import { systemClock } from '#platform/clock.ts'
import { openFileKeys } from '#platform/keys/file-keys.ts'
import { createDomain } from './create-domain.ts'
import { loadInstallationKeys } from './load-signing-keys.ts'

test('mail of the installation is signed by the tenant that verified the domain in the same mode', async (t) => {
  const database = await testDatabase(t)
  const keys = await openFileKeys({ dataDir: '', masterKey: randomBytes(32).toString('base64') })
  const ids: string[] = []
  for (let i = 0; i < 2; i += 1) {
    const { tenantId } = await sampleTenant(database)
    const { id } = await createDomain({ db: database.api, clock: systemClock, keys }, tenantId, {
      name: 'sender.example',
    })
    ids.push(id)
  }
  const deps = { db: database.engine, keys }
  const find = () => loadInstallationKeys(deps, 'Mail.Sender.Example', 'live')
  assert.equal(await find(), undefined)
  const verify = async (id: string | undefined, mode: string, at: string): Promise<void> => {
    await sql`
      update domains set status = 'verified', verified_in = ${mode}::sending_mode, verified_at = ${at}::timestamptz
       where id = ${id}`.execute(database.admin)
  }
  await verify(ids[0], 'sandbox', '2026-01-01T00:00:00Z')
  assert.equal(await find(), undefined)
  await verify(ids[1], 'live', '2026-01-02T00:00:00Z')
  const found = await find()
  assert.equal(found?.domain, 'sender.example')
  const own = await sql<{
    selector: string
  }>`select selector from dkim_keys where domain_id = ${ids[1]}`.execute(database.admin)
  assert.deepEqual(found?.keys.map((key) => key.selector).sort(), own.rows.map((row) => row.selector).sort())
})
