import { cpus } from 'node:os'
import { existsSync } from 'node:fs'
import { mkdir, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { loadConfig, readEnvironment } from '#config/load.ts'
import { deliverProcesses } from '#config/platform.ts'
import { serverSections, type Config } from '#config/sections.ts'
import { startEmbeddedAnalytics } from '#platform/analytics/start-analytics.ts'
import { migrateAnalytics } from '#platform/analytics/migrate-analytics.ts'
import { openAnalytics } from '#platform/analytics/open-analytics.ts'
import { systemClock } from '#platform/clock.ts'
import { openFileKeys } from '#platform/keys/file-keys.ts'
import { createLog, type Log } from '#platform/log.ts'
import { startEmbeddedPostgres } from '#platform/postgres/embedded-postgres.ts'
import { migrate } from '#platform/postgres/migrate.ts'
import { Problem } from '#platform/problem.ts'
import { rolePassword, type Endpoints } from './context.ts'
import { supervise, type ChildSpec, type Supervised } from './supervisor.ts'

/** Everything on one machine, started. */
export interface Platform {
  readonly config: Config
  /** The environment it was started with. */
  readonly env: NodeJS.ProcessEnv
  readonly endpoints: Endpoints
  readonly supervised: Supervised
  /** Seconds from the call to every role being ready. */
  readonly readySeconds: number
  /** Resolves with a reason when the platform cannot go on: the database gave up. */
  readonly failed: Promise<Problem>
  stop(): Promise<void>
}

/**
 * Starts databases, migrates them, and starts every role (but those that it shall do `without`) as a child process. On an
 * error nothing is left running.
 */
export async function startPlatform(
  env: NodeJS.ProcessEnv,
  { without = [] }: { readonly without?: readonly string[] } = {},
): Promise<Platform> {
  const startedAt = performance.now()
  const config = loadConfig(serverSections, readEnvironment(process.cwd(), env))
  const log = createLog({ level: config.PIGEON_LOG_LEVEL, role: 'supervisor' })
  const dataDir = resolve(config.PIGEON_DATA_DIR)
  await makeDataDir(dataDir)
  const started: (() => Promise<void>)[] = []
  const stop = async (): Promise<void> => {
    for (const end of started.splice(0).toReversed()) await end()
  }
  const stores = startStores(config, dataDir, log, started)
  try {
    const supervised = await supervise(
      {
        log,
        clock: systemClock,
        endpoints: stores.then(({ endpoints }) => endpoints),
        env: { ...env, PIGEON_DATA_DIR: dataDir },
        stopWithinMs: config.PIGEON_SHUTDOWN_SECONDS * 1000 + 1000,
      },
      childrenOf(config).filter((child) => !without.includes(child.role)),
    )
    started.push(() => supervised.stop())
    const { endpoints, failed } = await stores
    return {
      config,
      env,
      endpoints,
      supervised,
      readySeconds: (performance.now() - startedAt) / 1000,
      failed,
      stop,
    }
  } catch (error) {
    // What is half started is stopped when it has started.
    await stores.catch(() => undefined)
    await stop()
    throw error
  }
}

/** Problem `platform.data_dir` when it cannot be made. */
export async function makeDataDir(dataDir: string): Promise<void> {
  try {
    await makeWithParents(dataDir)
  } catch (cause) {
    const message = `The data directory ${dataDir} cannot be made: ${String(cause)}. Set PIGEON_DATA_DIR to a place where this user may write.`
    throw new Problem('unavailable', 'platform.data_dir', message, { cause })
  }
}

/** Not `mkdir` with `recursive`: below /proc, where nothing can be made, that of Node never ends. */
async function makeWithParents(directory: string): Promise<void> {
  try {
    await mkdir(directory)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'EEXIST' && (await stat(directory)).isDirectory()) return
    if (code !== 'ENOENT' || existsSync(dirname(directory))) throw error
    await makeWithParents(dirname(directory))
    await mkdir(directory)
  }
}

async function startStores(
  config: Config,
  dataDir: string,
  log: Log,
  started: (() => Promise<void>)[],
): Promise<{ endpoints: Endpoints; failed: Promise<Problem> }> {
  const keys = await openFileKeys({ dataDir, masterKey: config.PIGEON_KEY })
  // Whoever has the database has the history too: that one need not be waited for.
  const givenUp = new AbortController()
  const embedded =
    config.PIGEON_POSTGRES_URL === undefined
      ? startEmbeddedPostgres({ dataDir, log }).catch((error: unknown) => {
          givenUp.abort()
          throw error
        })
      : undefined
  const history =
    config.PIGEON_CLICKHOUSE_URL === undefined
      ? startEmbeddedAnalytics({
          dataDir,
          memoryMb: config.PIGEON_ANALYTICS_MEMORY_MB,
          log,
          signal: givenUp.signal,
        })
      : undefined
  const [postgres, chdb] = await Promise.allSettled([embedded, history])
  if (postgres.status === 'fulfilled' && postgres.value !== undefined) started.push(postgres.value.stop)
  if (chdb.status === 'fulfilled' && chdb.value !== undefined) started.push(chdb.value.stop)
  if (postgres.status === 'rejected') throw postgres.reason
  if (chdb.status === 'rejected') throw chdb.reason

  const endpoints: Endpoints = {
    postgres: postgres.value?.connection ?? { connectionString: config.PIGEON_POSTGRES_URL ?? '' },
    analytics:
      chdb.value === undefined
        ? { url: config.PIGEON_CLICKHOUSE_URL ?? '' }
        : { socketPath: chdb.value.socketPath },
  }
  const passwords = {
    pigeon_api: rolePassword(keys, 'pigeon_api'),
    pigeon_engine: rolePassword(keys, 'pigeon_engine'),
  }
  const analytics = openAnalytics(endpoints.analytics)
  try {
    await Promise.all([
      migrate(endpoints.postgres, { log, clock: systemClock, passwords }),
      migrateAnalytics(
        { analytics },
        {
          eventDays: config.PIGEON_HISTORY_EVENT_DAYS,
          attemptDays: config.PIGEON_HISTORY_ATTEMPT_DAYS,
          rollupMonths: config.PIGEON_HISTORY_ROLLUP_MONTHS,
        },
      ),
    ])
  } finally {
    await analytics.close()
  }
  return { endpoints, failed: databaseFailure(postgres.value?.exited) }
}

/** Resolves only when the embedded database has given up. */
async function databaseFailure(exited: Promise<Problem | null> | undefined): Promise<Problem> {
  const problem = await exited
  if (problem === null || problem === undefined) return new Promise(() => undefined)
  return problem
}

function childrenOf(config: Config): ChildSpec[] {
  const one = { index: 0, count: 1 }
  const delivers = deliverProcesses(config.PIGEON_DELIVER_PROCESSES, cpus().length)
  return [
    { role: 'windtunnel', place: one },
    { role: 'record', place: one },
    { role: 'hooks', place: one },
    ...Array.from({ length: delivers }, (_, index) => ({
      role: 'deliver',
      place: { index, count: delivers },
    })),
    { role: 'dispatch', place: one },
    { role: 'api', also: ['inbound'], place: one },
  ]
}
