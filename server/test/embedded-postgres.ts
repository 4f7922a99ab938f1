import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Client, type PoolConfig } from 'pg'
import { createLog } from '#platform/log.ts'
import { removeCluster } from '#platform/postgres/cluster-place.ts'
import { startEmbeddedPostgres, type EmbeddedPostgres } from '#platform/postgres/embedded-postgres.ts'

const log = createLog({ level: 'silent', role: 'test' })
export const DEADLINE_MS = 60_000
const CHILD = fileURLToPath(new URL('./embedded-postgres-process.ts', import.meta.url))

const deferred = new WeakMap<TestContext, (() => Promise<void>)[]>()

/** Runs at the end of the test, the last one first: node:test would delete the files before it stops the server. */
export function defer(t: TestContext, task: () => Promise<void>): void {
  const tasks = deferred.get(t) ?? []
  if (tasks.length === 0) {
    deferred.set(t, tasks)
    t.after(async () => {
      for (const next of tasks.toReversed()) await next()
    })
  }
  tasks.push(task)
}

export async function temporaryDir(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'pigeon-embedded-'))
  defer(t, async () => {
    await removeCluster(join(directory, 'data'))
    await rm(directory, { recursive: true, force: true })
  })
  await chmod(directory, 0o755)
  return directory
}

export async function start(
  dataDir: string,
  settings: Record<string, string> = { fsync: 'off' },
): Promise<EmbeddedPostgres> {
  return startEmbeddedPostgres({ dataDir, log, settings })
}

export async function query(connection: PoolConfig, text: string): Promise<unknown[]> {
  const client = new Client(connection)
  client.on('error', () => undefined)
  await client.connect()
  try {
    return (await client.query<{ value: unknown }>(text)).rows.map((row) => row.value)
  } finally {
    await client.end()
  }
}

export interface Reported {
  readonly connection: PoolConfig
  readonly adopted: boolean
  readonly pid: number
  readonly problem?: string
}

/** A process that starts the server and serves; `prefix` is a command that starts it in another way. */
export async function startInChild(
  dataDir: string,
  prefix: readonly string[] = [],
): Promise<{ child: ChildProcess; reported: Reported }> {
  const [command, ...args] = [...prefix, process.execPath, CHILD, dataDir]
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'], cwd: '/' })
  const [line]: string[] = await once(createInterface(child.stdout), 'line', {
    signal: AbortSignal.timeout(DEADLINE_MS),
  })
  // Written by our own program, three lines above its end.
  return { child, reported: JSON.parse(line ?? '') as Reported }
}

export async function end(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit')
  child.stdin?.end()
  await exited
}
