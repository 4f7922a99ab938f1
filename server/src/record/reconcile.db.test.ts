import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { sql } from 'kysely'
import { fanOutChunk } from '#campaigns/fan-out.ts'
import { sweepCancelled } from '#campaigns/progress.ts'
import { claimAndAppend } from '#dispatch/claim.ts'
import { ANALYTICS_EVENTS, type OutcomeType, type SendJob } from '#events/email-events.ts'
import type { FeedbackEvent } from '#events/feedback-events.ts'
import { systemClock } from '#platform/clock.ts'
import { testDatabase, type TestDatabase, type TestScope } from '@pigeon/server/test/database.ts'
import {
  historyEvent,
  outcomeOf,
  recordOutcomes,
  sampleCampaign,
  sampleQueue,
  sampleRoute,
  sampleShard,
  sampleTenant,
  silentLog,
  takeJobs,
  testStream,
} from '@pigeon/server/test/factories.ts'
import { testHistory } from '@pigeon/server/test/history.ts'
import { recordFeedback } from './record-feedback.ts'
import { reconcile, type Finding, type Reconciliation } from './reconcile.ts'
import type { HistoryDeps } from './run-history.ts'

const analytics = await testHistory()
const LIFETIMES = { bulkMs: 259_200_000, transactionalMs: 86_400_000, sandboxMs: 30_000 }

interface Sent {
  readonly deps: HistoryDeps
  readonly database: TestDatabase
  readonly campaignId: string
  readonly jobs: readonly SendJob[]
  recount(): Promise<Reconciliation>
}

/** A campaign to 40 contacts: each outcome there is, some deferred first, some still waiting, some in hand. */
async function sentCampaign(scope: TestScope): Promise<Sent> {
  await analytics.command('truncate table email_events')
  await analytics.command('truncate table attempts')
  const database = await testDatabase(scope)
  const stream = await testStream(scope, database)
  const deps = { db: database.engine, stream, analytics, clock: systemClock, log: silentLog }
  const tenant = await sampleTenant(database, { contacts: 40 })
  await sampleShard(database, 1)
  await sampleRoute(database, 'google.example', 'google', 1)
  await sql`insert into suppressions (tenant_id, address_key, reason, created_at) values (${tenant.tenantId}, 'person7@google.example', 'manual', now())`.execute(
    database.admin,
  )
  const campaignId = await sampleCampaign(database, tenant)
  await fanOutChunk(deps, campaignId, 100)
  await claimAndAppend(deps, [sampleQueue(tenant.tenantId, campaignId)], LIFETIMES)
  const jobs = await takeJobs(stream)
  const plan: OutcomeType[] = [
    'delivered',
    'delivered',
    'sent',
    'bounced',
    'failed',
    'suppressed',
    'deferred',
    'delivered',
  ]
  const outcomes = jobs
    .slice(0, 32)
    .map((job, at) => outcomeOf(job, plan[at % plan.length] ?? 'delivered', new Date()))
  await recordOutcomes({ engine: database.engine, stream }, 1, 1, outcomes)
  await sql`update deliveries set due_at = now() - interval '1 hour' where claimed_epoch is null`.execute(
    database.admin,
  )
  await claimAndAppend(deps, [sampleQueue(tenant.tenantId, campaignId)], LIFETIMES)
  const [again, ...waiting] = await takeJobs(stream)
  assert.equal(waiting.length, 3)
  await recordOutcomes(
    { engine: database.engine, stream },
    1,
    1,
    again === undefined ? [] : [outcomeOf(again, 'delivered', new Date())],
  )
  const recount = (): Promise<Reconciliation> =>
    reconcile({ ...deps, clock: later }, { eventDays: 90, attemptDays: 30 })
  return { deps, database, campaignId, jobs, recount }
}

/** What ended in the last seconds is compared, too. */
const later = { ...systemClock, now: () => new Date(Date.now() + 60_000) }

