import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import {
  ANALYTICS_EVENTS,
  EMAIL_SEND,
  TOPICS,
  type AnalyticsPayload,
  type EmailEventsPayload,
  type HistoryEvent,
  type OutcomeEvent,
  type OutcomeType,
  type SendBatch,
  type SendJob,
} from '#events/email-events.ts'
import type { SendQueue } from '#dispatch/claim.ts'
import { systemClock, type Clock } from '#platform/clock.ts'
import { createLog } from '#platform/log.ts'
import type { Database } from '#platform/postgres/database.ts'
import { movesPast } from '#platform/stream/consume.ts'
import { createPostgresStream } from '#platform/stream/postgres-stream.ts'
import type { Stream } from '#platform/stream/stream.ts'
import { recordEvents } from '#record/record-events.ts'
import type { TestDatabase, TestScope } from './database.ts'

export const silentLog = createLog({ level: 'silent', role: 'test' })

/** The stream with the topics of the product, on a test's own database. */
export async function testStream(scope: TestScope, database: TestDatabase): Promise<Stream> {
  const stream = await createPostgresStream({
    db: database.engine,
    connection: database.connections.engine,
    topics: TOPICS,
    clock: systemClock,
    log: silentLog,
  })
  scope.after(async () => stream.close())
  return stream
}

/** When everything that factories make was made. */
export const LONG_AGO = new Date('2026-01-01T00:00:00Z')

export interface SampleTenant {
  readonly tenantId: string
  readonly listId: string
  readonly templateId: string
  readonly contactIds: readonly string[]
}

/** A tenant with a list of subscribed contacts (`person0@google.example`, …) and a template. */
export async function sampleTenant(
  database: TestDatabase,
  options: { contacts?: number; domains?: readonly string[] } = {},
): Promise<SampleTenant> {
  const [tenantId, listId, templateId] = [randomUUID(), randomUUID(), randomUUID()]
  const { admin } = database
  await sql`insert into tenants (tenant_id, name, created_at, updated_at) values (${tenantId}, 'Tenant', ${LONG_AGO}, ${LONG_AGO})`.execute(
    admin,
  )
  await sql`insert into lists (id, tenant_id, name, created_at, updated_at) values (${listId}, ${tenantId}, 'List', ${LONG_AGO}, ${LONG_AGO})`.execute(
    admin,
  )
  await sql`
    insert into templates (id, tenant_id, name, version, created_at, updated_at)
    values (${templateId}, ${tenantId}, 'Template', 1, ${LONG_AGO}, ${LONG_AGO})`.execute(admin)
  await sql`
    insert into template_versions (template_id, version, tenant_id, subject, html, compiled, created_at)
    values (${templateId}, 1, ${tenantId}, 'Hello', '<p>Hello</p>', '{}', ${LONG_AGO})`.execute(admin)
  const contactIds = await addContacts(
    database,
    { tenantId, listId },
    options.contacts ?? 0,
    options.domains ?? ['google.example'],
  )
  return { tenantId, listId, templateId, contactIds }
}

/** Subscribed contacts, spread over the domains in turns; the ids come in the order of fan-out. */
export async function addContacts(
  database: TestDatabase,
  of: { tenantId: string; listId: string },
  count: number,
  domains: readonly string[],
): Promise<string[]> {
  if (count === 0) return []
  const made = await sql<{ id: string }>`
    with made as (
      insert into contacts (tenant_id, email, email_key, first_name, attributes, created_at, updated_at)
      select ${of.tenantId}, 'Person' || n || '@' || d.name, 'person' || n || '@' || d.name, 'Person', jsonb_build_object('n', n), ${LONG_AGO}, ${LONG_AGO}
        from generate_series(0, ${count - 1}::int) n, (select ${[...domains]}::text[] as names) a, lateral (select a.names[n % ${domains.length} + 1] as name) d
      returning id
    ), subscribed as (
      insert into subscriptions (list_id, contact_id, tenant_id, status, subscribed_at)
      select ${of.listId}, id, ${of.tenantId}, 'subscribed', ${LONG_AGO} from made
    )
    select id from made order by id`.execute(database.admin)
  return made.rows.map((row) => row.id)
}

