import { parseArgs } from 'node:util'
import { loadConfig, readEnvironment } from '#config/load.ts'
import { serverSections } from '#config/sections.ts'
import { Problem } from '#platform/problem.ts'
import { rebuildHistory } from '#record/rebuild-history.ts'
import { findEndpoints, withHistory } from './command-databases.ts'

const USAGE = `main.ts history rebuild [--json]

Puts the history right: inserts what the stream still holds and the history lacks, then makes the sums that analytics are
answered from again out of the events. May run while Pigeon does; new events wait meanwhile.

  --json         one JSON object, the last line on standard output
`

/** `main.ts history rebuild`: 0 when it is done. */
export async function historyCommand(args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const { isJson, isHelp } = parseHistoryArgs(args)
  if (isHelp) {
    process.stdout.write(USAGE)
    return 0
  }
  const config = loadConfig(serverSections, readEnvironment(process.cwd(), env))
  const started: (() => Promise<void>)[] = []
  try {
    const endpoints = await findEndpoints(config, 'history', started)
    const options = {
      eventDays: config.PIGEON_HISTORY_EVENT_DAYS,
      attemptDays: config.PIGEON_HISTORY_ATTEMPT_DAYS,
      onProgress: (line: string): void => void process.stderr.write(`history: ${line}\n`),
    }
    const rebuilt = await withHistory(config, endpoints, 'history', (deps) => rebuildHistory(deps, options))
    const { events, attempts } = rebuilt
    const line = isJson
      ? JSON.stringify(rebuilt)
      : `history: ${events} events and ${attempts} attempts came back`
    process.stdout.write(`${line}\n`)
    return 0
  } finally {
    for (const stop of started.toReversed()) await stop()
  }
}

/** Throws Problem('invalid', 'history.arguments') with the usage. */
export function parseHistoryArgs(args: readonly string[]): { isJson: boolean; isHelp: boolean } {
  const known = { json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } as const
  try {
    const { values, positionals } = parseArgs({ args: [...args], options: known, allowPositionals: true })
    const isHelp = values.help === true
    if (!isHelp && positionals.join(' ') !== 'rebuild') throw new Error('Say what to do: rebuild.')
    return { isJson: values.json === true, isHelp }
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new Problem('invalid', 'history.arguments', `${why}\n\n${USAGE}`, { cause })
  }
}
