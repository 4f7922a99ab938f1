import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { fanOutChunk } from '#campaigns/fan-out.ts'
import type { Stream } from '#platform/stream/stream.ts'
import { testDatabase, type TestDatabase, type TestScope } from '@pigeon/server/test/database.ts'
import {
  sampleCampaign,
  sampleQueue,
  sampleRoute,
  sampleShard,
  sampleTenant,
  takeBatches,
  takeJobs,
  testStream,
  type SampleTenant,
} from '@pigeon/server/test/factories.ts'
import { manualClock, type ManualClock } from '@pigeon/server/test/manual-clock.ts'
import { plansOf } from '@pigeon/server/test/plan.ts'
import { claimAndAppend, type ClaimDeps, type SendQueue } from './claim.ts'
import { claimDue } from './dispatch.store.ts'

const LIFETIMES = { bulkMs: 259_200_000, transactionalMs: 86_400_000, sandboxMs: 30_000 }
const SHARD = 2

interface Prepared {
  readonly database: TestDatabase
  readonly stream: Stream
  readonly clock: ManualClock
  readonly deps: ClaimDeps
  readonly tenant: SampleTenant
  readonly campaignId: string
}

async function prepare(
  scope: TestScope,
  contacts: number,
  shard: { epoch?: number; credits?: number } = {},
): Promise<Prepared> {
  const database = await testDatabase(scope)
  const stream = await testStream(scope, database)
  const tenant = await sampleTenant(database, { contacts })
  await sampleRoute(database, 'google.example', 'google', SHARD)
  await sampleShard(database, SHARD, shard)
  const clock = manualClock(new Date('2026-02-01T00:00:00Z'))
  const prepared = { database, stream, clock, tenant, deps: { db: database.engine, stream, clock } }
  return { ...prepared, campaignId: await anotherCampaign(prepared) }
}

async function anotherCampaign({
  database,
  tenant,
  deps,
}: Pick<Prepared, 'database' | 'tenant' | 'deps'>): Promise<string> {
  const id = await sampleCampaign(database, tenant)
  while ((await fanOutChunk(deps, id, 100_000)) > 0) continue
  return id
}

function queueOf({ tenant, campaignId }: Prepared, id = campaignId): SendQueue {
  return sampleQueue(tenant.tenantId, id)
}

async function claimed({ database }: Prepared): Promise<number> {
  const found = await sql<{
    n: number
  }>`select count(*) as n from deliveries where claimed_epoch is not null`.execute(database.admin)
  return found.rows[0]?.n ?? 0
}

test('what is claimed is stamped with the epoch and handed over with all that delivery needs', async (t) => {
  const prepared = await prepare(t, 2, { epoch: 7 })
  await sql`update messages set class = 'host_unknown'`.execute(prepared.database.admin)
  assert.equal(await claimAndAppend(prepared.deps, [queueOf(prepared)], LIFETIMES), 2)
  const [batch, ...more] = await takeBatches(prepared.stream)
  assert.deepEqual([batch?.shard, batch?.epoch, batch?.jobs.length, more.length], [SHARD, 7, 2, 0])
  const job = batch?.jobs.find((each) => each.recipient === 'Person0@google.example')
  const delivery = await prepared.database.admin
    .selectFrom('deliveries')
    .selectAll()
    .where('message_id', '=', job?.messageId ?? '')
    .executeTakeFirstOrThrow()
  const { id: destination } = await prepared.database.admin
    .selectFrom('destinations')
    .select('id')
    .executeTakeFirstOrThrow()
  assert.deepEqual(job, {
    messageId: delivery.message_id,
    tenantId: prepared.tenant.tenantId,
    campaignId: prepared.campaignId,
    contactId: delivery.contact_id,
    recipient: 'Person0@google.example',
    firstName: 'Person',
    lastName: null,
    attributes: { n: 0 },
    mode: 'sandbox',
    domain: 'google.example',
    provider: 'google',
    destination,
    attempt: 1,
    lastSource: null,
    lastClass: 'host_unknown',
    lastReply: null,
    claimedAt: '2026-02-01T00:00:00.000Z',
    expiresAt: '2026-02-01T00:00:30.000Z',
  })
  assert.deepEqual(
    [delivery.claimed_epoch, delivery.attempt, delivery.due_at.toISOString()],
    [7, 1, job?.claimedAt],
  )
})

test('the time to live begins with the first claim and not again with the next', async (t) => {
  const prepared = await prepare(t, 1)
  await claimAndAppend(prepared.deps, [queueOf(prepared)], LIFETIMES)
  await sql`update deliveries set claimed_epoch = null`.execute(prepared.database.admin)
  await prepared.clock.advance(10_000)
  await claimAndAppend(prepared.deps, [queueOf(prepared)], LIFETIMES)
  const jobs = await takeJobs(prepared.stream)
  assert.deepEqual(
    jobs.map((job) => [job.attempt, job.expiresAt]),
    [
      [1, '2026-02-01T00:00:30.000Z'],
      [2, '2026-02-01T00:00:30.000Z'],
    ],
  )
})

