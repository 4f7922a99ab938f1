import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { claimAndAppend } from '#dispatch/claim.ts'
import { countRows } from '@pigeon/server/test/database.ts'
import { sampleQueue, sampleTenant, takeHistoryEvents } from '@pigeon/server/test/factories.ts'
import { NOBODY, operationApi } from '@pigeon/server/test/operation-api.ts'

const GOOGLE = { mode: 'sandbox', provider: 'google' } as const
const LIFETIMES = { bulkMs: 259_200_000, transactionalMs: 86_400_000, sandboxMs: 30_000 }

test('what waits is counted by provider and age, and what is in hand is not among it', async (t) => {
  const { call, engine, tenant, campaignId, database, clock } = await operationApi(t, 9)
  await sql`
    update deliveries set claimed_epoch = 1 where message_id = (select message_id from deliveries where domain = 'google.example' limit 1)`.execute(
    database.admin,
  )
  const times = [-7_200_000, -120_000, -1_000, 60_000].map((ms) => new Date(clock.now().getTime() + ms))
  await sql`
    update deliveries d set due_at = (${times}::timestamptz[])[n]
      from (select message_id, row_number() over () as n from deliveries where domain = 'google.example' and claimed_epoch is null) w
     where w.message_id = d.message_id`.execute(database.admin)
  const { body } = await call('GET', '/v1/queue')
  assert.deepEqual(body.data, [
    {
      ...GOOGLE,
      stopped: false,
      waiting: { count: 4, or_more: false },
      later: 1,
      due_under_a_minute: 1,
      due_under_an_hour: 1,
      due_longer: 1,
      oldest_due_at: times[0]?.toISOString(),
    },
    {
      mode: 'sandbox',
      provider: 'yahoo',
      stopped: false,
      waiting: { count: 4, or_more: false },
      later: 0,
      due_under_a_minute: 4,
      due_under_an_hour: 0,
      due_longer: 0,
      oldest_due_at: clock.now().toISOString(),
    },
  ])
  const first = await call('GET', '/v1/queue?limit=1')
  const next = await call('GET', `/v1/queue?limit=1&cursor=${first.body.next_cursor}`)
  assert.deepEqual([first.body.data, next.body.data].flat(), body.data)
  await claimAndAppend(engine, [sampleQueue(tenant.tenantId, campaignId)], LIFETIMES)
  const left = await call('GET', '/v1/queue')
  assert.deepEqual(
    left.body.data.map((each) => each['provider']),
    ['google'],
  )
})

test('campaigns are those of the own tenant, with what is in flight and what waits', async (t) => {
  const { call, campaignId, member, request, database } = await operationApi(t, 4)
  const { body } = await call('GET', '/v1/queue/campaigns')
  const [campaign] = body.data
  assert.deepEqual(
    [campaign?.id, campaign?.['accepted'], campaign?.['in_flight'], campaign?.['waiting']],
    [campaignId, 4, 4, { count: 4, or_more: false }],
  )
  const other = await sampleTenant(database)
  const { token } = await member(other.tenantId, 'owner')
  assert.deepEqual((await request(token, 'GET', '/v1/queue/campaigns')).body.data, [])
  const theirs = await request(token, 'POST', '/v1/queue/flush', { campaign_id: campaignId })
  assert.equal(theirs.status, 404)
})

test('a flush tries now what waits for its next try, of the provider, the campaign or both', async (t) => {
  const { call, carryOut, campaignId, database, clock } = await operationApi(t, 8)
  const later = new Date(clock.now().getTime() + 3_600_000)
  const expires = new Date(clock.now().getTime() + 7_200_000)
  const postpone = () =>
    sql`update deliveries set due_at = ${later}, attempt = 2, expires_at = ${expires}`.execute(database.admin)
  const due = async (): Promise<string[]> => {
    const rows = await database.admin
      .selectFrom('deliveries')
      .select('domain')
      .where('due_at', '<=', clock.now())
      .orderBy('domain')
      .execute()
    return rows.map((row) => row.domain)
  }
  const google = Array.from({ length: 4 }, () => 'google.example')
  const yahoo = Array.from({ length: 4 }, () => 'yahoo.example')
  for (const [target, expected] of [
    [GOOGLE, google],
    [{ campaign_id: campaignId }, [...google, ...yahoo]],
    [{ ...GOOGLE, campaign_id: campaignId }, google],
  ] as const) {
    await postpone()
    const ordered = await call('POST', '/v1/queue/flush', target)
    assert.deepEqual([ordered.status, ordered.body['done'], ordered.body['completed_at']], [202, 0, null])
    await carryOut()
    assert.deepEqual(await due(), expected)
    const done = await call('GET', `/v1/queue/orders/${ordered.body.id}`)
    assert.deepEqual(
      [done.body['done'], done.body['completed_at']],
      [expected.length, clock.now().toISOString()],
    )
  }
  const rows = await database.admin.selectFrom('deliveries').select('expires_at').distinct().execute()
  assert.deepEqual(rows, [{ expires_at: expires }], 'a life that has begun goes on')
})

