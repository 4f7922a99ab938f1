import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import {
  act,
  campaignEnd,
  contactsCsv,
  createCampaign,
  listOf,
  metricsOf,
  untilFinal,
  type Account,
} from './account.ts'
import { seededMoments } from './moments.ts'
import { proveAccounted, proveReconciled } from './proof.ts'
import { sharedAccount } from './shared-account.ts'

const CONTACTS = 5_000
/** Within this time a pause or a cancellation has taken effect. */
const EFFECT_MS = 2_000
const STILL_MS = 2_000

test('pause, resume and cancel take effect within 2 s at full speed, and nobody is doubled or forgotten', async (t) => {
  const account = await sharedAccount()
  const listId = await listOf(account, 'All', contactsCsv(CONTACTS, undefined, 'paused'))

  await t.test('a pause stops everything, and after the resumption everybody gets exactly one', async () => {
    const id = await createCampaign(account, { listId, name: 'Paused once' })
    await act(account, id, 'send')
    await untilFinal(account, id, 500)
    await act(account, id, 'pause')
    const arrived = await staysStill(account, id)
    assert.ok(arrived < CONTACTS, 'the pause came too late to show anything')
    const paused = await metricsOf(account, id)
    assert.equal(paused.status, 'paused')
    assert.equal(paused.balanced, true)
    await act(account, id, 'resume')
    assert.equal((await campaignEnd(account, id)).status, 'sent')
    assert.equal((await proveAccounted(account, id, CONTACTS)).duplicates, 0)
  })

  await t.test('a cancellation stops everything for good, and accounts for everybody', async () => {
    const id = await createCampaign(account, { listId, name: 'Cancelled' })
    await act(account, id, 'send')
    await untilFinal(account, id, 500)
    await act(account, id, 'cancel')
    const arrived = await staysStill(account, id)
    const ended = await campaignEnd(account, id)
    assert.equal(ended.status, 'cancelled')
    const { metrics, duplicates } = await proveAccounted(account, id, CONTACTS)
    assert.equal(duplicates, 0)
    assert.equal(metrics.states.delivered, arrived)
    assert.ok(metrics.states.cancelled > 0, 'the cancellation came too late to show anything')
  })

  await t.test('pauses and resumptions in quick succession still give everybody exactly one', async () => {
    const id = await createCampaign(account, { listId, name: 'Paused often' })
    await act(account, id, 'send')
    for (const { share, delayMs } of seededMoments('pause', 6)) {
      await untilFinal(account, id, Math.floor(share * CONTACTS))
      await act(account, id, 'pause')
      await delay(delayMs * 5)
      await act(account, id, 'resume')
    }
    assert.equal((await campaignEnd(account, id)).status, 'sent')
    assert.equal((await proveAccounted(account, id, CONTACTS)).duplicates, 0)
  })

  await t.test('a paused campaign can be cancelled', async () => {
    const id = await createCampaign(account, { listId, name: 'Paused and cancelled' })
    await act(account, id, 'send')
    await untilFinal(account, id, 500)
    await act(account, id, 'pause')
    await act(account, id, 'cancel')
    assert.equal((await campaignEnd(account, id)).status, 'cancelled')
    assert.equal((await proveAccounted(account, id, CONTACTS)).duplicates, 0)
  })
  await proveReconciled(account)
})

/** From 2 s after the call nothing more arrives. Returns how much had arrived. */
async function staysStill(account: Account, id: string): Promise<number> {
  await delay(EFFECT_MS)
  const before = await account.platform.windtunnel.stats(id)
  await delay(STILL_MS)
  const after = await account.platform.windtunnel.stats(id)
  assert.equal(after.received, before.received, 'mail still arrives')
  return after.received
}
