import assert from 'node:assert/strict'
import { test } from 'node:test'
import { take } from '@pigeon/sdk'
import { runPlatform } from '@pigeon/server/test/platform.ts'
import { startWebhookReceiver } from '@pigeon/server/test/webhook-receiver.ts'
import { act, ask, campaignEnd, contactsCsv, createCampaign, listOf, openAccount } from './account.ts'

const CONTACTS = 100

test('a receiver that was down gets everything of a campaign once it is back, signed, although hooks was killed', async (t) => {
  const platform = await runPlatform(t, { PIGEON_ALLOW_PRIVATE_WEBHOOKS: 'true' })
  const account = await openAccount(platform)
  const receiver = await startWebhookReceiver(t)
  const { id, secret } = await take(account.pigeon.POST('/v1/webhooks', { body: { url: receiver.url } }))
  receiver.secret = secret
  receiver.isDown = true
  const listId = await listOf(account, 'Told', contactsCsv(CONTACTS, ['plain.example']))
  const campaignId = await createCampaign(account, { listId })
  await act(account, campaignId, 'send')
  const { states } = await campaignEnd(account, campaignId)
  const deliveries = async (state: 'pending' | 'failed') =>
    (
      await take(
        account.pigeon.GET('/v1/webhooks/{id}/deliveries', { params: { path: { id }, query: { state } } }),
      )
    ).data
  await ask('the receiver to be asked in vain', async () =>
    (await deliveries('pending')).some((each) => each.attempts > 0) ? true : undefined,
  )
  await platform.kill('hooks')
  receiver.isDown = false
  // An hour goes by.
  await ask('everything to be told', async () => {
    await platform.query(
      `update webhook_deliveries set due_at = due_at - interval '1 hour' where state = 'pending'`,
      [],
    )
    const told = receiver.accepted()
    return told.get('email.delivered') === states.delivered && told.has('campaign.finished')
      ? told
      : undefined
  })
  assert.equal(receiver.accepted().get('import.finished'), 1)
  assert.equal(receiver.refusedSignatures, 0)
  assert.deepEqual(await deliveries('failed'), [])
})
