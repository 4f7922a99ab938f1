import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import type { EmailEventsPayload, OutcomeType, SendJob } from '#events/email-events.ts'
import type { Stream } from '#platform/stream/stream.ts'
import { claimedCampaign, SHARD, type ClaimedCampaign } from '@pigeon/server/test/claimed-campaign.ts'
import { countRows, type TestScope } from '@pigeon/server/test/database.ts'
import { outcomeOf, recordPayloads, takeHistoryEvents } from '@pigeon/server/test/factories.ts'

async function oneJob(scope: TestScope): Promise<ClaimedCampaign & { job: SendJob; at: Date }> {
  const prepared = await claimedCampaign(scope, 1)
  const [job] = prepared.jobs
  assert.ok(job)
  return { ...prepared, job, at: new Date('2026-02-01T00:00:02Z') }
}

async function messageOf({ database }: ClaimedCampaign) {
  return database.admin.selectFrom('messages').selectAll().executeTakeFirstOrThrow()
}

async function deliveryOf({ database }: ClaimedCampaign) {
  return database.admin.selectFrom('deliveries').selectAll().executeTakeFirst()
}

async function tallies({ database }: ClaimedCampaign): Promise<string[]> {
  const rows = await database.admin
    .selectFrom('campaign_tallies')
    .selectAll()
    .orderBy('state')
    .orderBy('class')
    .orderBy('retried')
    .execute()
  return rows.map(
    (row) => `${row.provider} ${row.state} ${row.class} ${row.retried ? 'retried' : 'first'} ${row.count}`,
  )
}

const FINALS: readonly (readonly [OutcomeType, string])[] = [
  ['delivered', 'google delivered  first 1'],
  ['sent', 'google sent  first 1'],
  ['bounced', 'google bounced unknown_user first 1'],
  ['failed', 'google failed  first 1'],
  ['suppressed', 'google suppressed  first 1'],
]

for (const [type, tally] of FINALS) {
  test(`${type} is final: the message says so, its delivery is gone, it is counted and told, once however often it comes`, async (t) => {
    const prepared = await oneJob(t)
    const outcome = outcomeOf(prepared.job, type, prepared.at)
    await prepared.record(1, [outcome])
    await prepared.record(1, [outcome, outcome])
    const message = await messageOf(prepared)
    assert.deepEqual(
      [
        message.state,
        message.provider,
        message.attempts,
        message.code,
        message.reply,
        message.updated_at.toISOString(),
      ],
      [type, 'google', 1, outcome.code, outcome.reply, '2026-02-01T00:00:02.000Z'],
    )
    assert.equal(await deliveryOf(prepared), undefined)
    assert.deepEqual(await tallies(prepared), [tally])
    const events = await takeHistoryEvents(prepared.stream)
    assert.deepEqual(
      events.map((event) => [event.type, event.messageId, event.session?.transcript]),
      [[type, message.id, outcome.transcript]],
    )
  })
}

test('deferred gives the message back for its next attempt at the time that delivery says', async (t) => {
  const prepared = await oneJob(t)
  const outcome = outcomeOf(prepared.job, 'deferred', prepared.at, { inDoubt: true })
  await prepared.record(1, [outcome])
  await prepared.record(1, [outcome])
  const [message, delivery] = [await messageOf(prepared), await deliveryOf(prepared)]
  assert.deepEqual(
    [message.state, message.attempts, message.in_doubt, message.class],
    ['deferred', 1, true, 'greylisted'],
  )
  assert.deepEqual(
    [delivery?.claimed_epoch, delivery?.attempt, delivery?.due_at.toISOString()],
    [null, 1, '2026-02-01T00:00:03.000Z'],
  )
  assert.deepEqual(await tallies(prepared), [])
  assert.equal((await takeHistoryEvents(prepared.stream)).length, 1)
  await prepared.clock.advance(3_000)
  const [again] = await prepared.claim()
  assert.equal(again?.attempt, 2)
  assert.ok(again)
  await prepared.record(1, [outcomeOf(again, 'delivered', prepared.at)])
  assert.deepEqual(await tallies(prepared), ['google delivered  retried 1'])
  assert.equal((await messageOf(prepared)).in_doubt, false)
})