async function anyMessage(database: TestDatabase, state: string): Promise<string> {
  const found = await sql<{
    id: string
  }>`select id from messages where state = ${state}::message_state order by id limit 1`.execute(
    database.admin,
  )
  const [row] = found.rows
  assert.ok(row, `there is a message in state ${state}`)
  return row.id
}

async function corrupt(sent: Sent, statement: ReturnType<typeof sql>): Promise<void> {
  const done = await statement.execute(sent.database.admin)
  assert.equal(done.numAffectedRows, 1n, 'exactly one row is corrupted')
}

function onlyFinding(result: Reconciliation): Finding | undefined {
  assert.equal(result.findings.length, 1, JSON.stringify(result.findings, null, 2))
  return result.findings[0]
}

test('a ledger that is right has no findings, with messages in every state', async (t) => {
  const { recount } = await sentCampaign(t)
  assert.deepEqual(await recount(), { campaigns: 1, messages: 40, findings: [], isCut: false })
})

/** Bounces of three delivered messages, one sent, and one that waits, which come back as mail. */
async function withLateBounces(scope: TestScope): Promise<Sent & { readonly late: readonly string[] }> {
  const sent = await sentCampaign(scope)
  const { rows } = await sql<{ id: string }>`
    (select id from messages where state = 'delivered' order by id limit 3)
    union all (select id from messages where state = 'sent' order by id limit 1)
    union all (select id from messages where state = 'deferred' order by id limit 1)`.execute(
    sent.database.admin,
  )
  const late = rows.map((row) => row.id)
  const events = late.map((messageId): FeedbackEvent => {
    const of = { messageId, id: randomUUID(), tenantId: null, at: new Date().toISOString() }
    const said = { code: 550, enhanced: '5.1.1', reply: '550 5.1.1 No such user', reportingMta: null }
    return { type: 'bounced', via: 'smtp', class: 'unknown_user', isHard: true, ...of, ...said }
  })
  await sent.database.engine
    .transaction()
    .execute((transaction) => recordFeedback(sent.deps, [{ events }], transaction))
  return { ...sent, late }
}

test('late bounces are no findings, and still compared in sums', async (t) => {
  const { deps, late, recount } = await withLateBounces(t)
  assert.equal(late.length, 5)
  assert.deepEqual(await recount(), { campaigns: 1, messages: 40, findings: [], isCut: false })
  const asked = await statementsOf(deps)
  assert.ok(asked.length > 0)
  assert.deepEqual(
    asked.filter((statement) => statement.includes('groupArray')),
    [],
  )
})

test('a late bounce that its message has lost again is named by the message', async (t) => {
  const sent = await withLateBounces(t)
  const [id] = sent.late
  await corrupt(sent, sql`update messages set state = 'delivered', bounced_from = null where id = ${id}`)
  assert.deepEqual(onlyFinding(await sent.recount()), {
    table: 'messages',
    row: id,
    expected: 'bounced',
    found: 'delivered',
  })
})

/** What a recount asks the history. */
async function statementsOf(deps: HistoryDeps): Promise<string[]> {
  const asked: string[] = []
  const query: typeof analytics.query = async (...args) => {
    asked.push(args[0])
    return analytics.query(...args)
  }
  await reconcile(
    { ...deps, clock: later, analytics: { ...analytics, query } },
    { eventDays: 90, attemptDays: 30 },
  )
  return asked
}

test('what agrees is compared in sums and not message by message', async (t) => {
  const { deps, recount } = await sentCampaign(t)
  await recount()
  const asked = await statementsOf(deps)
  assert.ok(asked.length > 0)
  assert.deepEqual(
    asked.filter((statement) => statement.includes('groupArray')),
    [],
  )
})

