import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { countRows, testDatabase, type TestDatabase, type TestScope } from '@pigeon/server/test/database.ts'
import {
  LONG_AGO,
  sampleCampaign,
  sampleTenant,
  takeHistoryEvents,
  testStream,
  type SampleTenant,
} from '@pigeon/server/test/factories.ts'
import { manualClock, type ManualClock } from '@pigeon/server/test/manual-clock.ts'
import type { Stream } from '#platform/stream/stream.ts'
import { fanOutChunk } from './fan-out.ts'
import {
  activeCampaigns,
  completeCampaign,
  startDueCampaigns,
  sweepCancelled,
  type ProgressDeps,
} from './progress.ts'

interface Prepared {
  readonly database: TestDatabase
  readonly stream: Stream
  readonly clock: ManualClock
  readonly deps: ProgressDeps
  readonly tenant: SampleTenant
}

const MISSED_MS = 600_000

async function prepare(scope: TestScope, contacts: number): Promise<Prepared> {
  const database = await testDatabase(scope)
  const stream = await testStream(scope, database)
  const tenant = await sampleTenant(database, { contacts })
  const clock = manualClock(new Date('2026-02-01T00:00:00Z'))
  await sql`insert into domains (tenant_id, name, status, verified_at, verified_in, created_at)
            values (${tenant.tenantId}, 'sender.example', 'verified', ${LONG_AGO}, 'sandbox', ${LONG_AGO})`.execute(
    database.admin,
  )
  return {
    database,
    stream,
    clock,
    tenant,
    deps: { db: database.engine, stream, clock, installationMode: 'sandbox' },
  }
}

async function campaign({ database }: Prepared, id: string) {
  return database.admin.selectFrom('campaigns').selectAll().where('id', '=', id).executeTakeFirstOrThrow()
}

test('a campaign is sent when all messages exist and none is left to deliver, not before', async (t) => {
  const prepared = await prepare(t, 2)
  const id = await sampleCampaign(prepared.database, prepared.tenant)
  assert.equal(await completeCampaign(prepared.deps, id), false)
  await fanOutChunk(prepared.deps, id, 10)
  assert.equal(await completeCampaign(prepared.deps, id), false)
  await sql`delete from deliveries where message_id = (select min(message_id::text)::uuid from deliveries)`.execute(
    prepared.database.admin,
  )
  assert.equal(await completeCampaign(prepared.deps, id), false)
  await sql`delete from deliveries`.execute(prepared.database.admin)
  assert.equal(await completeCampaign(prepared.deps, id), true)
  assert.equal(await completeCampaign(prepared.deps, id), false)
  const row = await campaign(prepared, id)
  assert.deepEqual([row.status, row.completed_at?.toISOString()], ['sent', '2026-02-01T00:00:00.000Z'])
  assert.deepEqual(await activeCampaigns(prepared.deps), [])
})

test('a paused campaign does not end, even with nothing left', async (t) => {
  const prepared = await prepare(t, 0)
  const id = await sampleCampaign(prepared.database, prepared.tenant, { status: 'paused' })
  assert.equal(await completeCampaign(prepared.deps, id), false)
})

test('cancelling takes exactly what nobody has in hand, counts it and tells it', async (t) => {
  const prepared = await prepare(t, 5)
  const { admin } = prepared.database
  const id = await sampleCampaign(prepared.database, prepared.tenant)
  const other = await sampleCampaign(prepared.database, prepared.tenant)
  await fanOutChunk(prepared.deps, id, 10)
  await fanOutChunk(prepared.deps, other, 10)
  const inHand = await sql<{ id: string }>`
    update deliveries set claimed_epoch = 3 where message_id in (select message_id from deliveries where queue_id = ${id} limit 2) returning message_id as id`.execute(
    admin,
  )
  await sql`update messages set state = 'deferred', attempts = 1, provider = 'google', class = 'greylisted'
             where id = (select message_id from deliveries where queue_id = ${id} and claimed_epoch is null limit 1)`.execute(
    admin,
  )
  await sql`update campaigns set status = 'cancelled' where id = ${id}`.execute(admin)
  const cancelled = { id, tenant_id: prepared.tenant.tenantId }
  assert.equal(await sweepCancelled(prepared.deps, cancelled), 3)
  assert.equal(await sweepCancelled(prepared.deps, cancelled), 0)
  assert.equal(await completeCampaign(prepared.deps, id), false)

  const left = await admin.selectFrom('deliveries').select('message_id').where('queue_id', '=', id).execute()
  assert.deepEqual(left.map((row) => row.message_id).sort(), inHand.rows.map((row) => row.id).sort())
  const messages = await admin
    .selectFrom('messages')
    .select(['id', 'state'])
    .where('campaign_id', '=', id)
    .execute()
  const gone = messages.filter((row) => row.state === 'cancelled').map((row) => row.id)
  assert.equal(gone.length, 3)
  const tallies = await admin
    .selectFrom('campaign_tallies')
    .select(['campaign_id', 'provider', 'state', 'class', 'retried', 'count'])
    .orderBy('provider')
    .execute()
  assert.deepEqual(tallies, [
    { campaign_id: id, provider: '', state: 'cancelled', class: '', retried: false, count: 2 },
    { campaign_id: id, provider: 'google', state: 'cancelled', class: '', retried: false, count: 1 },
  ])
  const events = await takeHistoryEvents(prepared.stream)
  assert.deepEqual(
    events.map((event) => `${event.type} ${event.messageId}`).sort(),
    gone.map((each) => `cancelled ${each}`).sort(),
  )

  await sql`delete from deliveries where queue_id = ${id}`.execute(admin)
  assert.equal(await completeCampaign(prepared.deps, id), true)
  assert.equal((await campaign(prepared, id)).status, 'cancelled')
  assert.equal((await campaign(prepared, other)).status, 'sending')
})