test('returned gives the attempt back, and what was never tried does not grow old', async (t) => {
  const prepared = await oneJob(t)
  await prepared.clock.advance(5_000)
  await prepared.record(1, [outcomeOf(prepared.job, 'returned', prepared.at)])
  const [message, delivery] = [await messageOf(prepared), await deliveryOf(prepared)]
  assert.deepEqual([message.state, message.attempts], ['queued', 0])
  assert.deepEqual(
    [delivery?.attempt, delivery?.due_at.toISOString(), delivery?.expires_at],
    [0, '2026-02-01T00:00:05.000Z', null],
  )
  assert.deepEqual(await takeHistoryEvents(prepared.stream), [])
  const [again] = await prepared.claim()
  assert.deepEqual([again?.attempt, again?.expiresAt], [1, '2026-02-01T00:00:35.000Z'])
})

test('what was tried before grows old also when it is returned', async (t) => {
  const prepared = await oneJob(t)
  await prepared.record(1, [outcomeOf(prepared.job, 'deferred', prepared.at)])
  await prepared.clock.advance(3_000)
  const [again] = await prepared.claim()
  assert.ok(again)
  await prepared.record(1, [outcomeOf(again, 'returned', prepared.at)])
  const delivery = await deliveryOf(prepared)
  assert.deepEqual([delivery?.attempt, delivery?.expires_at?.toISOString()], [1, '2026-02-01T00:00:30.000Z'])
})

test('a message that waits for its host counts no attempt, comes back when told, and keeps its life', async (t) => {
  const prepared = await oneJob(t)
  const retryAt = new Date(prepared.at.getTime() + 4_000).toISOString()
  await prepared.record(1, [outcomeOf(prepared.job, 'returned', prepared.at, { retryAt })])
  const delivery = await deliveryOf(prepared)
  assert.deepEqual([delivery?.attempt, delivery?.due_at.toISOString()], [0, retryAt])
  assert.equal(delivery?.expires_at?.toISOString(), '2026-02-01T00:00:30.000Z')
})

test('a deferral of an earlier claim does not take the message from the one that has it in hand', async (t) => {
  const prepared = await oneJob(t)
  await prepared.apply([{ kind: 'takeover', shard: SHARD, epoch: 2 }])
  await sql`update shards set epoch = 2`.execute(prepared.database.admin)
  await prepared.clock.advance(1)
  const [again] = await prepared.claim()
  assert.equal(again?.attempt, 1)
  for (const type of ['deferred', 'returned'] as const)
    await prepared.record(1, [outcomeOf(prepared.job, type, prepared.at)])
  const delivery = await deliveryOf(prepared)
  assert.deepEqual([Number(delivery?.claimed_epoch), delivery?.attempt], [2, 1])
  assert.equal((await messageOf(prepared)).state, 'queued')
  assert.deepEqual(await takeHistoryEvents(prepared.stream), [])
})

test('a deferral of an earlier claim of the same owner does not, either', async (t) => {
  const prepared = await oneJob(t)
  await prepared.record(1, [outcomeOf(prepared.job, 'returned', prepared.at)])
  await prepared.clock.advance(1)
  const [again] = await prepared.claim()
  assert.notEqual(again?.claimedAt, prepared.job.claimedAt)
  await prepared.record(1, [outcomeOf(prepared.job, 'deferred', prepared.at)])
  assert.equal(Number((await deliveryOf(prepared))?.claimed_epoch), 1)
})

test('a delivery counts from whatever epoch it comes, and what the new owner says of it later does nothing', async (t) => {
  const prepared = await oneJob(t)
  await prepared.apply([{ kind: 'takeover', shard: SHARD, epoch: 2 }])
  await sql`update shards set epoch = 2`.execute(prepared.database.admin)
  const [again] = await prepared.claim()
  assert.ok(again)
  await prepared.record(1, [outcomeOf(prepared.job, 'delivered', prepared.at)])
  await prepared.record(2, [outcomeOf(again, 'bounced', prepared.at)])
  assert.equal((await messageOf(prepared)).state, 'delivered')
  assert.equal(await deliveryOf(prepared), undefined)
  assert.deepEqual(await tallies(prepared), ['google delivered  first 1'])
  assert.deepEqual(
    (await takeHistoryEvents(prepared.stream)).map((event) => event.type),
    ['delivered'],
  )
})

