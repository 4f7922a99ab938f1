import { loadConfig, readEnvironment } from '#config/load.ts'
import { serverSections } from '#config/sections.ts'
import { Problem } from '#platform/problem.ts'
import { runRoles, waitForStart, type FailedMessage } from '#roles/child.ts'
import type { Endpoints, StartRole } from '#roles/context.ts'

/** `main.ts up` runs everything on one machine; `main.ts ROLE...` runs roles in this process, for a cluster. */
const COMMANDS = {
  up: async (args: readonly string[]) => (await import('#roles/up.ts')).up(args, process.env),
  demo: async (args: readonly string[]) => (await import('#roles/demo.ts')).demo(args, process.env),
  daemon: async (args: readonly string[]) =>
    (await import('#roles/daemon.ts')).daemonCommand(args, process.env),
  history: async (args: readonly string[]) =>
    (await import('#roles/history.ts')).historyCommand(args, process.env),
  reconcile: async (args: readonly string[]) =>
    (await import('#roles/reconcile.ts')).reconcileCommand(args, process.env),
} as const

const ROLES: Readonly<Record<string, () => Promise<StartRole>>> = {
  api: async () => (await import('#roles/api.ts')).startApi,
  dispatch: async () => (await import('#roles/dispatch.ts')).startDispatch,
  deliver: async () => (await import('#roles/deliver.ts')).startDeliver,
  record: async () => (await import('#roles/record.ts')).startRecord,
  track: async () => (await import('#roles/track.ts')).startTrack,
  hooks: async () => (await import('#roles/hooks.ts')).startHooks,
  inbound: async () => (await import('#roles/inbound.ts')).startInbound,
  windtunnel: async () => (await import('#roles/windtunnel.ts')).startWindtunnelRole,
}

function isCommand(name: string): name is keyof typeof COMMANDS {
  return Object.hasOwn(COMMANDS, name)
}

async function main(): Promise<void> {
  const [first = 'up', ...rest] = process.argv.slice(2)
  if (isCommand(first)) {
    process.exitCode = await COMMANDS[first](rest)
    return
  }
  const names = [first, ...rest].filter((name) => name !== '--supervised')
  const unknown = names.filter((name) => !Object.hasOwn(ROLES, name))
  if (unknown.length > 0) {
    const known = [...Object.keys(COMMANDS), ...Object.keys(ROLES)].join(', ')
    throw new Problem('invalid', 'main.unknown', `Nothing is called ${unknown.join(', ')}. Known: ${known}.`)
  }
  const config = loadConfig(serverSections, readEnvironment(process.cwd(), process.env))
  // A supervised role loads its code while the databases start.
  const started = rest.includes('--supervised')
    ? waitForStart()
    : { endpoints: endpointsOf(config), place: { index: 0, count: 1 } }
  const roles: Record<string, StartRole> = {}
  for (const name of names) {
    const load = ROLES[name]
    if (load !== undefined) roles[name] = await load()
  }
  const { endpoints, place } = await started
  await runRoles(config, roles, endpoints, place)
}

function endpointsOf(config: { PIGEON_POSTGRES_URL?: string; PIGEON_CLICKHOUSE_URL?: string }): Endpoints {
  const { PIGEON_POSTGRES_URL: postgres, PIGEON_CLICKHOUSE_URL: clickhouse } = config
  if (postgres === undefined || clickhouse === undefined) {
    const message =
      'A role on its own needs PIGEON_POSTGRES_URL and PIGEON_CLICKHOUSE_URL. For everything on one machine: npm start.'
    throw new Problem('invalid', 'main.no_endpoints', message)
  }
  return { postgres: { connectionString: postgres }, analytics: { url: clickhouse } }
}

try {
  await main()
} catch (error) {
  // A refusal is a sentence for a person; anything else is a bug and shows where it is.
  const message =
    error instanceof Problem
      ? [error.message, ...error.errors.map((each) => `  ${each.field}: ${each.message}`)].join('\n')
      : String(error instanceof Error ? error.stack : error)
  if (process.send !== undefined) process.send({ kind: 'failed', message } satisfies FailedMessage)
  else process.stderr.write(`${message}\n`)
  process.exit(1)
}
