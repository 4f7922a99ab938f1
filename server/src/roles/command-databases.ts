import { stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { openHistoryReaders } from '#analytics/history-readers.ts'
import type { Config } from '#config/sections.ts'
import { migrateAnalytics } from '#platform/analytics/migrate-analytics.ts'
import { openAnalytics } from '#platform/analytics/open-analytics.ts'
import { analyticsSocketPath, startEmbeddedAnalytics } from '#platform/analytics/start-analytics.ts'
import { systemClock } from '#platform/clock.ts'
import { openFileKeys } from '#platform/keys/file-keys.ts'
import type { Keys } from '#platform/keys/keys.ts'
import { createLog, type Log } from '#platform/log.ts'
import { startEmbeddedPostgres } from '#platform/postgres/embedded-postgres.ts'
import { findRunningPostgres } from '#platform/postgres/find-running.ts'
import { migrate } from '#platform/postgres/migrate.ts'
import { Problem } from '#platform/problem.ts'
import type { HistoryDeps } from '#record/run-history.ts'
import { createContext, rolePassword, type Endpoints } from './context.ts'

const CONNECTIONS = 4

/** Runs work of a command on database, stream and history, and closes them. */
export async function withHistory<T>(
  config: Config,
  endpoints: Endpoints,
  command: string,
  work: (deps: HistoryDeps) => Promise<T>,
): Promise<T> {
  const readers = await openHistoryReaders(config)
  const context = await createContext(config, command, endpoints, { index: 0, count: 1 })
  const db = context.openDatabase('pigeon_engine', CONNECTIONS)
  const analytics = context.openAnalytics()
  try {
    const stream = await context.openStream(db)
    try {
      const { clock, log } = context
      return await work({ db, stream, analytics, clock, log, readers })
    } finally {
      await stream.close()
    }
  } finally {
    await analytics.close()
    await db.destroy()
  }
}

/** Where the databases are: by settings, running already, or else started here and stopped by whoever runs `started`. */
export async function findEndpoints(
  config: Config,
  command: string,
  started: (() => Promise<void>)[],
): Promise<Endpoints> {
  const dataDir = resolve(config.PIGEON_DATA_DIR)
  const log = createLog({
    level: config.PIGEON_LOG_LEVEL === 'info' ? 'warn' : config.PIGEON_LOG_LEVEL,
    role: command,
  })
  if (config.PIGEON_POSTGRES_URL === undefined) await assertInstalled(dataDir)
  const keys = await openFileKeys({ dataDir, masterKey: config.PIGEON_KEY })
  return {
    postgres: await findPostgres(config, dataDir, keys, log, started),
    analytics: await findAnalytics(config, dataDir, log, started),
  }
}

async function assertInstalled(dataDir: string): Promise<void> {
  const isThere = await stat(join(dataDir, 'postgres.password')).then(
    () => true,
    () => false,
  )
  if (isThere) return
  const message = `There is no Pigeon in ${dataDir}: start it once, or set PIGEON_DATA_DIR to where it is.`
  throw new Problem('not_found', 'reconcile.nothing', message)
}

async function findPostgres(
  config: Config,
  dataDir: string,
  keys: Keys,
  log: Log,
  started: (() => Promise<void>)[],
): Promise<Endpoints['postgres']> {
  if (config.PIGEON_POSTGRES_URL !== undefined) return { connectionString: config.PIGEON_POSTGRES_URL }
  const running = await findRunningPostgres(dataDir)
  if (running !== null) return running
  const postgres = await startEmbeddedPostgres({ dataDir, log })
  started.push(postgres.stop)
  const passwords = {
    pigeon_api: rolePassword(keys, 'pigeon_api'),
    pigeon_engine: rolePassword(keys, 'pigeon_engine'),
  }
  await migrate(postgres.connection, { log, clock: systemClock, passwords })
  return postgres.connection
}

async function findAnalytics(
  config: Config,
  dataDir: string,
  log: Log,
  started: (() => Promise<void>)[],
): Promise<Endpoints['analytics']> {
  if (config.PIGEON_CLICKHOUSE_URL !== undefined) return { url: config.PIGEON_CLICKHOUSE_URL }
  const running = { socketPath: analyticsSocketPath(dataDir) }
  if (await answers(running)) return running
  const engine = await startEmbeddedAnalytics({ dataDir, memoryMb: config.PIGEON_ANALYTICS_MEMORY_MB, log })
  started.push(engine.stop)
  const analytics = openAnalytics(engine)
  try {
    const kept = {
      eventDays: config.PIGEON_HISTORY_EVENT_DAYS,
      attemptDays: config.PIGEON_HISTORY_ATTEMPT_DAYS,
      rollupMonths: config.PIGEON_HISTORY_ROLLUP_MONTHS,
    }
    await migrateAnalytics({ analytics }, kept)
  } finally {
    await analytics.close()
  }
  return { socketPath: engine.socketPath }
}

async function answers(target: { readonly socketPath: string }): Promise<boolean> {
  const analytics = openAnalytics(target)
  try {
    await analytics.ping()
    return true
  } catch {
    return false
  } finally {
    await analytics.close()
  }
}
