import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Problem } from '#platform/problem.ts'
import type { Analytics } from './open-analytics.ts'

const MIGRATIONS = fileURLToPath(new URL('../../../migrations/clickhouse', import.meta.url))
/** Sums by quarter of an hour, each filled by the view `<name>_from_events`. */
export const ROLLUPS = ['campaign_metrics', 'deliverability_metrics', 'audience_metrics'] as const
const FILE_NAME = /^\d{4}_[a-z0-9_]+\.sql$/

export interface MigrateAnalytics {
  /** How long events, attempts and rollups are kept. */
  readonly eventDays: number
  readonly attemptDays: number
  readonly rollupMonths: number
  readonly directory?: string
}

/**
 * Brings the history's tables up to date; returns the files that were applied. Forward only: a file that was applied and
 * changed since is refused with Problem('conflict', 'analytics.migration_changed'). Two processes may do this at once, because
 * every statement of a migration may run twice.
 */
export async function migrateAnalytics(
  deps: { analytics: Analytics },
  options: MigrateAnalytics,
): Promise<string[]> {
  const { analytics } = deps
  await analytics.command(
    `create table if not exists migrations (name String, hash String, applied_at DateTime64(3, 'UTC') default now64(3))
     engine = MergeTree order by name settings fsync_after_insert = 1, fsync_part_directory = 1`,
  )
  const applied = await appliedMigrations(analytics)
  const done: string[] = []
  for (const { name, text } of await migrationFiles(options.directory ?? MIGRATIONS)) {
    const hash = createHash('sha256').update(text).digest('hex')
    const before = applied.get(name)
    if (before === hash) continue
    if (before !== undefined) throw changed(name)
    for (const statement of statementsOf(text)) await analytics.command(statement)
    await analytics.insert('migrations', [{ name, hash }])
    done.push(name)
  }
  await keepFor(analytics, 'email_events', 'toDateTime(timestamp)', { days: options.eventDays })
  await keepFor(analytics, 'attempts', 'toDateTime(started_at)', { days: options.attemptDays })
  for (const rollup of ROLLUPS) await keepFor(analytics, rollup, 'slot', { months: options.rollupMonths })
  return done
}

async function appliedMigrations(analytics: Analytics): Promise<Map<string, string>> {
  const rows = await analytics.query<{ name: string; hash: string }>(
    'select distinct name, hash from migrations',
  )
  return new Map(rows.map(({ name, hash }) => [name, hash]))
}

async function migrationFiles(directory: string): Promise<{ name: string; text: string }[]> {
  const names = (await readdir(directory)).filter((name) => FILE_NAME.test(name)).sort()
  return Promise.all(
    names.map(async (name) => ({ name, text: await readFile(join(directory, name), 'utf8') })),
  )
}

function changed(name: string): Problem {
  return new Problem(
    'conflict',
    'analytics.migration_changed',
    `The migration ${name} of the history was applied before, with another content. Use the Pigeon that applied it, or a newer one.`,
  )
}

/** A statement ends with a semicolon at the end of a line; comments on lines of their own are left out. */
export function statementsOf(text: string): string[] {
  const withoutComments = text.replaceAll(/^\s*--.*$/gm, '')
  return withoutComments
    .split(/;[ \t]*(?:\r?\n|$)/)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '')
}

/** Changes the time to live when the setting did; parts that are too old go with the next merge. */
async function keepFor(
  analytics: Analytics,
  table: string,
  from: string,
  time: { readonly days: number } | { readonly months: number },
): Promise<void> {
  const [row] = await analytics.query<{ engine_full: string }>(
    'select engine_full from system.tables where database = currentDatabase() and name = {table:String}',
    { table },
  )
  const [unit, count] = 'days' in time ? ['Day', time.days] : ['Month', time.months]
  const interval = `toInterval${unit}(${count})`
  if (row === undefined || row.engine_full.includes(interval)) return
  if (!Number.isInteger(count) || count < 1)
    throw new TypeError(`${count} is not a number of days or months.`)
  await analytics.command(`alter table ${table} modify ttl ${from} + ${interval}`)
}