export interface CampaignOptions {
  readonly status?: 'draft' | 'scheduled' | 'sending' | 'paused' | 'sent' | 'cancelled'
  readonly startedAt?: Date
  readonly scheduledAt?: Date
}

/** A campaign of the tenant's list and template, `sending` unless said otherwise. Returns its id. */
export async function sampleCampaign(
  database: TestDatabase,
  tenant: SampleTenant,
  options: CampaignOptions = {},
): Promise<string> {
  const status = options.status ?? 'sending'
  const isStarted = status !== 'draft' && status !== 'scheduled'
  const made = await sql<{ id: string }>`
    insert into campaigns (tenant_id, name, status, list_id, template_id, template_version, from_email, mode, started_at, scheduled_at, created_at, updated_at)
    values (${tenant.tenantId}, 'Campaign', ${status}::campaign_status, ${tenant.listId}, ${tenant.templateId}, ${isStarted ? 1 : null},
            'news@sender.example', ${isStarted ? 'sandbox' : null}, ${isStarted ? (options.startedAt ?? new Date('2026-01-02T00:00:00Z')) : null},
            ${options.scheduledAt ?? null}, ${LONG_AGO}, ${LONG_AGO})
    returning id`.execute(database.admin)
  return made.rows[0]?.id ?? ''
}

const MANY_CREDITS = 1_000_000

/** A shard that somebody owns until 2030, with credits. */
export async function sampleShard(
  database: TestDatabase,
  id: number,
  options: { epoch?: number; credits?: number } = {},
): Promise<void> {
  const epoch = options.epoch ?? 1
  await sql`
    insert into shards (id, owner, epoch, lease_until) values (${id}, 'test', ${epoch}, '2030-01-01T00:00:00Z')
    on conflict (id) do update set epoch = excluded.epoch, lease_until = excluded.lease_until`.execute(
    database.admin,
  )
  await sql`
    update destinations set epoch = ${epoch}, allowed_total = ${options.credits ?? MANY_CREDITS}, claimed_total = 0
     where shard = ${id}`.execute(database.admin)
}

/** Says that these domains are received by `provider`, which belongs to `shard`. */
export async function sampleRoute(
  database: TestDatabase,
  domain: string,
  provider: string,
  shard: number,
): Promise<void> {
  await sql`
    insert into destinations (mode, provider, shard, first_seen_at, epoch, allowed_total)
    values ('sandbox', ${provider}, ${shard}, ${LONG_AGO}, coalesce((select epoch from shards where id = ${shard}), 1), ${MANY_CREDITS})
    on conflict do nothing`.execute(database.admin)
  await sql`
    insert into routes (mode, domain, provider, shard, destination, resolved_at, expires_at)
    select 'sandbox', ${domain}, ${provider}, shard, id, ${LONG_AGO}, '2030-01-01T00:00:00Z'
      from destinations where mode = 'sandbox' and provider = ${provider}`.execute(database.admin)
}

/** How delivery would say that the attempt of a job ended. */
export function outcomeOf(
  job: SendJob,
  type: OutcomeType,
  at: Date,
  more: Partial<OutcomeEvent> = {},
): OutcomeEvent {
  const { messageId, tenantId, campaignId, contactId, attempt, claimedAt, domain, provider } = job
  const reply = REPLIES[type]
  return {
    type,
    messageId,
    tenantId,
    campaignId,
    contactId,
    attempt,
    claimedAt,
    domain,
    provider,
    source: '192.0.2.1',
    startedAt: at.toISOString(),
    at: at.toISOString(),
    code: Number(reply.slice(0, 3)),
    enhanced: reply.split(' ')[1] ?? null,
    class: type === 'bounced' ? 'unknown_user' : type === 'deferred' ? 'greylisted' : null,
    reply,
    retryAt: type === 'deferred' ? new Date(at.getTime() + 1000).toISOString() : null,
    inDoubt: false,
    mxHost: `mx.${domain}`,
    mxAddress: '192.0.2.25',
    isTls: true,
    transcript: `C: RCPT TO:<someone@${domain}>\nS: ${reply}\n`,
    ...more,
  }
}

