import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { sql } from 'kysely'
import { campaignMetrics } from '#campaigns/campaign-metrics.ts'
import type { OutcomeType } from '#events/email-events.ts'
import type { FeedbackEvent } from '#events/feedback-events.ts'
import { complaintsToday } from '#sources/complaints.ts'
import { claimedCampaign, type ClaimedCampaign } from '@pigeon/server/test/claimed-campaign.ts'
import { countRows, type TestScope } from '@pigeon/server/test/database.ts'
import { outcomeOf, silentLog, takeHistoryEvents } from '@pigeon/server/test/factories.ts'
import { forgetSeen, SEEN_LIFE_MS } from './forget-feedback.ts'
import { recordFeedback } from './record-feedback.ts'

const AT = new Date('2026-02-01T00:00:02Z')
const LATER = '2026-02-01T00:05:00.000Z'

type NewsOf = (messageId: string, more?: object) => FeedbackEvent

const common = () => ({ id: randomUUID(), tenantId: null, at: LATER })
const bounced: NewsOf = (messageId, more) => ({
  ...common(),
  type: 'bounced',
  messageId,
  via: 'smtp',
  class: 'unknown_user',
  isHard: true,
  code: 550,
  enhanced: '5.1.1',
  reply: '550 5.1.1 No such user',
  reportingMta: 'mx.google.example',
  ...more,
})
const complained: NewsOf = (messageId, more) => ({
  ...common(),
  type: 'complained',
  messageId,
  via: 'smtp',
  feedbackType: 'abuse',
  reporter: 'yahoo',
  ...more,
})
const opened: NewsOf = (messageId, more) => ({
  ...common(),
  type: 'opened',
  messageId,
  ip: '192.0.2.7',
  userAgent: 'Mail/1.0',
  url: null,
  link: null,
  machineSigns: [],
  ...more,
})
const clicked: NewsOf = (messageId, more) =>
  opened(messageId, { type: 'clicked', url: 'https://shop.example/', link: 0, ...more })
const unsubscribed: NewsOf = (messageId) => ({ ...common(), type: 'unsubscribed', messageId })

interface Place extends ClaimedCampaign {
  readonly tenantId: string
  readonly ids: readonly string[]
  hear(...events: readonly FeedbackEvent[]): Promise<void>
}

/** A campaign of which the first messages have ended so. */
async function place(scope: TestScope, ends: readonly OutcomeType[], contacts = ends.length): Promise<Place> {
  const prepared = await claimedCampaign(scope, contacts)
  await prepared.clock.advance(600_000)
  await prepared.record(
    1,
    ends.flatMap((type, at) => {
      const job = prepared.jobs[at]
      return job === undefined ? [] : [outcomeOf(job, type, AT)]
    }),
  )
  await takeHistoryEvents(prepared.stream)
  const { stream, clock, database } = prepared
  const deps = { stream, clock, log: silentLog }
  return {
    ...prepared,
    tenantId: prepared.jobs[0]?.tenantId ?? '',
    ids: prepared.jobs.map((job) => job.messageId),
    hear: (...events) =>
      database.engine.transaction().execute((transaction) => recordFeedback(deps, [{ events }], transaction)),
  }
}

function idOf({ ids }: Place, at = 0): string {
  const id = ids[at]
  assert.ok(id)
  return id
}

async function states({ database }: Place): Promise<string[]> {
  const { rows } = await sql<{ text: string }>`
    select concat_ws(' ', state, bounced_from, class) as text from messages order by id`.execute(
    database.admin,
  )
  return rows.map((row) => row.text)
}

async function tallies({ database }: Place): Promise<string[]> {
  const { rows } = await sql<{ text: string }>`
    select concat_ws(' ', state, class, count) as text from campaign_tallies where count <> 0 order by 1`.execute(
    database.admin,
  )
  return rows.map((row) => row.text.replaceAll('  ', ' '))
}

async function suppressions({ database }: Place): Promise<string[]> {
  const { rows } = await sql<{ text: string }>`
    select concat_ws(' ', address_key, reason, mode, case when held_at is not null then 'held' end) as text
      from suppressions order by 1`.execute(database.admin)
  return rows.map((row) => row.text)
}

async function metrics(of: Place) {
  return campaignMetrics({ db: of.database.api }, of.tenantId, of.campaignId)
}

