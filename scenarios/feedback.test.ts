import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { take } from '@pigeon/sdk'
import { runPlatform } from '@pigeon/server/test/platform.ts'
import {
  act,
  ask,
  campaignEnd,
  contactsCsv,
  createCampaign,
  listOf,
  metricsOf,
  openAccount,
  type Account,
} from './account.ts'
import { proveReconciled, recipientsOf } from './proof.ts'

const CONTACTS = 200
/** Rows of the outbox, and openings in each. */
const ROWS = 60
const OPENINGS = 200

/** Puts news into the stream as those who hear of them do: through the outbox. */
async function hear(account: Account, events: readonly object[]): Promise<void> {
  const session = await account.platform.session()
  try {
    for (let at = 0; at < events.length; at += OPENINGS) {
      const payload = { events: events.slice(at, at + OPENINGS) }
      await session.query(
        `insert into outbox (tenant_id, topic, partition, payload, created_at)
         select tenant_id, 'email.feedback', 0, $1, now() from tenants limit 1`,
        [JSON.stringify(payload)],
      )
    }
  } finally {
    await session.close()
  }
}

const newsOf = (messageId: string) => ({
  id: randomUUID(),
  messageId,
  tenantId: null,
  at: new Date().toISOString(),
})

test('what comes back is in the report and suppresses, once, also when record is killed in the middle of it', async (t) => {
  const account = await openAccount(await runPlatform(t))
  const listId = await listOf(account, 'All', contactsCsv(CONTACTS))
  const id = await createCampaign(account, { listId })
  await act(account, id, 'send')
  const { states } = await campaignEnd(account, id)
  const delivered = (await recipientsOf(account, id)).filter((each) => each.state === 'delivered')
  const [late, complaint] = delivered
  assert.ok(late && complaint)

  const bounce = { type: 'bounced', via: 'smtp', class: 'unknown_user', isHard: true, reportingMta: null }
  const said = { code: 550, enhanced: '5.1.1', reply: '550 5.1.1 No such user' }
  const report = { type: 'complained', via: 'smtp', feedbackType: 'abuse', reporter: null }
  const news = [
    { ...newsOf(late.message_id), ...bounce, ...said },
    { ...newsOf(complaint.message_id), ...report },
  ]
  await hear(account, news)
  const told = await ask('the bounce and the complaint', async () => {
    const metrics = await metricsOf(account, id)
    return metrics.states.bounced > states.bounced && metrics.complained_count === 1 ? metrics : undefined
  })
  assert.deepEqual(
    [told.states.bounced, told.states.delivered, told.balanced],
    [states.bounced + 1, states.delivered - 1, true],
  )
  for (const [recipient, reason] of [
    [late.recipient, 'hard_bounce'],
    [complaint.recipient, 'complaint'],
  ] as const) {
    const query = { email: recipient }
    const found = await take(account.pigeon.GET('/v1/suppressions', { params: { query } }))
    assert.deepEqual(
      found.data.map((each) => [each.reason, each.mode]),
      [[reason, 'sandbox']],
    )
  }

  const openings = Array.from({ length: ROWS * OPENINGS }, (_, n) => ({
    ...newsOf(delivered[n % delivered.length]?.message_id ?? ''),
    type: 'opened',
    ip: null,
    userAgent: null,
    url: null,
    link: null,
    machineSigns: [],
  }))
  await hear(account, openings)
  await account.platform.kill('record')
  await hear(account, [...news, ...openings.slice(0, OPENINGS)])
  await account.platform.kill('record')
  // The last of the news: when it is counted, all are.
  const last = { ...newsOf(late.message_id), type: 'unsubscribed' }
  await hear(account, [last])
  const counted = await ask('everything to be counted', async () => {
    const metrics = await metricsOf(account, id)
    return metrics.unsubscribed_count === 1 ? metrics : undefined
  })
  assert.deepEqual(
    [counted.opens.events, counted.opened_count, counted.complained_count, counted.states.bounced],
    [openings.length, delivered.length, 1, states.bounced + 1],
  )

  const again = await createCampaign(account, { listId })
  await act(account, again, 'send')
  const { states: second } = await campaignEnd(account, again)
  assert.ok(second.suppressed >= 2, 'who bounced and who complained get no second campaign')
  await proveReconciled(account)
})