test('a live message lives as long as its class, or as its campaign says', async (t) => {
  const hours = async (set: string): Promise<number> => {
    const prepared = await prepare(t, 1)
    await sql`update deliveries set mode = 'live'`.execute(prepared.database.admin)
    await sql`update campaigns set ${sql.raw(set)}`.execute(prepared.database.admin)
    await claimAndAppend(prepared.deps, [queueOf(prepared)], LIFETIMES)
    const [job] = await takeJobs(prepared.stream)
    return (Date.parse(job?.expiresAt ?? '') - prepared.clock.now().getTime()) / 3_600_000
  }
  assert.equal(await hours("message_class = 'bulk'"), 72)
  assert.equal(await hours("message_class = 'transactional'"), 24)
  assert.equal(await hours('expires_after_minutes = 90'), 1.5)
})

test('what a receiver said last goes with the next attempt', async (t) => {
  const prepared = await prepare(t, 1)
  const lastReply = { code: 452, enhanced: '4.2.2', reply: '452 4.2.2 Mailbox full' }
  await sql`update deliveries set last_reply = ${JSON.stringify(lastReply)}::jsonb, last_source = 'mail-2'`.execute(
    prepared.database.admin,
  )
  await claimAndAppend(prepared.deps, [queueOf(prepared)], LIFETIMES)
  const [job] = await takeJobs(prepared.stream)
  assert.deepEqual([job?.lastReply, job?.lastSource], [lastReply, 'mail-2'])
})

test('no more is claimed than the credits of the destination allow, and all of them are used', async (t) => {
  const prepared = await prepare(t, 20, { credits: 7 })
  assert.equal(await claimAndAppend(prepared.deps, [queueOf(prepared)], LIFETIMES), 7)
  assert.equal(await claimAndAppend(prepared.deps, [queueOf(prepared)], LIFETIMES), 0)
  await sql`update destinations set allowed_total = allowed_total + 5`.execute(prepared.database.admin)
  assert.equal(await claimAndAppend(prepared.deps, [queueOf(prepared)], LIFETIMES), 5)
  assert.equal(await claimed(prepared), 12)
  const account = await prepared.database.admin
    .selectFrom('destinations')
    .select(['allowed_total', 'claimed_total'])
    .executeTakeFirstOrThrow()
  assert.deepEqual([account.allowed_total, account.claimed_total], [12, 12])
})

test('a destination that is stopped gives nothing, whatever its credits and the reserve say', async (t) => {
  const prepared = await prepare(t, 3)
  await sql`update destinations set stopped = true`.execute(prepared.database.admin)
  const urgent = { ...queueOf(prepared), messageClass: 'transactional' } as const
  assert.equal(await claimAndAppend(prepared.deps, [urgent], LIFETIMES), 0)
  await sql`update destinations set stopped = false`.execute(prepared.database.admin)
  assert.equal(await claimAndAppend(prepared.deps, [urgent], LIFETIMES), 3)
})

test('a transactional message is claimed although bulk mail has used up the credits', async (t) => {
  const prepared = await prepare(t, 20, { credits: 7 })
  assert.equal(await claimAndAppend(prepared.deps, [queueOf(prepared)], LIFETIMES), 7)
  const second = queueOf(prepared, await anotherCampaign(prepared))
  const urgent = { ...second, messageClass: 'transactional' } as const
  assert.equal(await claimAndAppend(prepared.deps, [queueOf(prepared), urgent], LIFETIMES), 20)
})

test('before an owner has said what it can take, a destination has credits, and they count from its epoch', async (t) => {
  const prepared = await prepare(t, 3)
  await sql`update destinations set epoch = 0, allowed_total = 0, claimed_total = 99`.execute(
    prepared.database.admin,
  )
  assert.equal(await claimAndAppend(prepared.deps, [queueOf(prepared)], LIFETIMES), 3)
  const account = await prepared.database.admin
    .selectFrom('destinations')
    .select(['epoch', 'claimed_total'])
    .executeTakeFirstOrThrow()
  assert.deepEqual([account.epoch, account.claimed_total], [1, 3])
})

test('nothing is claimed for a shard whose owner is gone', async (t) => {
  const prepared = await prepare(t, 3)
  await sql`update shards set lease_until = '2026-02-01T00:00:00Z'`.execute(prepared.database.admin)
  assert.equal(await claimAndAppend(prepared.deps, [queueOf(prepared)], LIFETIMES), 0)
})

