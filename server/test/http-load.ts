import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

export interface LoadOrder {
  readonly port: number
  /** Asked for in turns. */
  readonly paths: readonly string[]
  readonly requests: number
  readonly connections: number
}

export interface LoadResult {
  readonly seconds: number
  /** Answers by status. */
  readonly statuses: Readonly<Record<string, number>>
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
}

const LOAD_MS = 300_000
const START_MS = 30_000

/** Asks from a process of its own, so that the server's loop is the server's. */
export async function loadHttp(order: LoadOrder): Promise<LoadResult> {
  const child = start('./http-load-process.ts')
  child.send(order)
  try {
    return await answer<LoadResult>(child, LOAD_MS)
  } finally {
    child.kill()
  }
}

/** A server that does nothing but redirect, with the framework that Pigeon uses. */
export async function startRawRedirect(): Promise<{ readonly port: number; stop(): void }> {
  const child = start('./raw-redirect-process.ts')
  const { port } = await answer<{ port: number }>(child, START_MS)
  return { port, stop: () => void child.kill() }
}

function start(file: string): ChildProcess {
  return fork(fileURLToPath(new URL(file, import.meta.url)), { stdio: ['ignore', 2, 2, 'ipc'] })
}

async function answer<T>(child: ChildProcess, withinMs: number): Promise<T> {
  const ended = new AbortController()
  child.once('exit', () => ended.abort(new Error('A process of the benchmark ended; the reason is above.')))
  const signal = AbortSignal.any([ended.signal, AbortSignal.timeout(withinMs)])
  // Our own child sends this one message, and it is of this type.
  const [message] = (await once(child, 'message', { signal })) as [T]
  return message
}
