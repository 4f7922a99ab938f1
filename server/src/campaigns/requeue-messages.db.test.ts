import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import type { BounceClass } from '@pigeon/mail/bounce-class.ts'
import { claimAndAppend } from '#dispatch/claim.ts'
import type { OutcomeEvent } from '#events/email-events.ts'
import { systemClock } from '#platform/clock.ts'
import { testDatabase, type TestScope } from '@pigeon/server/test/database.ts'
import {
  outcomeOf,
  recordOutcomes,
  sampleCampaign,
  sampleQueue,
  sampleRoute,
  sampleShard,
  sampleTenant,
  takeHistoryEvents,
  takeJobs,
  testStream,
} from '@pigeon/server/test/factories.ts'
import { fanOutChunk } from './fan-out.ts'
import { completeCampaign } from './progress.ts'
import { requeueMessages } from './requeue-messages.ts'

const LIFETIMES = { bulkMs: 259_200_000, transactionalMs: 86_400_000, sandboxMs: 30_000 }

/** A campaign that is sent: to google and yahoo in turns, and each message bounced for the class that stands at its place. */
async function bouncedCampaign(scope: TestScope, classes: readonly BounceClass[]) {
  const database = await testDatabase(scope)
  const stream = await testStream(scope, database)
  await sampleShard(database, 1)
  for (const name of ['google', 'yahoo']) await sampleRoute(database, `${name}.example`, name, 1)
  const domains = ['google.example', 'yahoo.example']
  const tenant = await sampleTenant(database, { contacts: classes.length, domains })
  const campaignId = await sampleCampaign(database, tenant)
  const deps = { db: database.engine, stream, clock: systemClock, installationMode: 'sandbox' as const }
  await fanOutChunk(deps, campaignId, 1_000)
  const claim = async () => {
    await claimAndAppend(deps, [sampleQueue(tenant.tenantId, campaignId)], LIFETIMES)
    return takeJobs(stream)
  }
  const jobs = (await claim()).toSorted((a, b) => a.recipient.localeCompare(b.recipient))
  const bounces = jobs.map((job, at) => ({
    ...outcomeOf(job, 'bounced', new Date()),
    class: classes[at] ?? null,
  }))
  const record = (outcomes: readonly OutcomeEvent[]) =>
    recordOutcomes({ engine: database.engine, stream }, 1, 1, outcomes)
  await record(bounces)
  assert.equal(await completeCampaign(deps, campaignId), true)
  await takeHistoryEvents(stream)
  const requeue = (provider: string | null = null) =>
    database.engine
      .transaction()
      .execute((transaction) => requeueMessages(deps, transaction, { campaignId, provider, after: null }))
  const states = async () => {
    const rows = await sql<{ state: string; count: number }>`
      select state::text as state, count(*) as count from messages group by 1 order by 1`.execute(
      database.admin,
    )
    return Object.fromEntries(rows.rows.map(({ state, count }) => [state, count]))
  }
  const tallies = async () => {
    const rows = await sql<{ key: string; count: number }>`
      select concat_ws('/', provider, state, class) as key, count from campaign_tallies order by 1`.execute(
      database.admin,
    )
    return Object.fromEntries(rows.rows.map(({ key, count }) => [key, count]))
  }
  const status = async () => {
    const row = await database.admin
      .selectFrom('campaigns')
      .select(['status', 'completed_at'])
      .executeTakeFirstOrThrow()
    return [row.status, row.completed_at === null]
  }
  return {
    database,
    stream,
    deps,
    tenant,
    campaignId,
    bounces,
    record,
    claim,
    requeue,
    states,
    tallies,
    status,
  }
}

test('what ended for a reason that may have passed waits again, and what is known for good does not', async (t) => {
  const all = ['expired', 'mailbox_full', 'unknown_user', 'spam', 'other', 'expired'] as const
  const { requeue, states, tallies, status, stream, claim } = await bouncedCampaign(t, all)
  assert.deepEqual(await status(), ['sent', false])
  assert.equal((await requeue()).count, 3)
  assert.deepEqual(await states(), { bounced: 3, deferred: 3 })
  assert.deepEqual(await tallies(), {
    'google/bounced/other': 1,
    'google/bounced/unknown_user': 1,
    'yahoo/bounced/spam': 1,
  })
  assert.deepEqual(await status(), ['sending', true])
  const events = await takeHistoryEvents(stream)
  assert.deepEqual(events.map((event) => `${event.type} ${event.attempt} ${event.provider}`).sort(), [
    'requeued 1 google',
    'requeued 1 yahoo',
    'requeued 1 yahoo',
  ])
  const jobs = await claim()
  assert.deepEqual(
    jobs.map((job) => job.attempt),
    [2, 2, 2],
  )
  assert.ok(
    jobs.every((job) => Date.parse(job.expiresAt) > Date.now()),
    'each has a whole life again',
  )
})

test('what was queued again may be delivered, and the campaign ends once more', async (t) => {
  const { requeue, states, tallies, status, claim, record, deps, campaignId } = await bouncedCampaign(t, [
    'expired',
    'expired',
  ])
  await requeue()
  assert.equal(await completeCampaign(deps, campaignId), false)
  await record((await claim()).map((job) => outcomeOf(job, 'delivered', new Date())))
  assert.deepEqual(await states(), { delivered: 2 })
  assert.deepEqual(await tallies(), { 'google/delivered/': 1, 'yahoo/delivered/': 1 })
  assert.equal(await completeCampaign(deps, campaignId), true)
  assert.deepEqual(await status(), ['sent', false])
})

test('an old outcome that is replayed after it neither ends the message nor takes its delivery', async (t) => {
  const { requeue, states, bounces, record, database, tallies } = await bouncedCampaign(t, ['expired'])
  await requeue()
  await record(bounces)
  assert.deepEqual(await states(), { deferred: 1 })
  assert.deepEqual(await tallies(), {})
  assert.equal((await database.admin.selectFrom('deliveries').select('message_id').execute()).length, 1)
})

test('of one provider only that one waits again; twice is as good as once', async (t) => {
  const { requeue, tallies } = await bouncedCampaign(t, ['expired', 'expired', 'expired'])
  assert.equal((await requeue('yahoo')).count, 1)
  assert.equal((await requeue('yahoo')).count, 0)
  assert.deepEqual(await tallies(), { 'google/bounced/expired': 2 })
})

test('a cancelled campaign, and a contact that was erased, are left alone', async (t) => {
  const { requeue, database, states } = await bouncedCampaign(t, ['expired', 'expired'])
  await sql`delete from contacts where email_key like '%@google.example'`.execute(database.admin)
  assert.equal((await requeue()).count, 1)
  await sql`update campaigns set status = 'cancelled'`.execute(database.admin)
  assert.equal((await requeue()).count, 0)
  assert.deepEqual(await states(), { bounced: 1, deferred: 1 })
})
