import { randomUUID } from 'node:crypto'
import type { PoolConfig } from 'pg'
import { ANALYTICS_EVENTS, TOPICS, type HistoryEvent } from '#events/email-events.ts'
import type { Analytics } from '#platform/analytics/open-analytics.ts'
import { systemClock } from '#platform/clock.ts'
import { uuidv7 } from '#platform/ids.ts'
import { openDatabase } from '#platform/postgres/database.ts'
import { createPostgresStream } from '#platform/stream/postgres-stream.ts'
import { sampleRow } from '#analytics/analytics-test-api.ts'
import { historyEvent, silentLog } from './factories.ts'

const DAY_MS = 86_400_000
const DAYS = 90
export const CAMPAIGN_EVENTS = 100_000
const STATEMENT_MS = 120_000
const RECORD_EVENTS = 500

/**
 * Inserts one campaign's events, made inside the engine, through the table and its views: 90 days of mail are many of these.
 * Six in ten are of `tenantId`, the others of twenty more. Within a campaign most happens in the first hours.
 */
export async function insertCampaign(
  history: Analytics,
  of: { readonly tenantId: string; readonly index: number; readonly count: number },
): Promise<void> {
  const start = Date.now() - DAYS * DAY_MS + (of.index / of.count) * (DAYS - 3) * DAY_MS
  await history.command(
    `insert into email_events (tenant_id, campaign_id, contact_id, message_id, event_type, event_data, ip_address, user_agent, timestamp,
                               provider, source, domain, attempt, code, class, reply, waited_ms, is_machine, country, client, os, device)
     select if(number % 10 < 6, {tenant:UUID}, reinterpretAsUUID(toUInt128(number % 20 + 1))), {campaign:UUID}, generateUUIDv4(), generateUUIDv4(),
            transform(sipHash64(number, 1) % 100 as kind,
              range(100), arrayConcat(arrayWithConstant(55, 'delivered'), arrayWithConstant(12, 'deferred'), arrayWithConstant(3, 'bounced'),
              arrayWithConstant(24, 'opened'), arrayWithConstant(4, 'clicked'), ['complained', 'unsubscribed']), 'delivered') as type,
            '{}', toIPv6('192.0.2.1'), if(kind >= 70, 'Mozilla/5.0', ''),
            fromUnixTimestamp64Milli({start:Int64} + toInt64(pow(sipHash64(number, 2) % 100000 / 100000, 3) * 172800000), 'UTC'),
            ['google', 'microsoft', 'yahoo', 'apple', 'gmx', 'web', 'orange', 'libero', 'comcast', 'zoho', 'proton', 'mail'][1 + toUInt32(pow(sipHash64(number, 3) % 1000 / 1000, 2) * 12) % 12],
            concat('192.0.2.', toString(sipHash64(number, 4) % 16)), concat('d', toString(toUInt32(pow(sipHash64(number, 5) % 100000 / 100000, 4) * 5000)), '.example'),
            1, if(type = 'bounced', 550, 250), if(type = 'bounced', ['unknown_user', 'mailbox_full', 'spam', 'policy'][1 + sipHash64(number, 6) % 4], ''), '250 2.0.0 OK',
            if(type = 'delivered', 500 + toUInt64(exp(sipHash64(number, 7) % 1000 / 100)), 0), type in ('opened', 'clicked') and number % 3 = 0,
            if(kind >= 70, ['DE', 'FR', 'US', 'GB', 'IT', 'ES', 'PL', 'NL', 'AT', 'CH'][1 + sipHash64(number, 8) % 10], ''),
            if(kind >= 70, ['Gmail', 'Apple Mail', 'Outlook', 'Chrome', 'Firefox'][1 + sipHash64(number, 9) % 5], ''),
            if(kind >= 70, ['iOS', 'Windows', 'macOS', 'Android'][1 + sipHash64(number, 10) % 4], ''), if(kind >= 70, ['mobile', 'desktop', 'proxy'][1 + sipHash64(number, 11) % 3], '')
       from numbers({from:UInt64}, {rows:UInt64})`,
    {
      tenant: of.tenantId,
      campaign: uuidv7(start),
      start: Math.floor(start),
      from: of.index * CAMPAIGN_EVENTS,
      rows: CAMPAIGN_EVENTS,
    },
    { timeoutMs: STATEMENT_MS },
  )
}

/** Rows a second of batches as the loader inserts them, into the table with its views and into one without any, in turns. */
export async function compareInserts(
  history: Analytics,
  batches: number,
  batchRows: number,
): Promise<{ readonly withViews: number; readonly plain: number }> {
  await history.command('create table if not exists email_events_plain as email_events')
  const ms = { email_events: 0, email_events_plain: 0 }
  const tenantId = randomUUID()
  for (let batch = 0; batch < batches; batch++) {
    const at = new Date(Date.now() - batch * 60_000).toISOString()
    const rows = Array.from({ length: batchRows }, (_, n) =>
      sampleRow(tenantId, at, { domain: `d${n % 500}.example` }),
    )
    const bytes = Buffer.from(rows.map((row) => JSON.stringify(row)).join('\n'))
    for (const table of ['email_events', 'email_events_plain'] as const) {
      const startedAt = performance.now()
      await history.insert(table, bytes, { token: `${tenantId}/${batch}` })
      ms[table] += performance.now() - startedAt
    }
  }
  await history.command('drop table email_events_plain sync')
  const rate = (of: number): number => (batches * batchRows) / (of / 1000)
  return { withViews: rate(ms.email_events), plain: rate(ms.email_events_plain) }
}

/** Appends events to the stream, as record does, and gives their tenant: they are in the history when that counts them. */
export async function appendEvents(connection: PoolConfig, count: number): Promise<string> {
  const db = openDatabase({
    connection,
    maxConnections: 2,
    applicationName: 'bench',
    statementTimeoutMs: STATEMENT_MS,
  })
  const stream = await createPostgresStream({
    db,
    connection,
    topics: TOPICS,
    clock: systemClock,
    log: silentLog,
  })
  const tenantId = randomUUID()
  try {
    for (let made = 0; made < count; made += RECORD_EVENTS) {
      const events: HistoryEvent[] = Array.from({ length: Math.min(RECORD_EVENTS, count - made) }, () =>
        historyEvent({ tenantId, messageId: uuidv7(), at: new Date().toISOString() }),
      )
      await stream.append(ANALYTICS_EVENTS, [{ partition: 0, key: 'bench', payload: { events } }])
    }
  } finally {
    await stream.close()
    await db.destroy()
  }
  return tenantId
}
