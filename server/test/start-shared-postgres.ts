import { spawn } from 'node:child_process'
import { Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { PoolConfig } from 'pg'

/** A PostgreSQL for tests alone: fsync is off, and it is deleted when the process that started it ends, however it ends. */
export interface SharedPostgres {
  /** JSON; other processes of the run take it from the environment variable PIGEON_TEST_POSTGRES. */
  readonly connection: string
  stop(): Promise<void>
}

const START_DEADLINE_MS = 60_000

/**
 * Starts the server in a process of its own that watches its standard input: when we are gone, even by SIGKILL, it
 * stops the server and deletes its files. It does not keep us alive.
 */
export async function startSharedPostgres(): Promise<SharedPostgres> {
  const script = fileURLToPath(new URL('./shared-postgres-process.ts', import.meta.url))
  const child = spawn(process.execPath, [script], { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const connection = await firstLine(child.stdout, ended)
  child.unref()
  for (const stream of [child.stdin, child.stdout]) if (stream instanceof Socket) stream.unref()
  return {
    connection,
    stop: async () => {
      child.ref()
      child.stdin.end()
      await ended
    },
  }
}

async function firstLine(stream: NodeJS.ReadableStream, ended: Promise<void>): Promise<string> {
  const line = new Promise<string>((resolve) => {
    let text = ''
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      if (text.includes('\n')) resolve(text.slice(0, text.indexOf('\n')))
    })
  })
  const timeout = AbortSignal.timeout(START_DEADLINE_MS)
  const failed = new Promise<never>((_resolve, reject) => {
    void ended.then(() => reject(new Error('The PostgreSQL for tests did not start; the reason is above.')))
    timeout.addEventListener('abort', () =>
      reject(new Error('The PostgreSQL for tests did not start within a minute.')),
    )
  })
  return Promise.race([line, failed])
}

/** Reads the JSON of `connection`: host, port, user, password, database. */
export function parseConnection(text: string): PoolConfig {
  const value: unknown = JSON.parse(text)
  if (typeof value !== 'object' || value === null)
    throw new Error('PIGEON_TEST_POSTGRES must be a JSON object.')
  return { ...value }
}
