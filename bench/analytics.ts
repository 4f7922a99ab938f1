import { startBenchPlatform, type BenchPlatform } from '@pigeon/server/test/bench-platform.ts'
import {
  appendEvents,
  CAMPAIGN_EVENTS,
  compareInserts,
  insertCampaign,
} from '@pigeon/server/test/bench-history.ts'
import { measureTree, watchMemory } from '@pigeon/server/test/process-meter.ts'
import { openAccount, type Customer } from './customer.ts'
import { mapValues, mebibytes, ratio, round, say, until } from './measure.ts'

const STREAM_EVENTS = 100_000
const STREAM_MS = 120_000
const POLL_MS = 50
const BATCHES = 20
const BATCH_ROWS = 10_000
const ASKED = 40
const DAY_MS = 86_400_000
/** The time before these is compared with, where the history has any. */
const DAYS = [7, 30, 90] as const

/** A history of 90 days: how fast it is loaded, and how soon every question of analytics is answered. */
export async function benchAnalytics({ events }: { readonly events: number }): Promise<object> {
  say('Starting the platform ...')
  const platform = await startBenchPlatform({ without: ['deliver', 'dispatch'] })
  try {
    const memory = watchMemory([platform.pid], 500)
    const customer = await openAccount(platform.url)
    const [row] = await platform.query<{ tenant_id: string }>('select tenant_id from tenants limit 1')
    const tenantId = row?.tenant_id ?? ''
    say('Inserting with and without views ...')
    const inserts = await compareInserts(platform.history, BATCHES, BATCH_ROWS)
    say('Loading through the stream ...')
    const streamRate = await loadThroughStream(platform)
    say(`Making ${events} events ...`)
    const filledAt = performance.now()
    const count = Math.ceil(events / CAMPAIGN_EVENTS)
    for (let index = 0; index < count; index++) {
      await insertCampaign(platform.history, { tenantId, index, count })
      if (index % 20 === 19) say(`  ${(index + 1) * CAMPAIGN_EVENTS}`)
    }
    const fillSeconds = (performance.now() - filledAt) / 1000
    say('Asking ...')
    const answers = await askAll(customer)
    const { peakBytes, byName } = memory.stop()
    return {
      bench: 'analytics',
      events: count * CAMPAIGN_EVENTS,
      filled_events_per_second: round((count * CAMPAIGN_EVENTS) / fillSeconds),
      inserted_rows_per_second: round(inserts.withViews),
      inserted_rows_per_second_without_views: round(inserts.plain),
      ratio_to_no_views: ratio(inserts.withViews, inserts.plain),
      stream_events_per_second: round(streamRate),
      answers_ms: answers,
      slowest_p95_ms: Math.max(...Object.values(answers).map(({ p95 }) => p95)),
      rows: await countRows(platform),
      peak_pss_mib: mebibytes(peakBytes),
      peak_pss_mib_by_process: mapValues(byName, mebibytes),
      processes: Object.keys(measureTree(platform.pid, 'supervisor')).length,
    }
  } finally {
    await platform.stop()
  }
}

async function loadThroughStream(platform: BenchPlatform): Promise<number> {
  const startedAt = performance.now()
  const tenant = await appendEvents(platform.postgres, STREAM_EVENTS)
  await until('the stream to be loaded', POLL_MS, STREAM_MS, async () => {
    const [found] = await platform.history.query<{ n: number }>(
      'select sum(delivered_count) as n from campaign_metrics where tenant_id = {tenant:UUID}',
      { tenant },
    )
    return found?.n === STREAM_EVENTS ? true : undefined
  })
  return STREAM_EVENTS / ((performance.now() - startedAt) / 1000)
}

/** Each question over a week, a month and all of it, in turns, as a person at a page of charts asks. */
async function askAll({ pigeon }: Customer): Promise<Record<string, { p50: number; p95: number }>> {
  const to = new Date().toISOString()
  const asking = {
    overview: (from: string) => pigeon.GET('/v1/analytics/overview', { params: { query: { from, to } } }),
    campaigns: (from: string) => pigeon.GET('/v1/analytics/campaigns', { params: { query: { from, to } } }),
    deliverability: (from: string) =>
      pigeon.GET('/v1/analytics/deliverability', { params: { query: { from, to } } }),
    deliverability_by_source: (from: string) =>
      pigeon.GET('/v1/analytics/deliverability', { params: { query: { from, to, group_by: 'source' } } }),
    deliverability_by_domain: (from: string) =>
      pigeon.GET('/v1/analytics/deliverability', { params: { query: { from, to, group_by: 'domain' } } }),
    deliverability_by_day: (from: string) =>
      pigeon.GET('/v1/analytics/deliverability', { params: { query: { from, to, group_by: 'day' } } }),
    geographic: (from: string) => pigeon.GET('/v1/analytics/geographic', { params: { query: { from, to } } }),
    engagement: (from: string) => pigeon.GET('/v1/analytics/engagement', { params: { query: { from, to } } }),
  }
  const answers: Record<string, { p50: number; p95: number }> = {}
  for (const [name, ask] of Object.entries(asking)) {
    const times: number[] = []
    for (let turn = 0; turn < ASKED; turn++) {
      const days = DAYS[turn % DAYS.length] ?? 7
      const startedAt = performance.now()
      const { response } = await ask(new Date(Date.parse(to) - days * DAY_MS).toISOString())
      if (!response.ok) throw new Error(`${name}: ${response.status}`)
      times.push(performance.now() - startedAt)
    }
    const sorted = times.toSorted((a, b) => a - b)
    const level = (of: number): number => round(sorted[Math.ceil(sorted.length * of) - 1] ?? 0)
    answers[name] = { p50: level(0.5), p95: level(0.95) }
  }
  return answers
}

async function countRows(platform: BenchPlatform): Promise<Record<string, number>> {
  const rows = await platform.history.query<{ name: string; n: number }>(
    "select table as name, sum(rows) as n from system.parts where active and database = currentDatabase() and table != 'migrations' group by table",
  )
  return Object.fromEntries(rows.map(({ name, n }) => [name, n]))
}
