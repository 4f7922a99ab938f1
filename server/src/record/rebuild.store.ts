import type { ROLLUPS } from '#platform/analytics/migrate-analytics.ts'
import type { Analytics } from '#platform/analytics/open-analytics.ts'

/** One statement of a rebuild: a day of events, or a month of sums. */
const STATEMENT_MS = 600_000
const SLOT_SECONDS = 900
const DAY_SECONDS = 86_400
const AGAIN = '_again'

export type Rollup = (typeof ROLLUPS)[number]

/** Seconds since 1970. */
export interface Reach {
  readonly from: number
  readonly to: number
}

/**
 * What of a rollup the events that are there can tell: whole slots from the first event on, but for its own slot where the
 * rollup knows of earlier ones, since some of that slot's events may be gone. Null without events.
 */
export async function findReach(
  analytics: Analytics,
  rollup: Rollup,
  keptSince: Date,
): Promise<Reach | null> {
  const params = { since: keptSince.getTime() }
  const [events] = await analytics.query<{ n: number; first: number; last: number }>(
    `select count() as n, intDiv(toUnixTimestamp(min(timestamp)), ${SLOT_SECONDS}) * ${SLOT_SECONDS} as first, toUnixTimestamp(max(timestamp)) as last
       from email_events where timestamp >= fromUnixTimestamp64Milli({since:Int64})`,
    params,
  )
  if (events === undefined || events.n === 0) return null
  const [earlier] = await analytics.query<{ n: number }>(
    `select count() as n from ${rollup} where slot < toDateTime({first:UInt32})`,
    { first: events.first },
  )
  const from = earlier === undefined || earlier.n === 0 ? events.first : events.first + SLOT_SECONDS
  return { from, to: events.last + 1 }
}

/** Months (YYYYMM) that a rollup has sums of, or should have. */
export async function monthsOf(analytics: Analytics, rollup: Rollup, { from, to }: Reach): Promise<number[]> {
  const rows = await analytics.query<{ month: number }>(
    `select distinct month from (
       select toYYYYMM(slot) as month from ${rollup} where slot >= toDateTime({from:UInt32})
       union all select toYYYYMM(toDateTime({from:UInt32} + number * ${DAY_SECONDS}, 'UTC')) from numbers({days:UInt32})
       union all select toYYYYMM(toDateTime({to:UInt32}, 'UTC'))
     ) order by month`,
    { from, to, days: Math.ceil((to - from) / DAY_SECONDS) },
  )
  return rows.map(({ month }) => month)
}

/**
 * Makes a month of a rollup again beside it and puts it in its place at once: readers see the old sums or the new ones. What
 * lies before `from` is taken over as it is.
 */
export async function rebuildMonth(
  analytics: Analytics,
  rollup: Rollup,
  month: number,
  { from, to }: Reach,
): Promise<void> {
  const beside = rollup + AGAIN
  const command = async (sql: string, params: Record<string, number> = {}): Promise<void> =>
    analytics.command(sql, params, { timeoutMs: STATEMENT_MS })
  const select = await viewSelect(analytics, rollup)
  await command(`drop table if exists ${beside} sync`)
  await command(`create table ${beside} as ${rollup}`)
  await command(
    `insert into ${beside} select * from ${rollup} where toYYYYMM(slot) = {month:UInt32} and slot < toDateTime({from:UInt32})`,
    { month, from },
  )
  for (const day of daysOf(month, { from, to })) await command(`insert into ${beside} ${select}`, day)
  await command(`alter table ${rollup} replace partition ${month} from ${beside}`)
  await command(`drop table ${beside} sync`)
}

/** The view's own question, of a part of the events: there is one text of it. */
async function viewSelect(analytics: Analytics, rollup: Rollup): Promise<string> {
  const [row] = await analytics.query<{ as_select: string }>(
    'select as_select from system.tables where database = currentDatabase() and name = {view:String}',
    { view: `${rollup}_from_events` },
  )
  const part =
    '(select * from email_events where timestamp >= toDateTime({from:UInt32}) and timestamp < toDateTime({to:UInt32})) as email_events'
  const select = row?.as_select.replace(/(?<=\bfrom\s+)\S*\bemail_events\b`?/i, part)
  if (select === undefined || !select.includes(part)) throw new Error(`The view of ${rollup} is not there.`)
  return select
}

/** The days of a month within a reach, cut at its ends. */
export function daysOf(month: number, reach: Reach): { from: number; to: number }[] {
  const [year, index] = [Math.floor(month / 100), (month % 100) - 1]
  const begin = Math.max(reach.from, Date.UTC(year, index) / 1000)
  const end = Math.min(reach.to, Date.UTC(year, index + 1) / 1000)
  const days = []
  for (let from = begin; from < end;) {
    const to = Math.min(end, (Math.floor(from / DAY_SECONDS) + 1) * DAY_SECONDS)
    days.push({ from, to })
    from = to
  }
  return days
}

/** Tables of events, with what tells one row from another. */
const KEYS = {
  email_events: { key: 'id', within: 'id', time: 'timestamp' },
  attempts: {
    key: '(tenant_id, message_id, attempt, started_at)',
    within: '(tenant_id, message_id)',
    time: 'started_at',
  },
} as const

/** Inserts those rows of a batch that the table does not have, and that are not too old for it. Returns how many there were. */
export async function insertMissing(
  analytics: Analytics,
  table: keyof typeof KEYS,
  rows: Buffer,
  keptSince: Date,
): Promise<number> {
  if (rows.length === 0) return 0
  const { key, within, time } = KEYS[table]
  const beside = table + AGAIN
  const since = keptSince.getTime()
  await analytics.command(`drop table if exists ${beside} sync`)
  await analytics.command(`create table ${beside} as ${table}`)
  await analytics.insert(beside, rows)
  const missing = `from ${beside} where ${time} >= fromUnixTimestamp64Milli({since:Int64})
     and ${key} not in (select ${key} from ${table} where ${within} in (select ${within} from ${beside}))`
  const [counted] = await analytics.query<{ n: number }>(`select count() as n ${missing}`, { since })
  if (counted !== undefined && counted.n > 0) {
    // Who is missing was just found out: the same rows may be missing once more after a restore of a backup.
    const sql = `insert into ${table} select * ${missing} settings insert_deduplicate = 0`
    await analytics.command(sql, { since }, { timeoutMs: STATEMENT_MS })
  }
  await analytics.command(`drop table ${beside} sync`)
  return counted?.n ?? 0
}