const REPLIES: Readonly<Record<OutcomeType, string>> = {
  delivered: '250 2.0.0 OK',
  sent: '250 2.0.0 Queued',
  deferred: '450 4.2.0 Try again later',
  bounced: '550 5.1.1 No such user',
  failed: '451 4.4.7 Given up',
  suppressed: '550 5.7.1 Suppressed',
  returned: '421 4.3.2 Not now',
}

/** An event as record tells it the history. */
export function historyEvent(more: Partial<HistoryEvent> = {}): HistoryEvent {
  return {
    type: 'delivered',
    messageId: randomUUID(),
    tenantId: randomUUID(),
    campaignId: randomUUID(),
    contactId: randomUUID(),
    at: '2026-11-01T10:00:00.123Z',
    attempt: 1,
    domain: 'google.example',
    provider: 'google',
    source: '192.0.2.1',
    code: 250,
    enhanced: '2.0.0',
    class: null,
    reply: '250 2.0.0 OK',
    inDoubt: false,
    session: {
      startedAt: '2026-11-01T10:00:00.001Z',
      mxHost: 'mx.google.example',
      mxAddress: '192.0.2.25',
      isTls: true,
      transcript: 'S: 250 OK\n',
    },
    ...more,
  }
}

/** Takes the jobs that dispatch has handed over, as delivery does. */
export async function takeJobs(stream: Stream): Promise<SendJob[]> {
  const batches = await takeAll<SendBatch>(stream, EMAIL_SEND, 'deliver')
  return batches.flatMap((batch) => batch.jobs)
}

/** Takes the batches that dispatch has handed over, with shard and epoch. */
export async function takeBatches(stream: Stream): Promise<SendBatch[]> {
  return takeAll<SendBatch>(stream, EMAIL_SEND, 'deliver')
}

/** Takes what is waiting for the history. */
export async function takeHistoryEvents(stream: Stream): Promise<HistoryEvent[]> {
  return (await takeAll<AnalyticsPayload>(stream, ANALYTICS_EVENTS, 'history')).flatMap(
    (payload) => payload.events,
  )
}

/** Everything after the group's offsets; the topics' payloads are of these types. */
async function takeAll<Payload>(stream: Stream, topic: string, group: string): Promise<Payload[]> {
  const records = await stream.read(topic, group, { maxRecords: 10_000 })
  const offsets = await stream.offsets(topic, group)
  await stream.commit(topic, group, movesPast(records, offsets))
  return records.map((record) => record.payload as Payload)
}

/** Has record apply outcomes of a shard, in a transaction of their own. */
export async function recordOutcomes(
  deps: { engine: Database; stream: Stream; clock?: Clock },
  shard: number,
  epoch: number,
  events: readonly OutcomeEvent[],
): Promise<void> {
  await recordPayloads(deps, [{ kind: 'outcomes', shard, epoch, events }])
}

export async function recordPayloads(
  deps: { engine: Database; stream: Stream; clock?: Clock },
  payloads: readonly EmailEventsPayload[],
): Promise<void> {
  const { engine, stream, clock = systemClock } = deps
  await engine
    .transaction()
    .execute(async (transaction) => recordEvents({ stream, clock, log: silentLog }, payloads, transaction))
}

/** A sandbox campaign as dispatch sees it. */
export function sampleQueue(tenantId: string, campaignId: string): SendQueue {
  return { id: campaignId, tenantId, messageClass: 'bulk', mode: 'sandbox' }
}
