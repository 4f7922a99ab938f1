import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runPlatform } from '@pigeon/server/test/platform.ts'
import { act, campaignEnd, contactsCsv, createCampaign, listOf, openAccount } from './account.ts'
import { killAtMoments, seededMoments } from './moments.ts'
import { proveAccounted, proveReconciled } from './proof.ts'

const CONTACTS = 5_000

test('SIGKILL of PostgreSQL loses nothing and doubles nothing', async (t) => {
  const platform = await runPlatform(t)
  const account = await openAccount(platform)
  const campaignId = await createCampaign(account, {
    listId: await listOf(account, 'All', contactsCsv(CONTACTS)),
  })
  await act(account, campaignId, 'send')

  const campaign = { account, id: campaignId, contacts: CONTACTS }
  await killAtMoments(t, campaign, seededMoments('postgres', 3), () => platform.kill('postgres'))
  await campaignEnd(account, campaignId)

  const { metrics, duplicates } = await proveAccounted(account, campaignId, CONTACTS)
  assert.equal(metrics.status, 'sent')
  assert.equal(duplicates, 0)
  await proveReconciled(account)
})
