import assert from 'node:assert/strict'
import { test } from 'node:test'
import { take } from '@pigeon/sdk'
import { act, campaignEnd, contactsCsv, createCampaign, listOf, metricsOf, untilFinal } from './account.ts'
import { proveReconciled } from './proof.ts'
import { sharedAccount } from './shared-account.ts'

const BULK = 20_000
const URGENT = 100
/** What bulk mail may gain on transactional mail that comes later: what is under way, and a claim or two. */
const AHEAD = 3_000

test('transactional mail overtakes a bulk campaign that was there first, and ends long before it', async (t) => {
  const account = await sharedAccount()
  const many = contactsCsv(BULK, undefined, 'reader')
  const bulk = await createCampaign(account, { listId: await listOf(account, 'Readers', many) })
  const few = contactsCsv(URGENT, ['plain.example', 'bench.example'], 'customer')
  const urgent = await createCampaign(account, {
    listId: await listOf(account, 'Customers', few),
    messageClass: 'transactional',
  })
  await act(account, bulk, 'send')
  const before = await untilFinal(account, bulk, 1_000)
  await act(account, urgent, 'send')
  const done = await campaignEnd(account, urgent)
  const after = await metricsOf(account, bulk)
  assert.equal(done.states.delivered, URGENT)
  const final = (metrics: typeof after): number => metrics.accepted - metrics.in_flight
  const gained = final(after) - final(before)
  t.diagnostic(`${gained} bulk messages ended meanwhile, ${after.in_flight} were left`)
  assert.ok(after.in_flight > 0, 'bulk mail is still on its way')
  assert.ok(gained <= AHEAD, `${gained} bulk messages ended meanwhile`)

  await act(account, bulk, 'cancel')
  await campaignEnd(account, bulk)
  const { data } = await take(
    account.pigeon.GET('/v1/campaigns/{id}/recipients', {
      params: { path: { id: urgent }, query: { limit: 100 } },
    }),
  )
  assert.ok(data.every((one) => one.attempts === 1))
  await proveReconciled(account)
})
