import { fork, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Client } from 'pg'
import { createWindtunnelClient, type WindtunnelClient } from '#windtunnel/client.ts'
import { isRunning, killProcess, processesThatName } from './processes.ts'
import { testPorts } from './test-ports.ts'
import { waitFor } from './wait-for.ts'

/** The whole platform, as `npm start` runs it: real roles as processes, PostgreSQL with fsync, history, real SMTP. */
export interface RunningPlatform {
  readonly url: string
  readonly dataDir: string
  readonly windtunnel: WindtunnelClient
  /** The settings that it runs with. */
  readonly env: Readonly<Record<string, string>>
  /** SIGKILL to this process of a role (to the first of PostgreSQL), once it runs; waits until it is gone. */
  kill(role: Role, index?: number): Promise<void>
  /** The process of a role, once it runs: for signals that must arrive at one moment and no other. */
  pid(role: Role, index?: number): Promise<number>
  /** SIGKILL to the supervisor: what it started is left to itself. */
  killSupervisor(): Promise<void>
  /** SIGKILL to every process at once, PostgreSQL and the history engine included: what a power cut leaves, but for the disk's cache. */
  killEverything(): Promise<void>
  /** SIGTERM, and waits for a clean end. */
  stop(): Promise<void>
  /** Starts again on the same data, after `stop` or a kill of the supervisor. */
  start(): Promise<void>
  /** `main.ts` with these arguments and the platform's settings, to its end. */
  command(args: readonly string[]): Promise<CommandResult>
  /** One statement in its database, as its superuser: for what no client can bring about. */
  query(text: string, values: readonly string[]): Promise<void>
  /** A session of its superuser that stays open: for locks, and for a look at who waits for them. Close it. */
  session(): Promise<DatabaseSession>
  /** Command lines of processes that belong to this platform: none after `stop`. */
  leftovers(): Promise<string[]>
  /** What all processes wrote to their logs. */
  logs(): Promise<string>
}

export interface DatabaseSession {
  query(text: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]>
  close(): Promise<void>
}

export type Role = 'api' | 'dispatch' | 'deliver' | 'record' | 'hooks' | 'windtunnel' | 'postgres'

export interface CommandResult {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export type FromPlatform =
  | { readonly kind: 'ready'; readonly seconds: number }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string }
  | {
      readonly kind: 'processes'
      readonly processes: readonly { role: string; index: number; pid: number | undefined }[]
    }

/** What this needs of node:test's context. */
export interface PlatformScope {
  after(cleanUp: () => Promise<void>): void
}

/** Another seed makes other moments and contents: PIGEON_TEST_SEED. */
export const TEST_SEED = process.env.PIGEON_TEST_SEED ?? '1'
/** Processes that deliver: two, so that a kill leaves one at work. */
export const DELIVER_PROCESSES = 2
/** Open connections of one of them: at most so many final dots are without a reply when it is killed. */
export const DELIVERY_CONNECTIONS = 60

const START_DEADLINE_MS = 90_000
const STOP_DEADLINE_MS = 60_000
const COMMAND_DEADLINE_MS = 180_000
/** Of postmaster.pid. */
const [PORT_LINE, SOCKET_LINE] = [3, 4]
const SUPERUSER = 'pigeon'
const LOG_LINES_SHOWN = 200
const RUN = fileURLToPath(new URL('./run-platform.ts', import.meta.url))
const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url))

/**
 * Starts a platform on an empty data directory and free ports, and stops and deletes it when the test ends. Its logs are
 * printed only when the file's tests have failed; with PIGEON_TEST_KEEP set the directory stays.
 */
