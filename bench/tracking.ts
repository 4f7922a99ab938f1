import { linkToken, trackingToken } from '@pigeon/mail/tracking-token.ts'
import { startBenchPlatform, type BenchPlatform } from '@pigeon/server/test/bench-platform.ts'
import { loadHttp, startRawRedirect, type LoadResult } from '@pigeon/server/test/http-load.ts'
import { trackingKeyOf } from '@pigeon/server/test/tracking-key.ts'
import { randomBytes, randomUUID } from 'node:crypto'
import { ratio, round, say, until } from './measure.ts'

const WARM_UP = 5_000
const MESSAGES = 10_000
const LINKS = 10
const RECORD_MS = 30_000
const POLL_MS = 200

export interface TrackingOptions {
  readonly clicks: number
  readonly connections: number
}

/** Clicks through the process that serves API and public pages, until every one of them is in the stream. */
export async function benchTracking({ clicks, connections }: TrackingOptions): Promise<object> {
  say('Starting the platform ...')
  const masterKey = randomBytes(32).toString('base64')
  // What is told stays in the stream when nobody reads it: there it is counted.
  const platform = await startBenchPlatform({
    settings: { PIGEON_KEY: masterKey },
    without: ['deliver', 'dispatch', 'record', 'windtunnel'],
  })
  try {
    const durability = await platform.durability()
    const paths = await links(masterKey)
    const order = { port: Number(new URL(platform.url).port), paths, connections }
    say('Warming up ...')
    await loadHttp({ ...order, requests: WARM_UP })
    say(`${clicks} clicks over ${connections} connections ...`)
    const found = await loadHttp({ ...order, requests: clicks })
    const answered = WARM_UP + (found.statuses['302'] ?? 0)
    const waitedFrom = performance.now()
    const { events, ids } = await allRecorded(platform, answered)
    const recordedAfter = (performance.now() - waitedFrom) / 1000
    say('The same by the framework alone ...')
    const raw = await redirectRaw(paths, clicks, connections)
    return {
      bench: 'tracking',
      clicks,
      connections,
      redirects_per_second: rateOf(found),
      p50_ms: round(found.p50Ms, 2),
      p99_ms: round(found.p99Ms, 2),
      max_ms: round(found.maxMs, 2),
      statuses: found.statuses,
      answered,
      recorded: events,
      recorded_ids: ids,
      all_recorded: events === answered && ids === answered,
      recorded_after_seconds: round(recordedAfter, 2),
      raw_redirects_per_second: rateOf(raw),
      raw_p99_ms: round(raw.p99Ms, 2),
      ratio_to_raw: ratio(rateOf(found), rateOf(raw)),
      postgres: durability,
    }
  } finally {
    await platform.stop()
  }
}

async function redirectRaw(
  paths: readonly string[],
  requests: number,
  connections: number,
): Promise<LoadResult> {
  const server = await startRawRedirect()
  try {
    const order = { port: server.port, paths, connections }
    await loadHttp({ ...order, requests: WARM_UP })
    return await loadHttp({ ...order, requests })
  } finally {
    server.stop()
  }
}

/** Links of many messages of one campaign. */
async function links(masterKey: string): Promise<string[]> {
  const key = await trackingKeyOf(masterKey)
  const [tenantId, campaignId] = [randomUUID(), randomUUID()]
  const sentAtSeconds = Math.floor(Date.now() / 1000) - 3_600
  const ends = Array.from({ length: LINKS }, (_, index) =>
    linkToken(
      key,
      { tenantId, campaignId },
      { index, url: `https://shop.example/offers/${index}?from=mail` },
    ),
  )
  return Array.from({ length: MESSAGES }, (_, index) => {
    const message = trackingToken(key, { tenantId, campaignId, messageId: randomUUID(), sentAtSeconds })
    return `/c/${message}/${ends[index % LINKS]}`
  })
}

async function allRecorded(
  platform: BenchPlatform,
  answered: number,
): Promise<{ events: number; ids: number }> {
  let last = { events: 0, ids: 0 }
  const count = async () => {
    const [row] = await platform.query<{ events: string; ids: string }>(
      `select count(*) as events, count(distinct event ->> 'id') as ids
         from stream_records, jsonb_array_elements(payload::jsonb -> 'events') as event
        where topic = 'email.feedback'`,
    )
    last = { events: Number(row?.events), ids: Number(row?.ids) }
    return last.events >= answered ? last : undefined
  }
  // What is missing at the deadline is the result, not an error.
  return until('every click in the stream', POLL_MS, RECORD_MS, count).catch(() => last)
}

function rateOf({ statuses, seconds }: LoadResult): number {
  return round((statuses['302'] ?? 0) / seconds)
}