test('two sweeps at once cancel each message once', async (t) => {
  const prepared = await prepare(t, 50)
  const id = await sampleCampaign(prepared.database, prepared.tenant)
  await fanOutChunk(prepared.deps, id, 100)
  await sql`update campaigns set status = 'cancelled'`.execute(prepared.database.admin)
  const sweep = async (): Promise<number> => sweepCancelled(prepared.deps, { id })
  const counts = await Promise.all([sweep(), sweep(), sweep()])
  assert.equal(
    counts.reduce((sum, count) => sum + count, 0),
    50,
  )
  const tally = await prepared.database.admin
    .selectFrom('campaign_tallies')
    .select('count')
    .executeTakeFirstOrThrow()
  assert.equal(tally.count, 50)
  assert.equal(await countRows(prepared.database.admin, 'deliveries'), 0)
  assert.equal((await takeHistoryEvents(prepared.stream)).length, 50)
})

test('a schedule starts when its time has come, with the template as it then is', async (t) => {
  const prepared = await prepare(t, 1)
  const id = await sampleCampaign(prepared.database, prepared.tenant, {
    status: 'scheduled',
    scheduledAt: new Date('2026-02-01T00:01:00Z'),
  })
  await startDueCampaigns(prepared.deps, MISSED_MS)
  assert.equal((await campaign(prepared, id)).status, 'scheduled')
  await sql`update templates set version = 4`.execute(prepared.database.admin)
  await prepared.clock.advance(60_000)
  await startDueCampaigns(prepared.deps, MISSED_MS)
  const row = await campaign(prepared, id)
  assert.deepEqual(
    [row.status, row.started_at?.toISOString(), row.template_version, row.mode],
    ['sending', '2026-02-01T00:01:00.000Z', 4, 'sandbox'],
  )
})

test('a schedule that was missed by more than the setting asks instead of sending', async (t) => {
  const prepared = await prepare(t, 1)
  const missed = await sampleCampaign(prepared.database, prepared.tenant, {
    status: 'scheduled',
    scheduledAt: new Date('2026-01-31T23:49:59Z'),
  })
  const late = await sampleCampaign(prepared.database, prepared.tenant, {
    status: 'scheduled',
    scheduledAt: new Date('2026-01-31T23:50:00Z'),
  })
  await startDueCampaigns(prepared.deps, MISSED_MS)
  const row = await campaign(prepared, missed)
  assert.deepEqual([row.status, row.missed_at?.toISOString()], ['scheduled', '2026-02-01T00:00:00.000Z'])
  assert.equal((await campaign(prepared, late)).status, 'sending')
  await startDueCampaigns(prepared.deps, 1e12)
  assert.equal((await campaign(prepared, missed)).status, 'scheduled')
})

test('a schedule that cannot start says why and does not hold up the others', async (t) => {
  const prepared = await prepare(t, 1)
  const at = { status: 'scheduled', scheduledAt: new Date('2026-02-01T00:00:00Z') } as const
  const broken = await sampleCampaign(prepared.database, prepared.tenant, at)
  const fine = await sampleCampaign(prepared.database, prepared.tenant, at)
  await sql`update campaigns set from_email = 'a@unverified.example', list_id = null where id = ${broken}`.execute(
    prepared.database.admin,
  )
  await startDueCampaigns(prepared.deps, MISSED_MS)
  const row = await campaign(prepared, broken)
  assert.equal(row.status, 'scheduled')
  assert.match(row.problem ?? '', /Choose a list.*unverified\.example is not verified/)
  assert.equal((await campaign(prepared, fine)).status, 'sending')
})
