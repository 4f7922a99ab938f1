import { parseArgs } from 'node:util'
import { loadConfig, readEnvironment } from '#config/load.ts'
import { serverSections, type Config } from '#config/sections.ts'
import { systemClock } from '#platform/clock.ts'
import { Problem } from '#platform/problem.ts'
import { reconcile, type Finding, type Reconciliation } from '#record/reconcile.ts'
import { findEndpoints, withHistory } from './command-databases.ts'
import type { Endpoints } from './context.ts'

const USAGE = `main.ts reconcile [--json]

Recounts the ledger of all tenants: messages, tallies, deliveries, and the history. May run while Pigeon does; when it
does not, the databases are started for as long as this takes. Names every row that is wrong and then exits with 1.

  --json         one JSON object, the last line on standard output
`
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
    const endpoints = await findEndpoints(config, 'reconcile', started)
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
  const options = {
    eventDays: config.PIGEON_HISTORY_EVENT_DAYS,
    attemptDays: config.PIGEON_HISTORY_ATTEMPT_DAYS,
    onProgress: progress(),
  }
  return withHistory(config, endpoints, 'reconcile', (deps) => reconcile(deps, options))
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
