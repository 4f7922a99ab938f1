import { stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { loadConfig, readEnvironment } from '#config/load.ts'
import { serverSections, type Config } from '#config/sections.ts'
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
import { reconcile, type Finding, type Reconciliation } from '#record/reconcile.ts'
import { createContext, rolePassword, type Endpoints } from './context.ts'

const USAGE = `main.ts reconcile [--json]

Recounts the ledger of all tenants: messages, tallies, deliveries, and the history. May run while Pigeon does; when it
does not, the databases are started for as long as this takes. Names every row that is wrong and then exits with 1.

  --json         one JSON object, the last line on standard output
`
const CONNECTIONS = 4
const PROGRESS_MS = 1_000

/** `main.ts reconcile`: 0 when the ledger is right, 1 when it is not. */
export async function reconcileCommand(args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const options = parseReconcileArgs(args)
  if (options.isHelp) {
    process.stdout.write(USAGE)
    return 0
  }
  const config = loadConfig(serverSections, readEnvironment(process.cwd(), env))
  const started: (() => Promise<void>)[] = []
  try {
    const endpoints = await findEndpoints(config, started)
    const result = await recount(config, endpoints)
    printResult(result, options.isJson)
    return result.findings.length === 0 ? 0 : 1
  } finally {
    for (const stop of started.toReversed()) await stop()
  }
}

export function parseReconcileArgs(args: readonly string[]): { isJson: boolean; isHelp: boolean } {
  const known = { json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } as const
  try {
    const { values } = parseArgs({ args: [...args], options: known })
    return { isJson: values.json === true, isHelp: values.help === true }
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new Problem('invalid', 'reconcile.arguments', `${why}\n\n${USAGE}`, { cause })
  }
}

async function recount(config: Config, endpoints: Endpoints): Promise<Reconciliation> {
  const context = await createContext(config, 'reconcile', endpoints, { index: 0, count: 1 })
  const db = context.openDatabase('pigeon_engine', CONNECTIONS)
  const analytics = context.openAnalytics()
  try {
    const stream = await context.openStream(db)
    try {
      const { clock, log } = context
      return await reconcile(
        { db, stream, analytics, clock, log },
        {
          eventDays: config.PIGEON_HISTORY_EVENT_DAYS,
          attemptDays: config.PIGEON_HISTORY_ATTEMPT_DAYS,
          onProgress: progress(),
        },
      )
    } finally {
      await stream.close()
    }
  } finally {
    await analytics.close()
    await db.destroy()
  }
}

/** Where the databases are: by settings, running already, or else started here and stopped by whoever runs `started`. */
async function findEndpoints(config: Config, started: (() => Promise<void>)[]): Promise<Endpoints> {
  const dataDir = resolve(config.PIGEON_DATA_DIR)
  const log = createLog({
    level: config.PIGEON_LOG_LEVEL === 'info' ? 'warn' : config.PIGEON_LOG_LEVEL,
    role: 'reconcile',
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

/** A line a second on standard error. */
function progress(): (done: { campaigns: number; messages: number }) => void {
  let lastMs = systemClock.monotonicMs()
  return ({ campaigns, messages }) => {
    if (systemClock.monotonicMs() - lastMs < PROGRESS_MS) return
    lastMs = systemClock.monotonicMs()
    process.stderr.write(`reconcile: ${campaigns} campaigns, ${messages} messages so far\n`)
  }
}

function printResult(result: Reconciliation, isJson: boolean): void {
  const say = (line: string): void => void (isJson ? process.stderr : process.stdout).write(`${line}\n`)
  for (const finding of result.findings) say(lineOf(finding))
  if (result.isCut) say('There are more: these are the first.')
  say(
    `ledger: ${result.campaigns} campaigns, ${result.messages} messages, ${result.findings.length} findings`,
  )
  if (!isJson) return
  const { campaigns, messages, findings, isCut } = result
  process.stdout.write(
    `${JSON.stringify({ campaigns, messages, balanced: findings.length === 0, findings, cut: isCut })}\n`,
  )
}

function lineOf({ table, row, expected, found }: Finding): string {
  return `${table} ${row}: expected ${expected}; found ${found}`
}