export async function runPlatform(
  scope: PlatformScope,
  settings: Readonly<Record<string, string>> = {},
): Promise<RunningPlatform> {
  const dir = await mkdtemp(join(tmpdir(), 'pigeon-scenario-'))
  // Root's PostgreSQL runs as another user, who must get in.
  await chmod(dir, 0o755)
  const env = { ...(await environment(dir)), ...settings }
  const logFile = join(dir, 'platform.log')
  let supervisor: ChildProcess | undefined
  const windtunnel = createWindtunnelClient({
    baseUrl: `http://127.0.0.1:${env.PIGEON_WINDTUNNEL_CONTROL_PORT}`,
  })
  const dataDir = env.PIGEON_DATA_DIR

  const platform: RunningPlatform = {
    url: env.PIGEON_PUBLIC_URL,
    dataDir,
    env,
    windtunnel,
    kill: async (role, index = 0) => killProcess(await platform.pid(role, index)),
    pid: (role, index = 0) =>
      waitFor(
        `a process ${index} of the role ${role}`,
        async () => (role === 'postgres' ? postmasterPid(dataDir) : processOf(supervisor, role, index)),
        START_DEADLINE_MS,
      ),
    killSupervisor: async () => {
      if (supervisor?.pid !== undefined) await killProcess(supervisor.pid)
      supervisor = undefined
    },
    killEverything: async () => {
      const pids = (await processesThatName(dir)).map((each) => each.pid)
      for (const pid of pids) process.kill(pid, 'SIGKILL')
      for (const pid of pids)
        await waitFor(`process ${pid} to be gone`, () => !isRunning(pid), STOP_DEADLINE_MS)
      supervisor = undefined
    },
    stop: async () => {
      const stopping = supervisor
      supervisor = undefined
      if (stopping !== undefined) await stop(stopping)
    },
    start: async () => {
      supervisor = await start(env, dir, logFile)
      await emptyMailboxes(windtunnel)
    },
    command: (args) => runCommand(args, env, dir),
    query: async (text, values) => {
      const session = await openSession(dataDir)
      try {
        await session.query(text, values)
      } finally {
        await session.close()
      }
    },
    session: () => openSession(dataDir),
    leftovers: async () => (await processesThatName(dir)).map((each) => each.command),
    logs: () => readFile(logFile, 'utf8'),
  }
  scope.after(async () => {
    windtunnel.close()
    if (supervisor === undefined) await endWhatIsLeft(platform)
    else await platform.stop()
    const log = lastLines(await platform.logs())
    process.once('exit', (code) => {
      if (code !== 0) process.stderr.write(`${log}\n`)
    })
    if (process.env.PIGEON_TEST_KEEP === undefined)
      await rm(dir, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 })
    else process.stderr.write(`${dir} is kept.\n`)
  })
  await platform.start()
  return platform
}

/** Everything of its own, and nothing that is set around the test. */
export async function environment(
  dir: string,
): Promise<Record<string, string> & { PIGEON_DATA_DIR: string; PIGEON_PUBLIC_URL: string }> {
  const [http, smtp, dns, control, inbound] = await testPorts(5)
  const around = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('PIGEON_') && name !== 'NODE_TEST_CONTEXT',
  )
  return {
    ...Object.fromEntries(around.map(([name, value]) => [name, value ?? ''])),
    PIGEON_DATA_DIR: join(dir, 'data'),
    PIGEON_PUBLIC_URL: `http://127.0.0.1:${http}`,
    PIGEON_HTTP_PORT: String(http),
    PIGEON_WINDTUNNEL_SMTP_PORT: String(smtp),
    PIGEON_WINDTUNNEL_DNS_PORT: String(dns),
    PIGEON_WINDTUNNEL_CONTROL_PORT: String(control),
    PIGEON_INBOUND_PORT: String(inbound),
    PIGEON_WINDTUNNEL_KEEP_MESSAGES: '50000',
    PIGEON_DELIVER_PROCESSES: String(DELIVER_PROCESSES),
    PIGEON_DELIVERY_CONNECTIONS: String(DELIVERY_CONNECTIONS),
    // Nothing may fail only because this machine is slow.
    PIGEON_SANDBOX_EXPIRE_SECONDS: '900',
    PIGEON_LOG_LEVEL: 'info',
  }
}

async function start(env: NodeJS.ProcessEnv, dir: string, logFile: string): Promise<ChildProcess> {
  const log = openSync(logFile, 'a')
  try {
    // Settings files of the working directory are about another platform.
    const child = fork(RUN, { cwd: dir, env, execArgv: [], stdio: ['ignore', log, log, 'ipc'] })
    const said = await answerOf(child, 'ready', START_DEADLINE_MS)
    if (said.kind === 'ready') return child
    child.kill('SIGTERM')
    const text = await readFile(logFile, 'utf8')
    throw new Error(
      `The platform did not start: ${said.kind === 'failed' ? said.message : ''}\n${lastLines(text)}`,
    )
  } finally {
    closeSync(log)
  }
}

