import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { fanOutChunk } from '#campaigns/fan-out.ts'
import { claimAndAppend } from '#dispatch/claim.ts'
import { type OutcomeType, type SendJob } from '#events/email-events.ts'
import type { FeedbackEvent } from '#events/feedback-events.ts'
import { systemClock } from '#platform/clock.ts'
import { testDatabase, type TestDatabase, type TestScope } from '@pigeon/server/test/database.ts'
import {
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
import { blindReaders, testHistory } from '@pigeon/server/test/history.ts'
import { recordFeedback } from './record-feedback.ts'
import { reconcile, type Finding, type Reconciliation } from './reconcile.ts'
import type { HistoryDeps } from './run-history.ts'

export const analytics = await testHistory()
export const LIFETIMES = { bulkMs: 259_200_000, transactionalMs: 86_400_000, sandboxMs: 30_000 }

export interface Sent {
  readonly deps: HistoryDeps
  readonly database: TestDatabase
  readonly campaignId: string
  readonly jobs: readonly SendJob[]
  recount(): Promise<Reconciliation>
}

/** A campaign to 40 contacts: each outcome there is, some deferred first, some still waiting, some in hand. */
export async function sentCampaign(scope: TestScope): Promise<Sent> {
  await analytics.command('truncate table email_events')
  await analytics.command('truncate table attempts')
  const database = await testDatabase(scope)
  const stream = await testStream(scope, database)
  const base = { db: database.engine, stream, clock: systemClock, log: silentLog }
  const deps = { ...base, analytics, readers: blindReaders }
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
export const later = { ...systemClock, now: () => new Date(Date.now() + 60_000) }

export async function anyMessage(database: TestDatabase, state: string): Promise<string> {
  const found = await sql<{
    id: string
  }>`select id from messages where state = ${state}::message_state order by id limit 1`.execute(
    database.admin,
  )
  const [row] = found.rows
  assert.ok(row, `there is a message in state ${state}`)
  return row.id
}

export async function corrupt(sent: Sent, statement: ReturnType<typeof sql>): Promise<void> {
  const done = await statement.execute(sent.database.admin)
  assert.equal(done.numAffectedRows, 1n, 'exactly one row is corrupted')
}

export function onlyFinding(result: Reconciliation): Finding | undefined {
  assert.equal(result.findings.length, 1, JSON.stringify(result.findings, null, 2))
  return result.findings[0]
}

/** Bounces of three delivered messages, one sent, and one that waits, which come back as mail. */
export async function withLateBounces(
  scope: TestScope,
): Promise<Sent & { readonly late: readonly string[] }> {
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

/** What a recount asks the history. */
export async function statementsOf(deps: HistoryDeps): Promise<string[]> {
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
