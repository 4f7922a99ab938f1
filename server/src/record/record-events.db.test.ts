import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { fanOutChunk } from '#campaigns/fan-out.ts'
import { claimAndAppend } from '#dispatch/claim.ts'
import type { EmailEventsPayload, OutcomeEvent, OutcomeType, SendJob } from '#events/email-events.ts'
import type { Stream } from '#platform/stream/stream.ts'
import { countRows, testDatabase, type TestDatabase, type TestScope } from '@pigeon/server/test/database.ts'
import {
  outcomeOf,
  recordOutcomes,
  recordPayloads,
  sampleCampaign,
  sampleRoute,
  sampleShard,
  sampleTenant,
  takeHistoryEvents,
  takeJobs,
  testStream,
} from '@pigeon/server/test/factories.ts'
import { manualClock, type ManualClock } from '@pigeon/server/test/manual-clock.ts'
import { plansOf } from '@pigeon/server/test/plan.ts'
import { applyOutcomes, releaseClaims } from './record.store.ts'

const LIFETIMES = { liveMs: 86_400_000, sandboxMs: 30_000 }
const SHARD = 4

interface Prepared {
  readonly database: TestDatabase
  readonly stream: Stream
  readonly clock: ManualClock
  readonly campaignId: string
  /** The jobs of the first claim, under epoch 1. */
  readonly jobs: readonly SendJob[]
  claim(): Promise<SendJob[]>
  record(epoch: number, events: readonly OutcomeEvent[]): Promise<void>
  apply(payloads: readonly EmailEventsPayload[]): Promise<void>
}

async function prepare(scope: TestScope, contacts: number): Promise<Prepared> {
  const database = await testDatabase(scope)
  const stream = await testStream(scope, database)
  const clock = manualClock(new Date('2026-02-01T00:00:00Z'))
  const tenant = await sampleTenant(database, { contacts })
  await sampleRoute(database, 'google.example', 'google', SHARD)
  await sampleShard(database, SHARD)
  const campaignId = await sampleCampaign(database, tenant)
  const deps = { db: database.engine, stream, clock }
  await fanOutChunk(deps, campaignId, 100_000)
  const claim = async (): Promise<SendJob[]> => {
    await claimAndAppend(deps, [campaignId], LIFETIMES)
    return takeJobs(stream)
  }
  const parts = { engine: database.engine, stream, clock }
  return {
    database,
    stream,
    clock,
    campaignId,
    jobs: await claim(),
    claim,
    record: (epoch, events) => recordOutcomes(parts, SHARD, epoch, events),
    apply: (payloads) => recordPayloads(parts, payloads),
  }
}

async function oneJob(scope: TestScope): Promise<Prepared & { job: SendJob; at: Date }> {
  const prepared = await prepare(scope, 1)
  const [job] = prepared.jobs
  assert.ok(job)
  return { ...prepared, job, at: new Date('2026-02-01T00:00:02Z') }
}

async function messageOf({ database }: Prepared) {
  return database.admin.selectFrom('messages').selectAll().executeTakeFirstOrThrow()
}

async function deliveryOf({ database }: Prepared) {
  return database.admin.selectFrom('deliveries').selectAll().executeTakeFirst()
}

async function tallies({ database }: Prepared): Promise<string[]> {
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
  const prepared = await prepare(t, 4)
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
  const prepared = await prepare(t, 2)
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

/** A small generator with a seed (mulberry32), so that a failure can be had again. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

for (const seed of [1, 2, 3, 4, 5]) {
  test(`whatever comes in whatever order, the ledger adds up (seed ${seed})`, async (t) => {
    const prepared = await prepare(t, 60)
    const { admin } = prepared.database
    const next = random(seed)
    const types: OutcomeType[] = [
      'delivered',
      'deferred',
      'bounced',
      'returned',
      'failed',
      'sent',
      'suppressed',
      'deferred',
    ]
    const said: { epoch: number; event: OutcomeEvent }[] = []
    let epoch = 1
    let jobs: readonly SendJob[] = prepared.jobs
    for (let step = 0; step < 12; step++) {
      for (const job of jobs) {
        const type = types[Math.floor(next() * types.length)] ?? 'delivered'
        if (next() < 0.8) said.push({ epoch, event: outcomeOf(job, type, prepared.clock.now()) })
      }
      // Some of what was ever said, in any order, and some of it again: journals are replayed.
      const batch = said.filter(() => next() < 0.4).toSorted(() => next() - 0.5)
      for (const each of batch) await prepared.record(each.epoch, [each.event])
      await prepared.apply(
        [...Map.groupBy(said.slice(-30), (each) => each.epoch)].map(([of, events]) => ({
          kind: 'outcomes',
          shard: SHARD,
          epoch: of,
          events: events.map((each) => each.event),
        })),
      )
      if (next() < 0.3) {
        epoch++
        await sql`update shards set epoch = ${epoch}`.execute(admin)
        await prepared.apply([{ kind: 'takeover', shard: SHARD, epoch }])
      }
      await prepared.clock.advance(1_500)
      jobs = await prepared.claim()
      await assertBalanced(prepared)
    }
    const events = await takeHistoryEvents(prepared.stream)
    const finals = events.filter((event) => event.type !== 'deferred').map((event) => event.messageId)
    assert.equal(new Set(finals).size, finals.length, 'no message ends twice in the history')
    const messages = await admin.selectFrom('messages').select(['id', 'state', 'attempts']).execute()
    for (const message of messages) {
      const own = events.filter((event) => event.messageId === message.id)
      assert.equal(own.length, message.attempts, `as many events as attempts of ${message.id}`)
      assert.equal(own.at(-1)?.type ?? 'queued', message.state)
    }
  })
}

async function assertBalanced({ database }: Prepared): Promise<void> {
  const found = await sql<{
    accepted: number
    finals: number
    waiting: number
    negative: number
    wrong: number
  }>`
    select (select accepted from campaigns) as accepted, (select coalesce(sum(count), 0)::bigint from campaign_tallies) as finals,
           (select count(*) from deliveries) as waiting, (select count(*) from deliveries where attempt < 0) as negative,
           (select count(*) from messages m where (m.state in ('queued', 'deferred')) <> exists (select from deliveries d where d.message_id = m.id)) as wrong`.execute(
    database.admin,
  )
  const [row] = found.rows
  assert.ok(row)
  assert.equal(row.accepted, row.finals + row.waiting)
  assert.deepEqual([row.negative, row.wrong], [0, 0])
}

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

test('among 20,000 messages outcomes find theirs by an index', async (t) => {
  const prepared = await prepare(t, 20_000)
  for (const table of ['messages', 'deliveries', 'campaign_tallies'])
    await sql`analyze ${sql.table(table)}`.execute(prepared.database.admin)
  const outcomes = prepared.jobs
    .slice(0, 100)
    .map((job) => ({ epoch: 1, event: outcomeOf(job, 'delivered', prepared.clock.now()) }))
  const plans = await plansOf(prepared.database.connections.engine, async (transaction) => {
    await applyOutcomes(transaction, outcomes, prepared.clock.now())
    await releaseClaims(transaction, SHARD, 2, prepared.clock.now())
  })
  assert.equal(plans.length, 2)
  for (const plan of plans) assert.doesNotMatch(plan, /Seq Scan on (messages|deliveries)/)
})
