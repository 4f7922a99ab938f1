import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { sql } from 'kysely'
import { countRows, testDatabase, type TestDatabase, type TestScope } from '@pigeon/server/test/database.ts'
import {
  addContacts,
  LONG_AGO,
  sampleCampaign,
  sampleRoute,
  sampleTenant,
  takeHistoryEvents,
  testStream,
  type SampleTenant,
} from '@pigeon/server/test/factories.ts'
import { manualClock } from '@pigeon/server/test/manual-clock.ts'
import type { Stream } from '#platform/stream/stream.ts'
import { LIMITS } from './campaign.ts'
import { fanOutChunk, type FanOutDeps } from './fan-out.ts'

interface Prepared {
  readonly database: TestDatabase
  readonly stream: Stream
  readonly deps: FanOutDeps
  readonly tenant: SampleTenant
  readonly campaignId: string
}

async function prepare(scope: TestScope, contacts: number, domains?: readonly string[]): Promise<Prepared> {
  const database = await testDatabase(scope)
  const stream = await testStream(scope, database)
  const tenant = await sampleTenant(database, domains === undefined ? { contacts } : { contacts, domains })
  const campaignId = await sampleCampaign(database, tenant)
  const clock = manualClock(new Date('2026-02-01T00:00:00Z'))
  return { database, stream, deps: { db: database.engine, stream, clock }, tenant, campaignId }
}

async function fanOut({ deps, campaignId }: Prepared, chunkSize: number): Promise<number[]> {
  const taken: number[] = []
  while (true) {
    const chunk = await fanOutChunk(deps, campaignId, chunkSize)
    taken.push(chunk)
    if (chunk < chunkSize) return taken
  }
}

async function campaign({ database, campaignId }: Prepared) {
  return database.admin
    .selectFrom('campaigns')
    .selectAll()
    .where('id', '=', campaignId)
    .executeTakeFirstOrThrow()
}

async function recipients(prepared: Prepared): Promise<string[]> {
  const rows = await prepared.database.admin
    .selectFrom('messages')
    .select('contact_id')
    .where('campaign_id', '=', prepared.campaignId)
    .execute()
  return rows.map((row) => row.contact_id ?? '').sort()
}

test('every subscribed contact gets one message and one delivery, in chunks', async (t) => {
  const prepared = await prepare(t, 23)
  assert.deepEqual(await fanOut(prepared, 10), [10, 10, 3])
  assert.deepEqual(await recipients(prepared), [...prepared.tenant.contactIds].sort())
  assert.equal(await countRows(prepared.database.admin, 'deliveries'), 23)
  const row = await campaign(prepared)
  assert.deepEqual([row.accepted, row.fanout_completed_at?.toISOString()], [23, '2026-02-01T00:00:00.000Z'])
  assert.equal(await fanOutChunk(prepared.deps, prepared.campaignId, 10), 0)
  assert.equal(await countRows(prepared.database.admin, 'messages'), 23)
})

test('a list whose size is a multiple of the chunk ends with an empty chunk', async (t) => {
  const prepared = await prepare(t, 20)
  assert.deepEqual(await fanOut(prepared, 10), [10, 10, 0])
  assert.notEqual((await campaign(prepared)).fanout_completed_at, null)
})

test('a delivery knows its shard when the domain is routed, and waits for a route when it is not', async (t) => {
  const prepared = await prepare(t, 4, ['google.example', 'new.example'])
  await sampleRoute(prepared.database, 'google.example', 'google', 5)
  await fanOut(prepared, 10)
  const rows = await prepared.database.admin
    .selectFrom('deliveries')
    .select(['domain', 'shard', 'mode', 'attempt'])
    .orderBy('domain')
    .execute()
  assert.deepEqual(rows, [
    { domain: 'google.example', shard: 5, mode: 'sandbox', attempt: 0 },
    { domain: 'google.example', shard: 5, mode: 'sandbox', attempt: 0 },
    { domain: 'new.example', shard: null, mode: 'sandbox', attempt: 0 },
    { domain: 'new.example', shard: null, mode: 'sandbox', attempt: 0 },
  ])
})

