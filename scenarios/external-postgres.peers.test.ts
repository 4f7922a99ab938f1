import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { createOwnedDatabase, startDebianPostgres } from '@pigeon/server/test/peers/debian-postgres.ts'
import { runPlatform } from '@pigeon/server/test/platform.ts'
import { act, campaignEnd, contactsCsv, createCampaign, listOf, openAccount } from './account.ts'
import { proveAccounted, proveReconciled } from './proof.ts'

const CONTACTS = 1_000

test('the whole platform runs on PostgreSQL 15 by URL, with an owner who is no superuser', async (t) => {
  const cleanUps: (() => Promise<void>)[] = []
  // The platform ends before its database.
  t.after(async () => {
    const ends = await Promise.allSettled(cleanUps.splice(1).map((cleanUp) => cleanUp()))
    await cleanUps[0]?.()
    assert.ok(ends.every((end) => end.status === 'fulfilled'))
  })
  const scope = { after: (cleanUp: () => Promise<void>) => void cleanUps.push(cleanUp) }
  const url = await createOwnedDatabase(await startDebianPostgres(scope))
  const platform = await runPlatform(scope, { PIGEON_POSTGRES_URL: url })
  assert.equal(existsSync(`${platform.dataDir}/postgres`), false, 'no PostgreSQL of its own was made')
  const account = await openAccount(platform)
  const campaignId = await createCampaign(account, {
    listId: await listOf(account, 'All', contactsCsv(CONTACTS)),
  })
  await act(account, campaignId, 'send')
  await campaignEnd(account, campaignId)
  const { metrics, duplicates } = await proveAccounted(account, campaignId, CONTACTS)
  assert.equal(metrics.status, 'sent')
  assert.equal(duplicates, 0)
  await proveReconciled(account)
})