/** No mailbox is full: those are tried again for as long as a message lives, and that is long here. */
async function emptyMailboxes(windtunnel: WindtunnelClient): Promise<void> {
  for (const { name } of await windtunnel.providers())
    await windtunnel.changeHabits(name, { mailbox_full_share: 0 })
}

/** Without the lines that say only that a request was answered. */
function lastLines(log: string): string {
  const lines = log.split('\n').filter((line) => !line.includes('"msg":"request"') || /"status":5/.test(line))
  return lines.slice(-LOG_LINES_SHOWN).join('\n')
}

/** The next message of this kind, or that it failed. */
async function answerOf(
  child: ChildProcess,
  kind: FromPlatform['kind'],
  deadlineMs: number,
): Promise<FromPlatform> {
  const { promise, resolve, reject } = Promise.withResolvers<FromPlatform>()
  // Only run-platform.ts is at the other end, and its messages are of this type.
  const onMessage = (message: unknown): void => {
    const said = message as FromPlatform
    if (said.kind === kind || said.kind === 'failed') resolve(said)
  }
  const onExit = (code: number | null): void =>
    resolve({ kind: 'failed', code: 'exit', message: `it ended with code ${code}` })
  const timer = setTimeout(
    () => reject(new Error(`The platform did not say "${kind}" within ${deadlineMs} ms.`)),
    deadlineMs,
  )
  child.on('message', onMessage).once('exit', onExit)
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    child.off('message', onMessage).off('exit', onExit)
  }
}

async function processOf(
  supervisor: ChildProcess | undefined,
  role: Role,
  index: number,
): Promise<number | undefined> {
  if (supervisor === undefined) throw new Error('The platform does not run.')
  const answer = answerOf(supervisor, 'processes', STOP_DEADLINE_MS)
  supervisor.send('processes')
  const said = await answer
  if (said.kind !== 'processes') throw new Error('The platform has ended by itself.')
  const pid = said.processes.find((each) => each.role === role && each.index === index)?.pid
  return pid !== undefined && isRunning(pid) ? pid : undefined
}

async function postmasterPid(dataDir: string): Promise<number> {
  return Number((await readFile(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8')).split('\n')[0])
}

/** How its superuser reaches the PostgreSQL of a data directory. */
export async function superuserOf(
  dataDir: string,
): Promise<{ host: string; port: number; user: string; database: string; password: string }> {
  const lines = (await readFile(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8')).split('\n')
  const password = (await readFile(join(dataDir, 'postgres.password'), 'utf8')).trim()
  const [host, port] = [lines[SOCKET_LINE] ?? '', Number(lines[PORT_LINE])]
  return { host, port, user: SUPERUSER, database: SUPERUSER, password }
}

async function openSession(dataDir: string): Promise<DatabaseSession> {
  const client = new Client(await superuserOf(dataDir))
  await client.connect()
  return {
    query: async (text, values = []) => (await client.query<Record<string, unknown>>(text, [...values])).rows,
    close: () => client.end(),
  }
}

async function stop(supervisor: ChildProcess): Promise<void> {
  if (supervisor.exitCode !== null || supervisor.signalCode !== null) return
  const ended = once(supervisor, 'exit', { signal: AbortSignal.timeout(STOP_DEADLINE_MS) })
  supervisor.kill('SIGTERM')
  try {
    await ended
  } catch (cause) {
    supervisor.kill('SIGKILL')
    throw new Error(`The platform did not stop within ${STOP_DEADLINE_MS} ms.`, { cause })
  }
}

/** After a supervisor was killed nobody ends its PostgreSQL: a start finds it again, and then it stops with the rest. */
async function endWhatIsLeft(platform: RunningPlatform): Promise<void> {
  const pid = await postmasterPid(platform.dataDir).catch(() => undefined)
  if (pid === undefined || !isRunning(pid)) return
  await platform.start()
  await platform.stop()
}

/** `main.ts` to its end, of itself or by SIGKILL after three minutes. */
export async function runCommand(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  cwd: string,
): Promise<CommandResult> {
  const child = spawn(process.execPath, [MAIN, ...args], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
  const texts = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const)
    child[name].on('data', (chunk: Buffer) => (texts[name] += chunk.toString()))
  const timer = setTimeout(() => child.kill('SIGKILL'), COMMAND_DEADLINE_MS)
  const [code]: unknown[] = await once(child, 'close')
  clearTimeout(timer)
  return { code: typeof code === 'number' ? code : null, ...texts }
}