test('a chunk that is cut off leaves nothing, and the next one nobody out', async (t) => {
  const prepared = await prepare(t, 25)
  await fanOutChunk(prepared.deps, prepared.campaignId, 10)
  const failing: Stream = { ...prepared.stream, append: async () => Promise.reject(new Error('killed')) }
  await sql`insert into suppressions (tenant_id, address_key, reason, created_at)
            select ${prepared.tenant.tenantId}, 'person' || n || '@google.example', 'manual', now() from generate_series(10, 24) n`.execute(
    prepared.database.admin,
  )
  await assert.rejects(fanOutChunk({ ...prepared.deps, stream: failing }, prepared.campaignId, 10), /killed/)
  assert.equal(await countRows(prepared.database.admin, 'messages'), 10)
  assert.equal((await campaign(prepared)).accepted, 10)
  assert.equal(await countRows(prepared.database.admin, 'campaign_tallies'), 0)
  assert.deepEqual(await fanOut(prepared, 10), [10, 5])
  assert.deepEqual(await recipients(prepared), [...prepared.tenant.contactIds].sort())
})

test('a suppressed contact gets a message that is final at once, counted and told, and no delivery', async (t) => {
  const prepared = await prepare(t, 3)
  await sql`insert into suppressions (tenant_id, address_key, reason, created_at) values (${prepared.tenant.tenantId}, 'person1@google.example', 'complaint', now())`.execute(
    prepared.database.admin,
  )
  await fanOut(prepared, 10)
  const message = await prepared.database.admin
    .selectFrom('messages')
    .selectAll()
    .where('state', '=', 'suppressed')
    .executeTakeFirstOrThrow()
  assert.equal(message.recipient, 'Person1@google.example')
  assert.equal(await countRows(prepared.database.admin, 'deliveries'), 2)
  assert.equal((await campaign(prepared)).accepted, 3)
  const tallies = await prepared.database.admin
    .selectFrom('campaign_tallies')
    .select(['provider', 'state', 'class', 'retried', 'count'])
    .execute()
  assert.deepEqual(tallies, [{ provider: '', state: 'suppressed', class: '', retried: false, count: 1 }])
  const events = await takeHistoryEvents(prepared.stream)
  assert.deepEqual(
    events.map((event) => [
      event.type,
      event.messageId,
      event.campaignId,
      event.tenantId,
      event.domain,
      event.at,
    ]),
    [
      [
        'suppressed',
        message.id,
        prepared.campaignId,
        prepared.tenant.tenantId,
        'google.example',
        '2026-02-01T00:00:00.000Z',
      ],
    ],
  )
})

test('only a suppression of this tenant, of this list or of all lists, that has not expired, keeps mail away', async (t) => {
  const prepared = await prepare(t, 6)
  const { tenantId, listId } = prepared.tenant
  const other = await sampleTenant(prepared.database)
  const suppress = async (
    person: number,
    of: { tenantId: string; listId: string | null; expiresAt?: string },
  ): Promise<void> => {
    await sql`insert into suppressions (tenant_id, address_key, list_id, reason, created_at, expires_at)
              values (${of.tenantId}, ${`person${person}@google.example`}, ${of.listId}, 'manual', ${LONG_AGO}, ${of.expiresAt ?? null})`.execute(
      prepared.database.admin,
    )
  }
  await suppress(0, { tenantId, listId })
  await suppress(1, { tenantId, listId: null })
  await suppress(2, { tenantId, listId: other.listId })
  await suppress(3, { tenantId: other.tenantId, listId: null })
  await suppress(4, { tenantId, listId: null, expiresAt: '2026-01-31T23:59:59Z' })
  await suppress(5, { tenantId, listId: null, expiresAt: '2026-02-01T00:00:01Z' })
  await fanOut(prepared, 10)
  const rows = await prepared.database.admin
    .selectFrom('messages')
    .select(['recipient', 'state'])
    .orderBy('recipient')
    .execute()
  assert.deepEqual(
    rows.map((row) => row.state),
    ['suppressed', 'suppressed', 'queued', 'queued', 'queued', 'suppressed'],
  )
})

test('who unsubscribed gets nothing, and neither does who subscribed after the start', async (t) => {
  const prepared = await prepare(t, 5)
  const [left, late] = prepared.tenant.contactIds
  await sql`update subscriptions set status = 'unsubscribed', unsubscribed_at = now() where contact_id = ${left}`.execute(
    prepared.database.admin,
  )
  await sql`update subscriptions set subscribed_at = '2026-01-02T00:00:00.001Z' where contact_id = ${late}`.execute(
    prepared.database.admin,
  )
  await fanOut(prepared, 2)
  assert.deepEqual(await recipients(prepared), prepared.tenant.contactIds.slice(2).toSorted())
})

test('a subscription without a contact does not end the fan-out before everybody has a message', async (t) => {
  const prepared = await prepare(t, 10)
  await sql`insert into subscriptions (list_id, contact_id, tenant_id, status, subscribed_at)
            values (${prepared.tenant.listId}, '00000000-0000-7000-8000-000000000000', ${prepared.tenant.tenantId}, 'subscribed', ${LONG_AGO})`.execute(
    prepared.database.admin,
  )
  await fanOut(prepared, 4)
  assert.equal((await recipients(prepared)).length, 10)
  assert.equal((await campaign(prepared)).accepted, 10)
})