test('a takeover releases what earlier owners had in hand, of its own shard, without counting the attempt', async (t) => {
  const prepared = await claimedCampaign(t, 4)
  const { admin } = prepared.database
  const [oldest, older, own, elsewhere] = prepared.jobs.map((job) => job.messageId)
  await sql`update deliveries set claimed_epoch = 2 where message_id = ${older}`.execute(admin)
  await sql`update deliveries set claimed_epoch = 3 where message_id = ${own}`.execute(admin)
  await sql`update deliveries set shard = ${SHARD + 1} where message_id = ${elsewhere}`.execute(admin)
  await prepared.apply([{ kind: 'takeover', shard: SHARD, epoch: 3 }])
  const free = await admin
    .selectFrom('deliveries')
    .select(['message_id', 'attempt', 'expires_at'])
    .where('claimed_epoch', 'is', null)
    .execute()
  assert.deepEqual(free.map((row) => row.message_id).sort(), [oldest, older].sort())
  assert.deepEqual(
    free.map((row) => [row.attempt, row.expires_at]),
    [
      [0, null],
      [0, null],
    ],
  )
})

test('a takeover is applied after the outcomes before it and before those after it, in one batch as in several', async (t) => {
  const prepared = await claimedCampaign(t, 2)
  const [sent, never] = prepared.jobs
  assert.ok(sent && never)
  const at = new Date('2026-02-01T00:00:02Z')
  await prepared.apply([
    {
      kind: 'outcomes',
      shard: SHARD,
      epoch: 1,
      events: [outcomeOf(sent, 'deferred', at, { inDoubt: true })],
    },
    { kind: 'takeover', shard: SHARD, epoch: 2 },
    { kind: 'outcomes', shard: SHARD, epoch: 1, events: [outcomeOf(never, 'deferred', at)] },
  ])
  const rows = await prepared.database.admin
    .selectFrom('deliveries')
    .select(['message_id', 'attempt', 'claimed_epoch', 'due_at'])
    .execute()
  const of = (id: string) => rows.find((row) => row.message_id === id)
  assert.deepEqual(
    [of(sent.messageId)?.attempt, of(sent.messageId)?.due_at.toISOString()],
    [1, '2026-02-01T00:00:03.000Z'],
  )
  assert.deepEqual(
    [of(never.messageId)?.attempt, of(never.messageId)?.due_at.toISOString()],
    [0, '2026-02-01T00:00:00.000Z'],
  )
  assert.ok(rows.every((row) => row.claimed_epoch === null))
})

test('an outcome of a message that does not exist does nothing', async (t) => {
  const prepared = await oneJob(t)
  await prepared.record(1, [
    {
      ...outcomeOf(prepared.job, 'delivered', prepared.at),
      messageId: '00000000-0000-7000-8000-000000000000',
    },
  ])
  assert.equal((await messageOf(prepared)).state, 'queued')
  assert.deepEqual(await tallies(prepared), [])
})

test('a reply of any length and script is kept as far as there is room', async (t) => {
  const prepared = await oneJob(t)
  await prepared.record(1, [
    outcomeOf(prepared.job, 'bounced', prepared.at, { reply: `550 ${'ü'.repeat(2_000)}` }),
  ])
  assert.equal((await messageOf(prepared)).reply?.length, 500)
})

test('record and its rows are one transaction: cut off, nothing has happened', async (t) => {
  const prepared = await oneJob(t)
  const failing: Stream = { ...prepared.stream, append: async () => Promise.reject(new Error('killed')) }
  const payload: EmailEventsPayload = {
    kind: 'outcomes',
    shard: SHARD,
    epoch: 1,
    events: [outcomeOf(prepared.job, 'delivered', prepared.at)],
  }
  await assert.rejects(
    recordPayloads({ engine: prepared.database.engine, stream: failing }, [payload]),
    /killed/,
  )
  assert.equal((await messageOf(prepared)).state, 'queued')
  assert.equal(await countRows(prepared.database.admin, 'deliveries'), 1)
  assert.deepEqual(await tallies(prepared), [])
})
