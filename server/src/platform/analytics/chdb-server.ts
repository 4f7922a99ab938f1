/**
 * The history engine as a process of its own: `node chdb-server.ts '{"directory":…,"socketPath":…,"memoryMb":512}'`.
 * A crash of the native engine stops nothing else. Says `{"kind":"ready"}` or `{"kind":"failed","message":…}` to its parent,
 * ends in good order on SIGTERM, and when its parent is gone.
 */
import { Session } from 'chdb'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Type, type Static } from 'typebox'
import { Check } from 'typebox/value'
import { createEngineServer } from './engine-http.ts'
import { engineConfig, sessionSettings } from './engine-settings.ts'
import { createSessionPool } from './session-pool.ts'

const Options = Type.Object({
  directory: Type.String({ minLength: 1 }),
  socketPath: Type.String({ minLength: 1 }),
  memoryMb: Type.Integer({ minimum: 1 }),
  lockWaitMs: Type.Integer({ minimum: 0 }),
})
type Options = Static<typeof Options>

/** Statements that run at the same time; each session runs one. */
const SESSIONS = 4
const MAX_WAITING = 256
const DRAIN_MS = 10_000

function readOptions(): Options {
  const options: unknown = JSON.parse(process.argv[2] ?? '{}')
  if (!Check(Options, options)) throw new Error('The options of the history engine are wrong.')
  return options
}

/** One process owns the directory. The engine of a Pigeon that was killed may need a moment to end. */
async function waitForOwner(data: string, waitMs: number): Promise<void> {
  const deadline = performance.now() + waitMs
  while (true) {
    const owner = runningOwner(join(data, 'status'))
    if (owner === undefined) return
    if (performance.now() > deadline) {
      throw new Error(
        `The history of this data directory is in use by process ${owner}. Stop the Pigeon that it belongs to, then start again.`,
      )
    }
    await sleep(100)
  }
}

function runningOwner(statusFile: string): number | undefined {
  if (!existsSync(statusFile)) return undefined
  const pid = Number(/^PID: (\d+)/m.exec(readFileSync(statusFile, 'utf8'))?.[1] ?? 0)
  return pid > 0 && pid !== process.pid && isEngine(pid) ? pid : undefined
}

/** Whether a process of this number runs, and is no other program that was given the number later. */
function isEngine(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch {
    return false
  }
  const commandLine = `/proc/${pid}/cmdline`
  return !existsSync(commandLine) || readFileSync(commandLine, 'utf8').includes('chdb-server')
}

function openSessions(data: string, memoryMb: number, base: Readonly<Record<string, string>>): Session[] {
  const configFile = join(dirname(data), 'engine.xml')
  writeFileSync(configFile, engineConfig(memoryMb))
  const connectionArgs = [
    `--config-file=${configFile}`,
    ...Object.entries(base).map(([name, value]) => `--${name}=${value}`),
  ]
  return Array.from({ length: SESSIONS }, () => new Session(data, { connectionArgs }))
}

async function main(): Promise<void> {
  const { directory, socketPath, memoryMb, lockWaitMs } = readOptions()
  const data = join(directory, 'data')
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  await waitForOwner(data, lockWaitMs)
  const base = sessionSettings(memoryMb)
  const sessions = openSessions(data, memoryMb, base)
  const pool = createSessionPool(sessions, { maxWaiting: MAX_WAITING })
  const fileDirectory = join(directory, 'files')
  // What a killed engine has left there.
  rmSync(fileDirectory, { recursive: true, force: true })
  mkdirSync(fileDirectory, { mode: 0o700 })
  const server = createEngineServer({ pool, base, fileDirectory })
  mkdirSync(dirname(socketPath), { recursive: true, mode: 0o700 })
  rmSync(socketPath, { force: true })
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(socketPath, resolve))

  let isStopping = false
  const stop = async (): Promise<void> => {
    if (isStopping) return
    isStopping = true
    server.close()
    server.closeIdleConnections()
    const deadline = performance.now() + DRAIN_MS
    while (pool.load().running + pool.load().waiting > 0 && performance.now() < deadline) await sleep(20)
    // A native statement cannot be interrupted: what still runs is ended hard, as a crash would.
    if (pool.load().running > 0) process.kill(process.pid, 'SIGKILL')
    for (const session of sessions) session.close()
    process.exit(0)
  }
  process.on('SIGTERM', () => void stop())
  // Ctrl-C reaches the whole process group: the supervisor decides the order in which things stop.
  process.on('SIGINT', () => undefined)
  process.on('disconnect', () => void stop())
  process.send?.({ kind: 'ready' })
}

main().catch((error: unknown) => {
  const message = error instanceof Error ? error.message : String(error)
  process.stderr.write(`${message}\n`)
  if (process.send === undefined) process.exit(1)
  process.send({ kind: 'failed', message }, () => process.exit(1))
})
