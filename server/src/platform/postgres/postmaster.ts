import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, open, readdir, readFile, realpath, rm, stat, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '#platform/clock.ts'
import { Problem } from '#platform/problem.ts'
import { SERVER_ENVIRONMENT } from './cluster-init.ts'
import type { ClusterPlace } from './cluster-place.ts'
import { explainFailure } from './explain-failure.ts'
import { errorCode, processIdentity, servesCluster } from './process-identity.ts'

/** The server's first process. */
export interface Postmaster {
  readonly pid: number
  /** Resolves when the process is gone. */
  readonly exited: Promise<void>
  hasExited(): boolean
}

const POLL_MS = 250
const MAX_LOG_BYTES = 10_000_000
const TAIL_BYTES = 4_000
const STOP_STEPS = [
  { signal: 'SIGINT', deadlineMs: 20_000 },
  { signal: 'SIGQUIT', deadlineMs: 10_000 },
  { signal: 'SIGKILL', deadlineMs: 10_000 },
] as const

/** Tuned for a small machine that also runs everything else; durable, because what is accepted must not be lost. */
export const SERVER_SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '',
  unix_socket_permissions: '0700',
  max_connections: '120',
  shared_buffers: '128MB',
  effective_cache_size: '512MB',
  work_mem: '8MB',
  maintenance_work_mem: '64MB',
  max_parallel_workers_per_gather: '0',
  fsync: 'on',
  synchronous_commit: 'on',
  wal_compression: 'on',
  max_wal_size: '2GB',
  min_wal_size: '256MB',
  checkpoint_timeout: '10min',
  autovacuum_naptime: '10s',
  random_page_cost: '1.1',
  jit: 'off',
  // A statement whose client was killed ends within a second and gives its locks back.
  client_connection_check_interval: '1s',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_min_messages: 'warning',
  log_min_error_statement: 'panic',
  log_line_prefix: '%m [%p] %q%u@%d ',
}

export function logFile(place: ClusterPlace): string {
  return join(place.dataDir, 'postgres.log')
}

/** Keeps one earlier log file. Copied and cut, because the server holds the file open. */
export async function limitLog(place: ClusterPlace): Promise<void> {
  if ((await logSize(place)) <= MAX_LOG_BYTES) return
  await copyFile(logFile(place), `${logFile(place)}.1`)
  await truncate(logFile(place))
}

/**
 * Starts the server in a session of its own, so that a Ctrl-C in the terminal reaches it only through `stop`. It
 * writes to a file and not to a pipe: it must be able to outlive us.
 */
export async function spawnPostmaster(
  place: ClusterPlace,
  settings: Readonly<Record<string, string>>,
): Promise<Postmaster> {
  const log = await open(logFile(place), 'a', 0o600)
  try {
    const options = Object.entries({ ...settings, unix_socket_directories: place.socketDir }).flatMap(
      ([name, value]) => ['-c', `${name}=${value}`],
    )
    const child = spawn(
      join(place.binaries.native, 'bin', 'postgres'),
      ['-D', place.clusterDir, ...options],
      {
        cwd: '/',
        env: SERVER_ENVIRONMENT,
        detached: true,
        stdio: ['ignore', log.fd, log.fd],
        ...place.user,
      },
    )
    let gone = false
    const exited = new Promise<void>((resolve) => {
      child.once('exit', () => {
        gone = true
        resolve()
      })
    })
    await once(child, 'spawn')
    return { pid: child.pid ?? 0, exited, hasExited: () => gone }
  } catch (error) {
    throw explainFailure(errorCode(error), place, error)
  } finally {
    await log.close()
  }
}

export async function logSize(place: ClusterPlace): Promise<number> {
  return (await stat(logFile(place)).catch(() => null))?.size ?? 0
}

/** What the server has written since `position` of its log, the end of it. */
export async function logSince(place: ClusterPlace, position: number): Promise<string> {
  const handle = await open(logFile(place), 'r').catch(() => null)
  if (handle === null) return ''
  try {
    const { size } = await handle.stat()
    const from = Math.max(position > size ? 0 : position, size - TAIL_BYTES)
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(TAIL_BYTES), 0, TAIL_BYTES, from)
    return buffer.toString('utf8', 0, bytesRead)
  } finally {
    await handle.close()
  }
}

/** A server that an earlier run has left running on this cluster. */
export async function findRunningPostmaster(
  place: ClusterPlace,
  clock: Clock,
  signal: AbortSignal,
): Promise<Postmaster | null> {
  const pidFile = join(place.clusterDir, 'postmaster.pid')
  const content = await readFile(pidFile, 'utf8').catch(() => null)
  if (content === null) return null
  const lines = content.split('\n')
  const pid = Number(lines[0])
  const clusterDir = await realpath(place.clusterDir)
  if (!(await servesCluster(pid, clusterDir))) {
    // The server deals with a stale pid file itself (it learns from it whether old children still hold the shared
    // memory), except when its process id now belongs to somebody else.
    if ((await processIdentity(pid)) !== null) await rm(pidFile, { force: true })
    return null
  }
  const postmaster = watchProcess(pid, async () => servesCluster(pid, clusterDir), clock, signal)
  if (lines[4] === place.socketDir) return postmaster
  await stopPostmaster(postmaster, clock)
  return null
}

/** Of a process that is not our child: asked again and again, until `signal` says that nobody wants to know. */
function watchProcess(
  pid: number,
  isThere: () => Promise<boolean>,
  clock: Clock,
  signal: AbortSignal,
): Postmaster {
  let gone = false
  const watch = async (): Promise<void> => {
    while (!signal.aborted && (await isThere())) await clock.sleep(POLL_MS, signal)
    if (!signal.aborted) gone = true
  }
  return { pid, exited: watch(), hasExited: () => gone }
}

/**
 * Fast shutdown, when that takes too long the immediate one, and SIGKILL for a process that hears nothing: after
 * these two the next start recovers from the log.
 */
export async function stopPostmaster(postmaster: Postmaster, clock: Clock): Promise<void> {
  for (const { signal, deadlineMs } of STOP_STEPS) {
    if (postmaster.hasExited() || !sendSignal(postmaster.pid, signal)) return
    const deadline = clock.monotonicMs() + deadlineMs
    while (clock.monotonicMs() < deadline) {
      if (postmaster.hasExited() || (await processIdentity(postmaster.pid)) === null) return
      await clock.sleep(10)
    }
  }
  throw new Problem(
    'unavailable',
    'postgres.stop_failed',
    `PostgreSQL (process ${postmaster.pid}) does not end. End it by hand.`,
  )
}

function sendSignal(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal)
    return true
  } catch (error) {
    if (errorCode(error) === 'ESRCH') return false
    throw error
  }
}

/**
 * After a SIGKILL of the postmaster its children may work on for a while and keep the cluster. They are asked to
 * end at once; the next start recovers from the log. Only where the system tells who they are (Linux).
 */
export async function endOrphans(place: ClusterPlace): Promise<number> {
  const clusterDir = await realpath(place.clusterDir)
  let ended = 0
  for (const name of await readdir('/proc').catch(() => [])) {
    const pid = Number(name)
    if (Number.isInteger(pid) && (await servesCluster(pid, clusterDir)) && sendSignal(pid, 'SIGQUIT')) ended++
  }
  return ended
}
