import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import type { OutcomeEvent, OutcomeType, SendJob } from '#events/email-events.ts'
import { claimedCampaign, SHARD, type ClaimedCampaign } from '@pigeon/server/test/claimed-campaign.ts'
import { outcomeOf, takeHistoryEvents } from '@pigeon/server/test/factories.ts'
import { plansOf } from '@pigeon/server/test/plan.ts'
import { applyOutcomes, releaseClaims } from './record.store.ts'

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
    const prepared = await claimedCampaign(t, 60)
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

async function assertBalanced({ database }: ClaimedCampaign): Promise<void> {
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

test('among 20,000 messages outcomes find theirs by an index', async (t) => {
  const prepared = await claimedCampaign(t, 20_000)
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
