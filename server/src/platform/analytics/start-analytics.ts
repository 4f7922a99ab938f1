import { spawn, type ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Type } from 'typebox'
import { Check } from 'typebox/value'
import type { Log } from '#platform/log.ts'
import { Problem } from '#platform/problem.ts'

/** The engine of history, running as a child process. */
export interface EmbeddedAnalytics {
  /** Where it answers ClickHouse's HTTP protocol, for `openAnalytics({ socketPath })`. */
  readonly socketPath: string
  /** Of the process that runs now; another one after a crash, none between two. */
  pid(): number | undefined
  /** Lets it finish what it has begun, and ends it. It is not restarted. */
  stop(): Promise<void>
}

const SERVER = fileURLToPath(new URL('./chdb-server.ts', import.meta.url))
/** Opening takes 0.5 s; a directory that another process still owns is waited for this long. */
const LOCK_WAIT_MS = 30_000
const START_MS = 60_000
const STOP_MS = 15_000
const BACK_OFF_MS = { first: 200, longest: 10_000 } as const
/** A run this long was a good one: the next restart waits the shortest time again. */
const GOOD_RUN_MS = 60_000
/**
 * Threads: the engine's statements wait on Node's pool, which has 4 by default. The rest gives memory back to the system
 * soon (two allocators live in the process): measured under inserts, 0.4 GB of private memory instead of 0.9 GB.
 */
const ENVIRONMENT = {
  UV_THREADPOOL_SIZE: '16',
  TZ: 'UTC',
  MALLOC_ARENA_MAX: '2',
  MALLOC_MMAP_THRESHOLD_: '1048576',
  MALLOC_CONF: 'background_thread:true,dirty_decay_ms:500,muzzy_decay_ms:0',
  JE_MALLOC_CONF: 'background_thread:true,dirty_decay_ms:500,muzzy_decay_ms:0',
} as const
/** Linux allows 107 bytes in the path of a socket. */
const LONGEST_SOCKET_PATH = 100

const Message = Type.Union([
  Type.Object({ kind: Type.Literal('ready') }),
  Type.Object({ kind: Type.Literal('failed'), message: Type.String() }),
])

export interface StartAnalytics {
  readonly dataDir: string
  readonly memoryMb: number
  readonly log: Log
  /** How long to wait for an earlier engine of the same directory to end. */
  readonly lockWaitMs?: number
  /** Ends a start that is under way: nobody wants it any more. */
  readonly signal?: AbortSignal
}

/**
 * Starts the engine on `<dataDir>/history` and keeps it running: after a crash it starts again, with back-off. Rejects with
 * Problem('unavailable', 'analytics.start_failed') when the first start does not succeed.
 */
export async function startEmbeddedAnalytics(options: StartAnalytics): Promise<EmbeddedAnalytics> {
  const socketPath = analyticsSocketPath(options.dataDir)
  const stopping = new AbortController()
  let child = await startOnce(options, socketPath)
  let lastStartMs = performance.now()
  let supervision = Promise.resolve()

  async function restart(): Promise<void> {
    let waitMs: number = BACK_OFF_MS.first
    if (performance.now() - lastStartMs < GOOD_RUN_MS) waitMs *= 2
    while (!stopping.signal.aborted) {
      await sleep(waitMs, undefined, { signal: stopping.signal }).catch(() => undefined)
      if (stopping.signal.aborted) return
      try {
        lastStartMs = performance.now()
        child = await startOnce(options, socketPath)
        options.log.info({ pid: child.pid }, 'The history engine runs again.')
        watch()
        return
      } catch (error) {
        options.log.error({ err: error }, 'The history engine did not start; trying again.')
        waitMs = Math.min(waitMs * 2, BACK_OFF_MS.longest)
      }
    }
  }

  function watch(): void {
    child.once('exit', (code, signal) => {
      if (stopping.signal.aborted) return
      options.log.error({ code, signal }, 'The history engine ended by itself; starting it again.')
      supervision = restart()
    })
  }
  watch()

  return {
    socketPath,
    pid: () => (isRunning(child) ? child.pid : undefined),
    stop: async () => {
      stopping.abort()
      await supervision
      await stopChild(child)
    },
  }
}

/**
 * Where the engine of a data directory answers, when one runs: in the directory where that fits into the address of a
 * socket, otherwise in the system's directory for such files.
 */
export function analyticsSocketPath(dataDir: string): string {
  const directory = resolve(dataDir, 'history')
  const inside = join(directory, 'engine.sock')
  if (Buffer.byteLength(inside) <= LONGEST_SOCKET_PATH) return inside
  const name = createHash('sha256').update(directory).digest('hex').slice(0, 16)
  return join(tmpdir(), `pigeon-history-${name}`, 'engine.sock')
}

async function startOnce(options: StartAnalytics, socketPath: string): Promise<ChildProcess> {
  const argument = JSON.stringify({
    directory: resolve(options.dataDir, 'history'),
    socketPath,
    memoryMb: options.memoryMb,
    lockWaitMs: options.lockWaitMs ?? LOCK_WAIT_MS,
  })
  const child = spawn(process.execPath, [SERVER, argument], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    env: ENVIRONMENT,
  })
  if (child.stderr !== null) {
    createInterface(child.stderr).on('line', (line) =>
      options.log.warn({ engine: line.slice(0, 2000) }, 'The history engine says:'),
    )
  }
  try {
    await ready(child, options.signal)
    return child
  } catch (error) {
    child.kill('SIGKILL')
    throw error
  }
}

async function ready(child: ChildProcess, signal: AbortSignal | undefined): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const fail = (why: string): void =>
    reject(new Problem('unavailable', 'analytics.start_failed', `The history engine could not start: ${why}`))
  const timer = setTimeout(() => fail(`it was not ready after ${START_MS / 1000} seconds.`), START_MS)
  const onAbort = (): void => fail('its start was given up.')
  signal?.addEventListener('abort', onAbort)
  if (signal?.aborted === true) onAbort()
  child.once('error', (error) => fail(error.message))
  child.once('exit', (code, signal) => fail(`it ended with ${signal ?? `code ${code}`}.`))
  child.on('message', (message: unknown) => {
    if (!Check(Message, message)) return
    if (message.kind === 'ready') resolve()
    else fail(message.message)
  })
  try {
    await promise
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
  }
}

function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (!isRunning(child)) return
  const { promise, resolve } = Promise.withResolvers<void>()
  child.once('exit', () => resolve())
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
  child.kill('SIGTERM')
  await promise
  clearTimeout(timer)
}
