import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, writeFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Pool, type PoolConfig, type QueryResultRow } from 'pg'
import type { Endpoints } from '#roles/context.ts'
import type { ShapingFile } from '#delivery/shaping/shaping.schema.ts'
import { freePorts } from '#roles/free-ports.ts'
import { openAnalytics, type Analytics } from '#platform/analytics/open-analytics.ts'
import { createWindtunnelClient } from '#windtunnel/client.ts'

export type BenchEndpoints = Endpoints

/** The whole platform in processes of its own, on a data directory that is deleted at the end. */
export interface BenchPlatform {
  readonly url: string
  /** Of the supervisor: everything that belongs to the platform is below it. */
  readonly pid: number
  readonly deliverProcesses: number
  /** Where simulated receivers are spoken to. */
  readonly smtpPort: number
  readonly postgres: PoolConfig
  /** Publishes MX and A records for a site of the benchmark's own. */
  publishSite(domain: string, mxHost: string, address: string): Promise<void>
  /** What the server says about itself: fsync and synchronous_commit. */
  durability(): Promise<Record<string, string>>
  query<Row extends QueryResultRow>(sql: string, values?: readonly unknown[]): Promise<Row[]>
  history: Analytics
  stop(): Promise<void>
}

const START_MS = 90_000
const STOP_MS = 60_000

export interface BenchOptions {
  readonly settings?: Readonly<Record<string, string>>
  /** A shaping file of its own. */
  readonly shaping?: ShapingFile
  /** Roles that are not started. */
  readonly without?: readonly string[]
}

export async function startBenchPlatform({
  settings = {},
  shaping = {},
  without = [],
}: BenchOptions = {}): Promise<BenchPlatform> {
  const dir = await mkdtemp(join(tmpdir(), 'pigeon-bench-'))
  // Root's PostgreSQL runs as another user, who must get in.
  await chmod(dir, 0o755)
  const shapingFile = join(dir, 'shaping.json')
  await writeFile(shapingFile, JSON.stringify(shaping))
  const [http = 0, smtp = 0, dns = 0, control = 0, inbound = 0] = await freePorts(5)
  const deliverProcesses = Math.max(1, Math.min(8, availableParallelism()))
  const child = fork(fileURLToPath(new URL('./bench-platform-process.ts', import.meta.url)), without, {
    // Settings files of the working directory are about another platform.
    cwd: dir,
    stdio: ['ignore', 2, 2, 'ipc'],
    env: {
      ...withoutSettings(process.env),
      PIGEON_DATA_DIR: join(dir, 'data'),
      PIGEON_MODE: 'sandbox',
      PIGEON_LOG_LEVEL: 'warn',
      PIGEON_HTTP_HOST: '127.0.0.1',
      PIGEON_HTTP_PORT: String(http),
      PIGEON_PUBLIC_URL: `http://127.0.0.1:${http}`,
      PIGEON_WINDTUNNEL_SMTP_PORT: String(smtp),
      PIGEON_WINDTUNNEL_DNS_PORT: String(dns),
      PIGEON_WINDTUNNEL_CONTROL_PORT: String(control),
      PIGEON_INBOUND_PORT: String(inbound),
      PIGEON_DELIVER_PROCESSES: String(deliverProcesses),
      PIGEON_SHAPING_FILE: shapingFile,
      ...settings,
    },
  })
  const endpoints = await firstMessage(child)
  const pool = new Pool({ ...endpoints.postgres, max: 4 })
  pool.on('error', () => undefined)
  const history = openAnalytics(endpoints.analytics)
  const windtunnel = createWindtunnelClient({ baseUrl: `http://127.0.0.1:${control}` })
  const query = async <Row extends QueryResultRow>(
    sql: string,
    values: readonly unknown[] = [],
  ): Promise<Row[]> => (await pool.query<Row>(sql, [...values])).rows
  return {
    url: `http://127.0.0.1:${http}`,
    pid: child.pid ?? 0,
    deliverProcesses,
    smtpPort: smtp,
    postgres: endpoints.postgres,
    publishSite: (domain, mxHost, address) =>
      windtunnel.publish([
        { name: domain, type: 'MX', data: `10 ${mxHost}` },
        { name: mxHost, type: 'A', data: address },
      ]),
    durability: async () => {
      const rows = await query<{ name: string; setting: string }>(
        `select name, setting from pg_settings where name in ('fsync', 'synchronous_commit', 'full_page_writes')`,
      )
      return Object.fromEntries(rows.map((row) => [row.name, row.setting]))
    },
    query,
    history,
    stop: async () => {
      windtunnel.close()
      await history.close()
      await pool.end()
      await stopChild(child)
    },
  }
}

function withoutSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('PIGEON_')))
}

async function firstMessage(child: ChildProcess): Promise<BenchEndpoints> {
  const ended = new AbortController()
  child.once('exit', () => ended.abort(new Error('The platform did not start; the reason is above.')))
  const signal = AbortSignal.any([ended.signal, AbortSignal.timeout(START_MS)])
  // Our own child sends this one message, and it is of this type.
  const [endpoints] = (await once(child, 'message', { signal })) as [BenchEndpoints]
  return endpoints
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
  child.kill('SIGTERM')
  await ended
  clearTimeout(timer)
}