test('a cancelled campaign balances, with messages that were tried before', async (t) => {
  const sent = await sentCampaign(t)
  const { deps, database, campaignId } = sent
  await sql`update campaigns set status = 'cancelled' where id = ${campaignId}`.execute(database.admin)
  await sql`update deliveries set claimed_epoch = null, attempt = attempt - 1`.execute(database.admin)
  const campaign = await database.admin
    .selectFrom('campaigns')
    .select(['id', 'tenant_id'])
    .executeTakeFirstOrThrow()
  assert.equal(await sweepCancelled({ ...deps, installationMode: 'sandbox' }, campaign), 10)
  assert.deepEqual((await sent.recount()).findings, [])
})

test('a flipped state is named, and neither the tallies nor the events that disagree with it', async (t) => {
  const sent = await sentCampaign(t)
  const id = await anyMessage(sent.database, 'delivered')
  await corrupt(sent, sql`update messages set state = 'bounced' where id = ${id}`)
  assert.deepEqual(onlyFinding(await sent.recount()), {
    table: 'messages',
    row: id,
    expected: 'delivered',
    found: 'bounced',
  })
})

test('a final message that was made to wait again is named', async (t) => {
  const sent = await sentCampaign(t)
  const id = await anyMessage(sent.database, 'delivered')
  await corrupt(sent, sql`update messages set state = 'queued' where id = ${id}`)
  assert.deepEqual(onlyFinding(await sent.recount()), {
    table: 'messages',
    row: id,
    expected: 'delivered',
    found: 'queued',
  })
})

test('a waiting message that was made final is named', async (t) => {
  const sent = await sentCampaign(t)
  const id = await anyMessage(sent.database, 'queued')
  await corrupt(sent, sql`update messages set state = 'delivered' where id = ${id}`)
  const finding = onlyFinding(await sent.recount())
  assert.deepEqual([finding?.table, finding?.row, finding?.found], ['messages', id, 'delivered'])
})

test('a changed tally is named with what it should be', async (t) => {
  const sent = await sentCampaign(t)
  await corrupt(sent, sql`update campaign_tallies set count = count + 1 where state = 'bounced'`)
  const row = `${sent.campaignId}/google/bounced/unknown_user/first`
  assert.deepEqual(onlyFinding(await sent.recount()), {
    table: 'campaign_tallies',
    row,
    expected: 'count 4',
    found: '5',
  })
})

test('a changed count of accepted messages is named', async (t) => {
  const sent = await sentCampaign(t)
  await corrupt(sent, sql`update campaigns set accepted = accepted - 1`)
  assert.deepEqual(onlyFinding(await sent.recount()), {
    table: 'campaigns',
    row: sent.campaignId,
    expected: 'accepted 40, the number of its messages',
    found: '39',
  })
})

test('a lost delivery is named by its message', async (t) => {
  const sent = await sentCampaign(t)
  const id = await anyMessage(sent.database, 'queued')
  await corrupt(sent, sql`delete from deliveries where message_id = ${id}`)
  assert.deepEqual(onlyFinding(await sent.recount()), {
    table: 'deliveries',
    row: id,
    expected: 'one row: the message is queued',
    found: 'none',
  })
})

test('a delivery of a message that is final is named', async (t) => {
  const sent = await sentCampaign(t)
  const id = await anyMessage(sent.database, 'delivered')
  await corrupt(
    sent,
    sql`insert into deliveries (message_id, tenant_id, queue_id, mode, domain, due_at) select id, tenant_id, campaign_id, mode, 'x', now() from messages where id = ${id}`,
  )
  assert.deepEqual(onlyFinding(await sent.recount()), {
    table: 'deliveries',
    row: id,
    expected: 'none: the message is delivered',
    found: 'one row',
  })
})

test('a deleted message is named, and neither the counts nor the events that still have it', async (t) => {
  const sent = await sentCampaign(t)
  const id = await anyMessage(sent.database, 'bounced')
  await corrupt(sent, sql`delete from messages where id = ${id}`)
  assert.deepEqual(onlyFinding(await sent.recount()), {
    table: 'messages',
    row: id,
    expected: 'a row: the history says bounced',
    found: 'none',
  })
})

