import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DELIVER_PROCESSES, DELIVERY_CONNECTIONS, runPlatform } from '@pigeon/server/test/platform.ts'
import { act, campaignEnd, contactsCsv, createCampaign, listOf, openAccount } from './account.ts'
import { killAtMoments, seededMoments } from './moments.ts'
import { proveAccounted, proveReconciled } from './proof.ts'

const CONTACTS = 5_000

test('SIGKILL of every process at once loses nothing and doubles at most what was on the wire', async (t) => {
  const platform = await runPlatform(t)
  const account = await openAccount(platform)
  const campaignId = await createCampaign(account, {
    listId: await listOf(account, 'All', contactsCsv(CONTACTS)),
  })
  await act(account, campaignId, 'send')

  const moments = seededMoments('everything', 2)
  await killAtMoments(t, { account, id: campaignId, contacts: CONTACTS }, moments, async () => {
    await platform.killEverything()
    await platform.start()
  })
  await campaignEnd(account, campaignId)

  const { metrics, duplicates } = await proveAccounted(account, campaignId, CONTACTS)
  assert.equal(metrics.status, 'sent')
  const onTheWire = moments.length * DELIVER_PROCESSES * DELIVERY_CONNECTIONS
  t.diagnostic(`${duplicates} duplicates after ${moments.length} kills of everything`)
  assert.ok(duplicates <= onTheWire, `${duplicates} duplicates`)
  await proveReconciled(account)
})