test('nobody of another list or tenant is written to', async (t) => {
  const prepared = await prepare(t, 3)
  await sampleTenant(prepared.database, { contacts: 3 })
  await addContacts(prepared.database, { tenantId: prepared.tenant.tenantId, listId: randomUUID() }, 3, [
    'other.example',
  ])
  await fanOut(prepared, 10)
  assert.equal((await recipients(prepared)).length, 3)
})

test('two at once take turns: nobody is doubled and nobody left out', async (t) => {
  const prepared = await prepare(t, 60)
  const worker = async (): Promise<void> => {
    while ((await campaign(prepared)).fanout_completed_at === null)
      await fanOutChunk(prepared.deps, prepared.campaignId, 7)
  }
  await Promise.all([worker(), worker(), worker()])
  assert.deepEqual(await recipients(prepared), [...prepared.tenant.contactIds].sort())
  assert.equal((await campaign(prepared)).accepted, 60)
})

test('a long list is written in parts at the same time, and everybody gets one message', async (t) => {
  const prepared = await prepare(t, LIMITS.fanOutSplit + 1)
  const chunk = 3_000
  const worker = async (): Promise<void> => {
    while ((await campaign(prepared)).fanout_completed_at === null)
      await fanOutChunk(prepared.deps, prepared.campaignId, chunk)
  }
  await Promise.all([worker(), worker(), worker()])
  assert.deepEqual(await recipients(prepared), [...prepared.tenant.contactIds].sort())
  const row = await campaign(prepared)
  assert.deepEqual([row.accepted, row.fanout_parts_left], [LIMITS.fanOutSplit + 1, 0])
  const parts = await prepared.database.admin
    .selectFrom('campaign_parts')
    .select(['part', 'completed_at'])
    .orderBy('part')
    .execute()
  assert.deepEqual(
    parts.map((part) => [part.part, part.completed_at !== null]),
    [
      [0, true],
      [1, true],
    ],
  )
})

for (const status of ['paused', 'cancelled'] as const) {
  test(`a chunk whose campaign is ${status} before it ends is undone`, async (t) => {
    const prepared = await prepare(t, 15)
    await fanOutChunk(prepared.deps, prepared.campaignId, 10)
    await sql`insert into suppressions (tenant_id, address_key, reason, created_at)
              select ${prepared.tenant.tenantId}, 'person' || n || '@google.example', 'manual', now() from generate_series(0, 14) n`.execute(
      prepared.database.admin,
    )
    // The events of who is suppressed are the last thing before the count: a moment inside the transaction.
    const stopping: Stream = {
      ...prepared.stream,
      append: async (...event) => {
        await sql`update campaigns set status = ${status}::campaign_status`.execute(prepared.database.admin)
        return prepared.stream.append(...event)
      },
    }
    assert.equal(await fanOutChunk({ ...prepared.deps, stream: stopping }, prepared.campaignId, 10), 0)
    assert.equal(await countRows(prepared.database.admin, 'messages'), 10)
    assert.equal(await countRows(prepared.database.admin, 'campaign_tallies'), 0)
    assert.equal((await campaign(prepared)).accepted, 10)
    await sql`update campaigns set status = 'sending'`.execute(prepared.database.admin)
    await fanOut(prepared, 10)
    assert.deepEqual(await recipients(prepared), [...prepared.tenant.contactIds].sort())
  })
}

test('a second message of a campaign to a contact is impossible', async (t) => {
  const prepared = await prepare(t, 3)
  await fanOut(prepared, 10)
  await sql`update campaigns set fanout_parts_left = 1, fanout_completed_at = null`.execute(
    prepared.database.admin,
  )
  await sql`update campaign_parts set cursor = '00000000-0000-0000-0000-000000000000', completed_at = null`.execute(
    prepared.database.admin,
  )
  await assert.rejects(fanOutChunk(prepared.deps, prepared.campaignId, 10), /messages_campaign_contact/)
})

for (const status of ['draft', 'paused', 'cancelled', 'sent'] as const) {
  test(`a campaign that is ${status} makes no messages`, async (t) => {
    const prepared = await prepare(t, 3)
    await sql`update campaigns set status = ${status}::campaign_status`.execute(prepared.database.admin)
    assert.equal(await fanOutChunk(prepared.deps, prepared.campaignId, 10), 0)
    assert.equal(await countRows(prepared.database.admin, 'messages'), 0)
  })
}
