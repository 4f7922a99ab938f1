import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { completeCampaign } from '#campaigns/progress.ts'
import { fanOutChunk } from '#campaigns/fan-out.ts'
import { relayOutbox } from '#events/outbox.ts'
import { ANALYTICS_EVENTS, WEBHOOKS } from '#events/email-events.ts'
import type { WebhookEvent, WebhooksPayload } from '#events/webhook-events.ts'
import { countRows, testDatabase, type TestScope } from '@pigeon/server/test/database.ts'
import {
  historyEvent,
  LONG_AGO,
  sampleCampaign,
  sampleTenant,
  silentLog,
  testStream,
} from '@pigeon/server/test/factories.ts'
import { manualClock } from '@pigeon/server/test/manual-clock.ts'
import { passUnheard, tapEvents } from './tap-events.ts'

async function room(scope: TestScope) {
  const database = await testDatabase(scope)
  const stream = await testStream(scope, database)
  const tenant = await sampleTenant(database, { contacts: 1 })
  const deps = { db: database.engine, stream, clock: manualClock(), log: silentLog }
  const campaignId = await sampleCampaign(database, tenant)
  await fanOutChunk(deps, campaignId, 10)
  const message = await database.admin
    .selectFrom('messages')
    .select(['id', 'recipient', 'contact_id'])
    .executeTakeFirstOrThrow()
  const event = historyEvent({
    tenantId: tenant.tenantId,
    messageId: message.id,
    campaignId,
    contactId: message.contact_id,
  })
  return {
    database,
    stream,
    tenant,
    deps,
    campaignId,
    event,
    recipient: message.recipient,
    listen: (events: string[] | null) =>
      sql`insert into webhooks (tenant_id, url, events, secret, created_at, updated_at)
          values (${tenant.tenantId}, 'https://example.com/', ${events}, '', ${LONG_AGO}, ${LONG_AGO})`.execute(
        database.admin,
      ),
    told: async (): Promise<WebhookEvent[]> => {
      const records = await stream.read(WEBHOOKS, 'hooks', { maxRecords: 100 })
      return records.flatMap((record) => (record.payload as WebhooksPayload).events)
    },
  }
}

test('what a tenant listens for is told with the address, and nothing else is', async (t) => {
  const { deps, event, listen, told, database, campaignId, recipient } = await room(t)
  const tap = () =>
    database.engine.transaction().execute((transaction) =>
      tapEvents(
        deps,
        [
          event,
          {
            ...event,
            type: 'opened',
            attempt: 0,
            detail: { ip: '192.0.2.1', userAgent: 'Mail/1', data: { link: 2 } },
          },
          historyEvent(),
        ],
        transaction,
      ),
    )
  assert.equal(await tap(), false)
  await listen(['email.opened'])
  assert.equal(await tap(), true)
  const opened: WebhookEvent = {
    tenantId: event.tenantId,
    event: 'email.opened',
    at: event.at,
    subjectId: event.messageId,
    data: {
      message_id: event.messageId,
      campaign_id: campaignId,
      contact_id: event.contactId,
      email: recipient,
      ip_address: '192.0.2.1',
      user_agent: 'Mail/1',
      opened_at: event.at,
      link: 2,
    },
  }
  assert.deepEqual(await told(), [opened])
  await listen(null)
  await tap()
  const all = await told()
  assert.deepEqual(
    all.map(({ event }) => event),
    ['email.opened', 'email.delivered', 'email.opened'],
  )
  assert.equal(all[1]?.data['delivered_at'], event.at)
  assert.equal(all[1]?.data['reply'], '250 2.0.0 OK')
})

test('where nobody listens the group follows the history without reading, and holds back no segment', async (t) => {
  const { deps, event, stream, listen } = await room(t)
  await stream.append(ANALYTICS_EVENTS, [{ partition: 0, key: 'record', payload: { events: [event] } }])
  await stream.commit(ANALYTICS_EVENTS, 'history', [{ partition: 0, from: 0n, to: 1n }])
  assert.equal(await passUnheard(deps), true)
  assert.equal((await stream.offsets(ANALYTICS_EVENTS, 'webhooks')).get(0), 1n)
  await listen(null)
  await stream.append(ANALYTICS_EVENTS, [{ partition: 0, key: 'record', payload: { events: [event] } }])
  await stream.commit(ANALYTICS_EVENTS, 'history', [{ partition: 0, from: 1n, to: 2n }])
  assert.equal(await passUnheard(deps), false)
  assert.equal((await stream.offsets(ANALYTICS_EVENTS, 'webhooks')).get(0), 1n)
})

test('the end of a campaign and a blocked source are told through the outbox', async (t) => {
  const { deps, database, campaignId, tenant, told, listen } = await room(t)
  await sql`delete from deliveries`.execute(database.admin)
  assert.equal(await completeCampaign(deps, campaignId), true)
  assert.equal(await completeCampaign(deps, campaignId), false)
  const suspend = () =>
    sql`insert into alerts (kind, mode, provider, source_id, source, text, raised_at, updated_at)
        values ('lane_suspended', 'live', 'google', new_id(), 'out-1', '550 Blocked', ${LONG_AGO}, ${LONG_AGO})`.execute(
      database.engine,
    )
  await suspend()
  await listen(['source.blocked'])
  await suspend()
  assert.equal(await relayOutbox(deps), 2)
  const events = await told()
  const finished = events.find(({ event }) => event === 'campaign.finished')
  assert.deepEqual(finished?.data, {
    campaign_id: campaignId,
    name: 'Campaign',
    status: 'sent',
    finished_at: deps.clock.now().toISOString(),
  })
  const blocked = events.find(({ event }) => event === 'source.blocked')
  assert.deepEqual([blocked?.tenantId, blocked?.at], [tenant.tenantId, LONG_AGO.toISOString()])
  assert.equal(blocked?.data['reason'], '550 Blocked')
  assert.equal(await countRows(database.admin, 'outbox'), 0)
})