test('a late bounce takes a delivery back: state, tallies, suppression and history, once however often it is heard', async (t) => {
  const here = await place(t, ['delivered', 'sent'])
  const news = [bounced(idOf(here)), bounced(idOf(here, 1))]
  await here.hear(...news)
  await here.hear(...news, ...news)
  assert.deepEqual(await states(here), ['bounced delivered unknown_user', 'bounced sent unknown_user'])
  assert.deepEqual(await tallies(here), ['bounced unknown_user 2'])
  assert.deepEqual(await suppressions(here), [
    'person0@google.example hard_bounce sandbox',
    'person1@google.example hard_bounce sandbox',
  ])
  const events = await takeHistoryEvents(here.stream)
  assert.deepEqual(
    events.map((event) => [event.type, event.messageId, event.attempt, event.provider, event.source]),
    here.ids.map((id) => ['bounced', id, 0, 'google', '192.0.2.1']),
  )
  assert.deepEqual(events[0]?.detail?.data, {
    via: 'smtp',
    hard: true,
    reporting_mta: 'mx.google.example',
  })
  const { states: counts, balanced, bounced_count } = await metrics(here)
  assert.deepEqual([counts.bounced, counts.delivered, bounced_count, balanced], [2, 0, 2, true])
})

test('another bounce of the same message, with an id of its own, changes nothing', async (t) => {
  const here = await place(t, ['delivered'])
  await here.hear(bounced(idOf(here)), bounced(idOf(here)))
  await here.hear(bounced(idOf(here), { class: 'mailbox_full' }))
  assert.deepEqual(await tallies(here), ['bounced unknown_user 1'])
  assert.equal((await takeHistoryEvents(here.stream)).length, 1)
})

test('a bounce signed for another tenant changes nothing, and neither does one of no message', async (t) => {
  const here = await place(t, ['delivered'])
  const other = { tenantId: randomUUID() }
  await here.hear(bounced(idOf(here), other), complained(idOf(here), other), opened(idOf(here), other))
  await here.hear(bounced(randomUUID()))
  assert.deepEqual(await states(here), ['delivered'])
  assert.deepEqual(await suppressions(here), [])
  assert.deepEqual(await takeHistoryEvents(here.stream), [])
  await here.hear(bounced(idOf(here), { tenantId: here.tenantId }))
  assert.deepEqual(await states(here), ['bounced delivered unknown_user'])
})

test('a bounce that overtakes the outcome is final, and the outcome does nothing', async (t) => {
  const here = await place(t, [], 1)
  await here.hear(bounced(idOf(here)))
  const [job] = here.jobs
  assert.ok(job)
  for (const type of ['delivered', 'deferred', 'returned'] as const)
    await here.record(1, [outcomeOf(job, type, AT)])
  assert.deepEqual(await states(here), ['bounced queued unknown_user'])
  assert.equal(await countRows(here.database.admin, 'deliveries'), 0)
  assert.deepEqual(await tallies(here), ['bounced unknown_user 1'])
  assert.equal((await metrics(here)).balanced, true)
})

test('a message in doubt ends with the bounce that comes back', async (t) => {
  const here = await place(t, [], 1)
  const [job] = here.jobs
  assert.ok(job)
  await here.record(1, [outcomeOf(job, 'deferred', AT, { inDoubt: true })])
  await here.hear(bounced(job.messageId, { class: 'spam' }))
  assert.deepEqual(await states(here), ['bounced deferred spam'])
  assert.equal(await countRows(here.database.admin, 'deliveries'), 0)
  assert.deepEqual(await suppressions(here), [])
})

test('what has ended otherwise stays so', async (t) => {
  const here = await place(t, ['failed', 'suppressed', 'bounced'])
  await here.hear(...here.ids.map((id) => bounced(id, { class: 'spam' })))
  assert.deepEqual(await states(here), ['failed', 'suppressed', 'bounced unknown_user'])
})