test('a purge counts first, and cancels only when it is confirmed by the name', async (t) => {
  const { call, carryOut, database, campaignId, stream } = await operationApi(t, 6)
  await sql`
    update deliveries set claimed_epoch = 1 where message_id = (select message_id from deliveries where domain = 'google.example' limit 1)`.execute(
    database.admin,
  )
  const preview = await call('POST', '/v1/queue/purge', GOOGLE)
  assert.deepEqual(preview.body, { waiting: { count: 2, or_more: false }, confirm: 'google', order: null })
  const wrong = await call('POST', '/v1/queue/purge', { ...GOOGLE, confirm: 'yahoo' })
  assert.deepEqual([wrong.status, wrong.body.code], [409, 'queue.not_confirmed'])
  await carryOut()
  assert.equal(await countRows(database.admin, 'deliveries'), 6)
  const ordered = await call('POST', '/v1/queue/purge', { ...GOOGLE, confirm: 'google' })
  assert.equal(ordered.status, 200)
  await carryOut()
  assert.equal(await countRows(database.admin, 'deliveries'), 4)
  const messages = await database.admin
    .selectFrom('messages')
    .select('id')
    .where('state', '=', 'cancelled')
    .execute()
  const tallies = await database.admin
    .selectFrom('campaign_tallies')
    .select(['campaign_id', 'state', 'count'])
    .execute()
  assert.deepEqual(tallies, [{ campaign_id: campaignId, state: 'cancelled', count: 2 }])
  const events = await takeHistoryEvents(stream)
  assert.deepEqual(
    events.map((event) => `${event.type} ${event.messageId} ${event.campaignId}`).sort(),
    messages.map(({ id }) => `cancelled ${id} ${campaignId}`).sort(),
  )
  const named = await call('POST', '/v1/queue/purge', { campaign_id: campaignId })
  assert.deepEqual(named.body, { waiting: { count: 3, or_more: false }, confirm: 'Campaign', order: null })
})

test('a retry is of a campaign that has begun and was not cancelled, of all it went to or of one provider', async (t) => {
  const { call, carryOut, campaignId, database } = await operationApi(t, 4)
  await sql`update messages set state = 'failed', class = 'expired', attempts = 3`.execute(database.admin)
  await sql`update messages m set provider = d.provider from deliveries w join destinations d on d.id = w.destination where w.message_id = m.id`.execute(
    database.admin,
  )
  await sql`delete from deliveries`.execute(database.admin)
  await sql`
    insert into campaign_tallies (campaign_id, tenant_id, provider, state, class, retried, count, first_at, last_at)
    select campaign_id, tenant_id, provider, state, class, true, count(*), now(), now() from messages group by 1, 2, 3, 4, 5`.execute(
    database.admin,
  )
  const setStatus = (status: string) =>
    sql`update campaigns set status = ${status}::campaign_status`.execute(database.admin)
  for (const [status, code] of [
    ['draft', 'queue.campaign_not_begun'],
    ['cancelled', 'queue.campaign_cancelled'],
  ] as const) {
    await setStatus(status)
    const refused = await call('POST', '/v1/queue/retry', { campaign_id: campaignId })
    assert.deepEqual([refused.status, refused.body.code], [409, code])
  }
  await setStatus('sent')
  const one = await call('POST', '/v1/queue/retry', { ...GOOGLE, campaign_id: campaignId })
  assert.deepEqual([one.status, one.body['action'], one.body['provider']], [202, 'retry', 'google'])
  await carryOut()
  const waiting = () => database.admin.selectFrom('deliveries').select(['domain', 'attempt']).execute()
  const google = { domain: 'google.example', attempt: 3 }
  assert.deepEqual(await waiting(), [google, google])
  await call('POST', '/v1/queue/retry', { campaign_id: campaignId })
  await carryOut()
  assert.equal((await waiting()).length, 4)
  const done = await call('GET', `/v1/queue/orders/${one.body.id}`)
  assert.equal(done.body['done'], 2)
  assert.notEqual(done.body['completed_at'], null)
  const metrics = await database.admin.selectFrom('campaigns').select('status').executeTakeFirstOrThrow()
  assert.equal(metrics.status, 'sending')
  assert.equal((await call('POST', '/v1/queue/retry', {})).status, 422)
  assert.equal((await call('POST', '/v1/queue/retry', { campaign_id: NOBODY })).status, 404)
})

test('an order about nothing, or about what is not there, is refused', async (t) => {
  const { call, campaignId } = await operationApi(t)
  for (const action of ['flush', 'purge']) {
    const url = `/v1/queue/${action}`
    for (const body of [{}, { provider: 'google' }, { mode: 'sandbox' }]) {
      const reply = await call('POST', url, body)
      assert.deepEqual([reply.status, reply.body.code], [422, 'queue.no_target'])
    }
    const provider = await call('POST', url, { ...GOOGLE, provider: 'googel', campaign_id: campaignId })
    assert.deepEqual([provider.status, provider.body.code], [404, 'queue.no_such_provider'])
    assert.equal((await call('POST', url, { campaign_id: NOBODY })).status, 404)
  }
  assert.equal((await call('GET', `/v1/queue/orders/${NOBODY}`)).body.code, 'queue.no_such_order')
})

test('an order in the table that is about nothing does nothing', async (t) => {
  const { carryOut, database, tenant, clock } = await operationApi(t, 2)
  await sql`
    insert into queue_orders (tenant_id, action, created_at) values (${tenant.tenantId}, 'purge', ${clock.now()})`.execute(
    database.admin,
  )
  await carryOut()
  assert.equal(await countRows(database.admin, 'deliveries'), 2)
})

test('only owners see and order what waits', async (t) => {
  const { member, tenant, request } = await operationApi(t)
  const { token } = await member(tenant.tenantId, 'admin')
  assert.equal((await request(token, 'GET', '/v1/queue')).status, 403)
  assert.equal((await request(token, 'POST', '/v1/queue/purge', GOOGLE)).status, 403)
})
