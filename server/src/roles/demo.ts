import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Problem } from '#platform/problem.ts'
import { firstCampaign } from './first-campaign.ts'
import { freePorts } from './free-ports.ts'
import { startPlatform, type Platform } from './start-platform.ts'

export interface DemoOptions {
  readonly contacts: number
  readonly isJson: boolean
  readonly keeps: boolean
  readonly isHelp: boolean
}

const USAGE = `npm run demo -- [--contacts N] [--json] [--keep]

Starts a platform of its own on a temporary data directory and free ports, imports N contacts (1000), sends them a
newsletter through the windtunnel, and prints the report. Exits with 0 only if the ledger balances and the windtunnel
received exactly what the platform says it delivered.

  --contacts N   1 to 5000000
  --json         the report as one JSON object, the last line on standard output
  --keep         leaves the data directory behind
`
const DEFAULT_CONTACTS = 1000
const MAX_CONTACTS = 5_000_000

/** `npm run demo`: the first campaign on a platform that is thrown away. */
export async function demo(args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const options = parseDemoArgs(args)
  if (options.isHelp) {
    process.stdout.write(USAGE)
    return 0
  }
  const interrupted = interruptedBy('SIGINT', 'SIGTERM', 'SIGHUP')
  const dataDir = await mkdtemp(join(tmpdir(), 'pigeon-demo-'))
  try {
    // Root's PostgreSQL runs as another user, who must get in.
    await chmod(dataDir, 0o755)
    // Settings files of the working directory are about another platform.
    process.chdir(dataDir)
    return await runDemo(options, await demoEnvironment(env, dataDir), interrupted)
  } finally {
    process.chdir(tmpdir())
    if (options.keeps) process.stderr.write(`The data directory stays: ${dataDir}\n`)
    else await rm(dataDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
  }
}

async function runDemo(
  options: DemoOptions,
  env: NodeJS.ProcessEnv,
  interrupted: AbortSignal,
): Promise<number> {
  const say = (line: string): void =>
    void (options.isJson ? process.stderr : process.stdout).write(`${line}\n`)
  say('Pigeon starts on a temporary data directory …')
  const platform = await startPlatform(env)
  try {
    if (interrupted.aborted) return INTERRUPTED
    say(`Ready in ${platform.readySeconds.toFixed(1)} s.`)
    return await runUntilFailure(platform, options, interrupted)
  } finally {
    await platform.stop()
  }
}

async function runUntilFailure(
  platform: Platform,
  options: DemoOptions,
  interrupted: AbortSignal,
): Promise<number> {
  const failed = new AbortController()
  const signal = AbortSignal.any([interrupted, failed.signal])
  const lost = platform.failed.then((problem) => {
    failed.abort()
    return problem
  })
  const campaign = firstCampaign(platform, {
    contacts: options.contacts,
    isJson: options.isJson,
    isThrownAway: !options.keeps,
    signal,
  })
  const ended = await Promise.race([campaign, lost])
  if (ended instanceof Problem) {
    await campaign
    process.stderr.write(`${ended.message}\n`)
    return 1
  }
  return interrupted.aborted ? INTERRUPTED : ended
}

const INTERRUPTED = 130

function interruptedBy(...signals: NodeJS.Signals[]): AbortSignal {
  const controller = new AbortController()
  for (const signal of signals) process.on(signal, () => controller.abort())
  return controller.signal
}

/** Everything of its own: directory, ports, databases. What else is set in the environment stays. */
async function demoEnvironment(env: NodeJS.ProcessEnv, dataDir: string): Promise<NodeJS.ProcessEnv> {
  const [http, smtp, dns, control, inbound] = await freePorts(5)
  const {
    PIGEON_POSTGRES_URL: _postgres,
    PIGEON_CLICKHOUSE_URL: _clickhouse,
    PIGEON_KEY: _key,
    PIGEON_API_KEY: _apiKey,
    ...rest
  } = env
  return {
    PIGEON_LOG_LEVEL: 'warn',
    ...rest,
    PIGEON_DATA_DIR: join(dataDir, 'data'),
    PIGEON_MODE: 'sandbox',
    PIGEON_HTTP_HOST: '127.0.0.1',
    PIGEON_HTTP_PORT: String(http),
    PIGEON_PUBLIC_URL: `http://127.0.0.1:${http}`,
    PIGEON_WINDTUNNEL_SMTP_PORT: String(smtp),
    PIGEON_WINDTUNNEL_DNS_PORT: String(dns),
    PIGEON_WINDTUNNEL_CONTROL_PORT: String(control),
    PIGEON_INBOUND_PORT: String(inbound),
  }
}

/** Throws Problem('invalid', 'demo.usage') with what was wrong and how it is used. */
export function parseDemoArgs(args: readonly string[]): DemoOptions {
  const values = readArgs(args)
  const contacts = values.contacts === undefined ? DEFAULT_CONTACTS : wholeNumber(values.contacts)
  return {
    contacts,
    isJson: values.json === true,
    keeps: values.keep === true,
    isHelp: values.help === true,
  }
}

function readArgs(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        contacts: { type: 'string' },
        json: { type: 'boolean' },
        keep: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values
  } catch (error) {
    throw usage(error instanceof Error ? error.message : String(error))
  }
}

function wholeNumber(text: string): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : 0
  if (value >= 1 && value <= MAX_CONTACTS) return value
  throw usage(`--contacts is a whole number from 1 to ${MAX_CONTACTS}, not ${JSON.stringify(text)}.`)
}

function usage(message: string): Problem {
  return new Problem('invalid', 'demo.usage', `${message}\n\n${USAGE}`)
}
