import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DELIVERY_CONNECTIONS, runPlatform } from '@pigeon/server/test/platform.ts'
import { act, campaignEnd, contactsCsv, createCampaign, listOf, openAccount } from './account.ts'
import { killAtMoments, seededMoments } from './moments.ts'
import { proveAccounted, proveReconciled } from './proof.ts'

const CONTACTS = 5_000

test('SIGKILL of deliver processes loses nothing and doubles at most what their connections held', async (t) => {
  const platform = await runPlatform(t)
  const account = await openAccount(platform)
  const campaignId = await createCampaign(account, {
    listId: await listOf(account, 'All', contactsCsv(CONTACTS)),
  })
  await act(account, campaignId, 'send')

  const moments = seededMoments('deliver', 3)
  await killAtMoments(t, { account, id: campaignId, contacts: CONTACTS }, moments, (nth) =>
    platform.kill('deliver', nth % 2),
  )
  // Its successor is killed as well, while it takes over.
  await platform.kill('deliver', (moments.length - 1) % 2)
  await campaignEnd(account, campaignId)

  const { metrics, duplicates } = await proveAccounted(account, campaignId, CONTACTS)
  assert.equal(metrics.status, 'sent')
  const kills = moments.length + 1
  t.diagnostic(`${duplicates} duplicates after ${kills} kills`)
  assert.ok(duplicates <= kills * DELIVERY_CONNECTIONS, `${duplicates} duplicates after ${kills} kills`)
  await proveReconciled(account)
})
