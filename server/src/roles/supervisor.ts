import { spawn, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Clock } from '#platform/clock.ts'
import type { Log } from '#platform/log.ts'
import { Problem } from '#platform/problem.ts'
import type { FailedMessage, ReadyMessage, StartMessage } from './child.ts'
import type { Endpoints, Place } from './context.ts'

export interface ChildSpec {
  readonly role: string
  /** What the same process does besides. */
  readonly also?: readonly string[]
  readonly place: Place
}

export interface Supervised {
  /** Names, places and process ids of what runs. */
  list(): { role: string; index: number; pid: number | undefined }[]
  /** Asks every child to end, in the reverse order of their start, and ends those that do not in time. */
  stop(): Promise<void>
}

export interface SupervisorDeps {
  readonly log: Log
  readonly clock: Clock
  /** Children load their code meanwhile. When it rejects, they are ended and the start fails with its reason. */
  readonly endpoints: Promise<Endpoints>
  readonly env: NodeJS.ProcessEnv
  readonly stopWithinMs: number
}

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url))
/**
 * V8 lets the old part of a heap grow to four times what is alive in it before it collects; below a bound of 2 GB to less
 * than twice. The bound leaves room for full queues whose every contact has the longest attributes. MiB.
 */
const MEMORY = ['--max-old-space-size=1536', '--max-semi-space-size=16']
/**
 * A sender's heap is 25 MB of what stays and as much again of what lives for a second. Without room for both V8 marks all
 * of it once a second, on the same cores: measured, an eighth of the sender's time. MiB.
 */
const SENDER_MEMORY = [...MEMORY, '--initial-old-space-size=96']
const READY_WITHIN_MS = 60_000
const RESTART_FIRST_MS = 100
const RESTART_MAX_MS = 10_000
/** A child that ran this long starts again with the first delay. */
const HEALTHY_AFTER_MS = 10_000

interface Child {
  readonly spec: ChildSpec
  process: ChildProcess | undefined
  failures: number
}

/**
 * Starts each role as a child process, in order, waits until all are ready, and restarts one that dies, with a growing
 * delay. A child that cannot start the first time ends the whole start with its own sentence, as a Problem.
 */
export async function supervise(deps: SupervisorDeps, specs: readonly ChildSpec[]): Promise<Supervised> {
  const children: Child[] = specs.map((spec) => ({ spec, process: undefined, failures: 0 }))
  const stopping = new AbortController()
  // Every child hears of it; without children nobody does.
  deps.endpoints.catch(() => undefined)

  function restartLater(child: Child, startedAt: number, how: string): void {
    if (stopping.signal.aborted) return
    child.failures = deps.clock.monotonicMs() - startedAt > HEALTHY_AFTER_MS ? 0 : child.failures + 1
    const delayMs = Math.min(RESTART_FIRST_MS * 2 ** child.failures, RESTART_MAX_MS)
    deps.log.warn(
      { role: child.spec.role, index: child.spec.place.index, how, delayMs },
      'A role ended and is started again.',
    )
    void deps.clock.sleep(delayMs, stopping.signal).then(() => {
      if (!stopping.signal.aborted)
        start(child).catch((error: unknown) =>
          deps.log.error({ err: error, role: child.spec.role }, 'A role did not start.'),
        )
    })
  }

  async function start(child: Child): Promise<void> {
    const startedAt = deps.clock.monotonicMs()
    const memory = child.spec.role === 'deliver' ? SENDER_MEMORY : MEMORY
    const roles = [child.spec.role, ...(child.spec.also ?? [])]
    const spawned = spawn(process.execPath, [...memory, MAIN, ...roles, '--supervised'], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: deps.env,
    })
    child.process = spawned
    spawned.once('exit', (code, signal) => restartLater(child, startedAt, signal ?? `code ${code}`))
    const ready = becomesReady(child.spec, spawned)
    const endpoints = await Promise.race([deps.endpoints, ready.then(() => deps.endpoints)])
    const message: StartMessage = { kind: 'start', endpoints, place: child.spec.place }
    spawned.send(message)
    await readyInTime(child.spec, ready)
  }

  async function stop(): Promise<void> {
    stopping.abort()
    for (const child of children.toReversed()) await stopChild(child.process, deps)
  }

  try {
    await Promise.all(children.map(start))
  } catch (error) {
    await stop()
    throw error
  }
  return {
    list: () =>
      children.map(({ spec, process }) => ({ role: spec.role, index: spec.place.index, pid: process?.pid })),
    stop,
  }
}

function becomesReady(spec: ChildSpec, child: ChildProcess): Promise<void> {
  const ready = new Promise<void>((resolve, reject) => {
    child.on('message', (message: ReadyMessage | FailedMessage) => {
      if (message.kind === 'ready') resolve()
      else reject(new Problem('unavailable', 'platform.role_not_started', message.message))
    })
    child.once('exit', (code) =>
      reject(new Error(`The role ${spec.role} ended while it was starting (code ${code}).`)),
    )
  })
  // Who waits hears of it; when the databases fail first, nobody waits any more.
  ready.catch(() => undefined)
  return ready
}

async function readyInTime(spec: ChildSpec, ready: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const message = `The role ${spec.role} was not ready within ${READY_WITHIN_MS / 1000} s.`
    timer = setTimeout(() => reject(new Error(message)), READY_WITHIN_MS)
  })
  await Promise.race([ready, late]).finally(() => clearTimeout(timer))
}

async function stopChild(child: ChildProcess | undefined, deps: SupervisorDeps): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), deps.stopWithinMs)
    child.once('exit', () => {
      clearTimeout(timer)
      resolve()
    })
    child.kill('SIGTERM')
  })
}