test('a complaint suppresses the address, counts for its lane and its campaign, and is told once', async (t) => {
  const here = await place(t, ['delivered'])
  await here.hear(complained(idOf(here)), complained(idOf(here)))
  await here.hear(complained(idOf(here)))
  assert.deepEqual(await states(here), ['delivered'])
  assert.deepEqual(await suppressions(here), ['person0@google.example complaint sandbox'])
  assert.deepEqual(await complaintsToday({ db: here.database.engine, clock: here.clock }), [
    { mode: 'sandbox', provider: 'google', source: '192.0.2.1', count: 1 },
  ])
  assert.equal((await metrics(here)).complained_count, 1)
  const events = await takeHistoryEvents(here.stream)
  assert.deepEqual(
    events.map((event) => [event.type, event.detail?.data]),
    [['complained', { feedback_type: 'abuse', reporter: 'yahoo', via: 'smtp' }]],
  )
})

test('a report that says it is no spam is no complaint', async (t) => {
  const here = await place(t, ['delivered'])
  await here.hear(complained(idOf(here), { feedbackType: 'not-spam' }))
  assert.deepEqual(await suppressions(here), [])
  assert.equal((await metrics(here)).complained_count, 0)
})

test('openings and clicks count messages once and events as often as they come, people and machines apart', async (t) => {
  const here = await place(t, ['delivered', 'delivered'])
  const [first, second] = [idOf(here), idOf(here, 1)]
  const news = [
    opened(first),
    opened(first),
    opened(second, { machineSigns: ['prefetch'] }),
    clicked(first),
    clicked(second, { machineSigns: ['honeypot'] }),
    clicked(second, { machineSigns: ['honeypot'] }),
  ]
  await here.hear(...news)
  await here.hear(opened(first), ...news)
  const { opened_count, clicked_count, opens, clicks } = await metrics(here)
  assert.deepEqual([opened_count, clicked_count], [1, 1])
  assert.deepEqual(opens, { messages: 1, events: 3, machine_messages: 1, machine_events: 1 })
  assert.deepEqual(clicks, { messages: 1, events: 1, machine_messages: 1, machine_events: 2 })
  assert.deepEqual(await states(here), ['delivered', 'delivered'])
  const events = await takeHistoryEvents(here.stream)
  assert.equal(events.length, 7)
  const click = events.find((event) => event.type === 'clicked')
  assert.deepEqual(click?.detail, {
    ip: '192.0.2.7',
    userAgent: 'Mail/1.0',
    data: { url: 'https://shop.example/', link: 0, machine_signs: [] },
  })
})

test('an unsubscription counts for the campaign of its message and is told', async (t) => {
  const here = await place(t, ['delivered'])
  const news = unsubscribed(idOf(here))
  await here.hear(news)
  await here.hear(news)
  assert.equal((await metrics(here)).unsubscribed_count, 1)
  assert.deepEqual(
    (await takeHistoryEvents(here.stream)).map((event) => [event.type, event.domain]),
    [['unsubscribed', 'google.example']],
  )
})

test('a time that a strange clock gives is not later than now', async (t) => {
  const here = await place(t, ['delivered'])
  await here.hear(bounced(idOf(here), { at: '2030-01-01T00:00:00.000Z' }))
  const [event] = await takeHistoryEvents(here.stream)
  assert.equal(event?.at, here.clock.now().toISOString())
})

test('ids of news are forgotten after a month, and not before', async (t) => {
  const here = await place(t, ['delivered'])
  await here.hear(opened(idOf(here)))
  const { engine, admin } = here.database
  await forgetSeen(engine, new Date(here.clock.now().getTime() + SEEN_LIFE_MS))
  assert.equal(await countRows(admin, 'feedback_seen'), 1)
  await forgetSeen(engine, new Date(here.clock.now().getTime() + SEEN_LIFE_MS + 1))
  assert.equal(await countRows(admin, 'feedback_seen'), 0)
})

test('feedback is one transaction: cut off, nothing has happened', async (t) => {
  const here = await place(t, ['delivered'])
  const failing = { ...here.stream, append: async () => Promise.reject(new Error('killed')) }
  const deps = { stream: failing, clock: here.clock, log: silentLog }
  const news = bounced(idOf(here))
  await assert.rejects(
    here.database.engine
      .transaction()
      .execute((transaction) => recordFeedback(deps, [{ events: [news] }], transaction)),
    /killed/,
  )
  assert.deepEqual(await states(here), ['delivered'])
  await here.hear(news)
  assert.deepEqual(await states(here), ['bounced delivered unknown_user'])
})
