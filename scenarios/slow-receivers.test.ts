import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { take } from '@pigeon/sdk'
import { act, ask, campaignEnd, contactsCsv, createCampaign, listOf, type Account } from './account.ts'
import { proveAccounted, proveReconciled, recipientsOf } from './proof.ts'
import { changeHabits, sharedAccount } from './shared-account.ts'

const CONTACTS = 600
const GREYLISTED = 'gmx.de'
const RATED = 'gmail.com'
const DOMAINS = [GREYLISTED, RATED, 'outlook.com', 'plain.example']
const EACH = CONTACTS / DOMAINS.length

test('greylisting, a low rate and few connections delay mail and lose none; the report says what was deferred', async (t) => {
  const account = await sharedAccount()
  await makeSlow(t, account)
  const listId = await listOf(account, 'Slow', contactsCsv(CONTACTS, DOMAINS, 'slow'))
  const id = await createCampaign(account, { listId })
  await act(account, id, 'send')
  const ended = await campaignEnd(account, id)
  assert.equal(ended.states.delivered, CONTACTS)
  assert.equal((await proveAccounted(account, id, CONTACTS)).duplicates, 0)

  const recipients = await recipientsOf(account, id)
  const retried = recipients.filter((each) => each.attempts > 1)
  assert.equal(ended.deferred_then_delivered, retried.length)
  const greylisted = recipients.filter((each) => each.recipient.endsWith(`@${GREYLISTED}`))
  assert.equal(greylisted.filter((each) => each.attempts > 1).length, EACH, 'each was greylisted first')
  const plain = retried.filter((each) => each.recipient.endsWith('@plain.example'))
  assert.deepEqual(plain, [], 'who takes mail at once is not held up by those who do not')

  // The history is written behind the states.
  const path = { id: greylisted[0]?.message_id ?? '' }
  const message = await ask('the timeline to be complete', async () => {
    const found = await take(account.pigeon.GET('/v1/messages/{id}', { params: { path } }))
    return found.attempts_made.length >= found.attempts ? found : undefined
  })
  assert.deepEqual([message.timeline.at(0)?.type, message.timeline.at(0)?.class], ['deferred', 'greylisted'])
  assert.equal(message.timeline.at(-1)?.type, 'delivered')
  assert.match(message.attempts_made.at(0)?.transcript ?? '', /RCPT TO/)
  const report = await take(account.pigeon.GET('/v1/campaigns/{id}/report', { params: { path: { id } } }))
  const reason = report.reasons.find((each) => each.class === 'greylisted')
  assert.equal(reason?.state, 'deferred')
  assert.ok((reason?.replies.length ?? 0) > 0, 'with the words of the receiver')
  await proveReconciled(account)
})

async function makeSlow(t: TestContext, account: Account): Promise<void> {
  const never = { unknown_user_share: 0, temporary_failure_share: 0 }
  await changeHabits(t, account, 'gmx', { ...never, greylist_share: 1 })
  await changeHabits(t, account, 'google', { ...never, messages_per_second: 30, burst: 30 })
  await changeHabits(t, account, 'microsoft', { ...never, connections_per_address: 2 })
}