test('a second message to a contact is named', async (t) => {
  const sent = await sentCampaign(t)
  const [first, second] = [
    await anyMessage(sent.database, 'delivered'),
    await anyMessage(sent.database, 'bounced'),
  ]
  await sql`drop index messages_campaign_contact`.execute(sent.database.admin)
  await corrupt(
    sent,
    sql`update messages set contact_id = (select contact_id from messages where id = ${first}) where id = ${second}`,
  )
  const finding = onlyFinding(await sent.recount())
  assert.equal(finding?.table, 'messages')
  assert.equal(finding?.row, first < second ? second : first)
})

test('a missing event is named', async (t) => {
  const sent = await sentCampaign(t)
  const id = await anyMessage(sent.database, 'delivered')
  await sent.recount()
  await analytics.command(`delete from email_events where message_id = {id:UUID}`, { id })
  assert.deepEqual(onlyFinding(await sent.recount()), {
    table: 'email_events',
    row: id,
    expected: 'one event: delivered',
    found: 'none',
  })
})

test('a missing attempt is named', async (t) => {
  const sent = await sentCampaign(t)
  const id = await anyMessage(sent.database, 'delivered')
  await sent.recount()
  await analytics.command(`delete from attempts where message_id = {id:UUID}`, { id })
  assert.deepEqual(onlyFinding(await sent.recount()), {
    table: 'attempts',
    row: id,
    expected: '1 rows',
    found: '0',
  })
})

test('an event that contradicts its message and the tallies is named, and one of a message that waits', async (t) => {
  const sent = await sentCampaign(t)
  const waiting = await anyMessage(sent.database, 'queued')
  const delivered = await anyMessage(sent.database, 'delivered')
  const { tenantId = '' } = sent.jobs[0] ?? {}
  const of = {
    tenantId,
    campaignId: sent.campaignId,
    at: new Date().toISOString(),
    session: null,
    attempt: 0,
  }
  const events = [
    historyEvent({ ...of, messageId: waiting }),
    historyEvent({ ...of, messageId: delivered, type: 'bounced' }),
  ]
  await sent.deps.stream.append(ANALYTICS_EVENTS, [{ partition: 1, key: '', payload: { events } }])
  const { findings } = await sent.recount()
  assert.deepEqual(
    findings.map((finding) => `${finding.table} ${finding.row}`).sort(),
    [`email_events ${delivered}`, `email_events ${waiting}`].sort(),
  )
})

test('an event of a message or of a campaign that does not exist is named', async (t) => {
  const sent = await sentCampaign(t)
  const { tenantId = '' } = sent.jobs[0] ?? {}
  const ofNobody = historyEvent({ tenantId, campaignId: sent.campaignId, at: new Date().toISOString() })
  const ofNothing = historyEvent({ tenantId, campaignId: randomUUID() })
  await sent.deps.stream.append(ANALYTICS_EVENTS, [
    { partition: 1, key: '', payload: { events: [ofNobody, ofNothing] } },
  ])
  const { findings } = await sent.recount()
  assert.deepEqual(
    findings.map((finding) => [finding.table, finding.row]),
    [
      ['email_events', ofNothing.messageId],
      ['messages', ofNobody.messageId],
    ],
  )
})

test('what the history has not loaded yet is loaded and not reported', async (t) => {
  const sent = await sentCampaign(t)
  const found = await sql<{
    n: number
  }>`select count(*) as n from stream_records where topic = ${ANALYTICS_EVENTS}`.execute(sent.database.admin)
  assert.ok((found.rows[0]?.n ?? 0) > 0)
  assert.deepEqual((await sent.recount()).findings, [])
})

test('a history that does not come up to date is said, and not taken for an error of the ledger', async (t) => {
  const { deps } = await sentCampaign(t)
  const away = { ...analytics, insert: async () => Promise.reject(new Error('away')) }
  await assert.rejects(
    reconcile({ ...deps, analytics: away }, { eventDays: 90, attemptDays: 30, historyDeadlineMs: 200 }),
    /not up to date after 0.2 s/,
  )
})