test('what is not due yet, not routed yet, or in hand is left alone', async (t) => {
  const prepared = await prepare(t, 4)
  const { admin } = prepared.database
  const rows = await admin.selectFrom('deliveries').select('message_id').orderBy('message_id').execute()
  const [early, unrouted, inHand, due] = rows.map((row) => row.message_id)
  await sql`update deliveries set due_at = '2026-02-01T00:00:00.001Z' where message_id = ${early}`.execute(
    admin,
  )
  await sql`update deliveries set shard = null, destination = null where message_id = ${unrouted}`.execute(
    admin,
  )
  await sql`update deliveries set claimed_epoch = 1 where message_id = ${inHand}`.execute(admin)
  assert.equal(await claimAndAppend(prepared.deps, [queueOf(prepared)], LIFETIMES), 1)
  assert.deepEqual(
    (await takeJobs(prepared.stream)).map((job) => job.messageId),
    [due],
  )
})

test('a campaign that was paused or cancelled since the queues were listed gives nothing', async (t) => {
  for (const status of ['paused', 'cancelled'] as const) {
    const prepared = await prepare(t, 2)
    await sql`update campaigns set status = ${status}::campaign_status`.execute(prepared.database.admin)
    assert.equal(await claimAndAppend(prepared.deps, [queueOf(prepared)], LIFETIMES), 0)
  }
})

test('two campaigns share the credits', async (t) => {
  const prepared = await prepare(t, 20, { credits: 10 })
  const second = await anotherCampaign(prepared)
  await claimAndAppend(prepared.deps, [queueOf(prepared), queueOf(prepared, second)], LIFETIMES)
  const jobs = await takeJobs(prepared.stream)
  assert.deepEqual(
    [prepared.campaignId, second].map((id) => jobs.filter((job) => job.campaignId === id).length),
    [5, 5],
  )
})

test('a claim that is cut off leaves neither a claimed row nor a used credit', async (t) => {
  const prepared = await prepare(t, 3)
  const failing: Stream = { ...prepared.stream, append: async () => Promise.reject(new Error('killed')) }
  await assert.rejects(
    claimAndAppend({ ...prepared.deps, stream: failing }, [queueOf(prepared)], LIFETIMES),
    /killed/,
  )
  assert.equal(await claimed(prepared), 0)
  assert.equal(await claimAndAppend(prepared.deps, [queueOf(prepared)], LIFETIMES), 3)
})

test('several dispatchers at once claim every row, and none twice', async (t) => {
  const prepared = await prepare(t, 1_500)
  const dispatcher = async (): Promise<void> => {
    while ((await claimAndAppend(prepared.deps, [queueOf(prepared)], LIFETIMES)) > 0) continue
  }
  await Promise.all([dispatcher(), dispatcher(), dispatcher()])
  const ids = (await takeJobs(prepared.stream)).map((job) => job.messageId)
  assert.equal(ids.length, 1_500)
  assert.equal(new Set(ids).size, 1_500)
})

test('a takeover waits for a claim under way, so that no claim of the old epoch comes after it', async (t) => {
  const prepared = await prepare(t, 1)
  const order: string[] = []
  let takeover: Promise<unknown> | undefined
  const slow: Stream = {
    ...prepared.stream,
    append: async (...args) => {
      takeover = sql`update shards set epoch = epoch + 1`
        .execute(prepared.database.admin)
        .then(() => order.push('takeover'))
      // The takeover is held up by the lock: a question that needs none overtakes it.
      await sql`select pg_sleep(0.05)`.execute(prepared.database.admin)
      await prepared.stream.append(...args)
      order.push('claimed')
    },
  }
  await claimAndAppend({ ...prepared.deps, stream: slow }, [queueOf(prepared)], LIFETIMES)
  await takeover
  assert.deepEqual(order, ['claimed', 'takeover'])
})

test('among 20,000 waiting rows a claim reads the due ones from an index', async (t) => {
  const prepared = await prepare(t, 20_000)
  for (const table of ['deliveries', 'messages', 'contacts', 'campaigns', 'destinations', 'shards'])
    await sql`analyze ${sql.table(table)}`.execute(prepared.database.admin)
  const now = prepared.clock.now()
  const { id: destination } = await prepared.database.admin
    .selectFrom('destinations')
    .select('id')
    .executeTakeFirstOrThrow()
  const want = { queueId: prepared.campaignId, destination, limit: 500 }
  const [plan = ''] = await plansOf(prepared.database.connections.engine, (transaction) =>
    claimDue(transaction, [want], now, LIFETIMES),
  )
  assert.match(plan, /Index Scan using deliveries_due on deliveries/)
  assert.doesNotMatch(plan, /Seq Scan on (deliveries|messages|contacts)/)
  assert.doesNotMatch(plan, /Sort Key: deliveries\.due_at/)
})
