import { join } from 'node:path'
import type { PoolConfig } from 'pg'
import { systemClock, type Clock } from '#platform/clock.ts'
import type { Log } from '#platform/log.ts'
import { Problem } from '#platform/problem.ts'
import { initialiseCluster } from './cluster-init.ts'
import { lockCluster } from './cluster-lock.ts'
import { findPlace, type ClusterPlace } from './cluster-place.ts'
import { explainFailure } from './explain-failure.ts'
import {
  endOrphans,
  findRunningPostmaster,
  limitLog,
  logFile,
  logSize,
  SERVER_SETTINGS,
  spawnPostmaster,
  stopPostmaster,
  type Postmaster,
} from './postmaster.ts'
import { errorCode } from './process-identity.ts'
import { superuserConnection, waitUntilReady } from './readiness.ts'

export interface EmbeddedPostgresOptions {
  /** Pigeon's data directory; the cluster lies in it, or (as root, when another user cannot reach it) where its `postgres.location` says. */
  readonly dataDir: string
  readonly log: Log
  readonly clock?: Clock
  /** Server settings that replace the usual ones. `fsync: 'off'` is for tests alone. */
  readonly settings?: Readonly<Record<string, string>>
}

export interface EmbeddedPostgres {
  /** As the superuser, over the unix socket. Stays right when the server is started again. */
  readonly connection: PoolConfig
  /** Of the server's first process; another one after a restart. */
  pid(): number
  /** Whether this start found the server of an earlier run alive and went on with it. */
  readonly adopted: boolean
  /** Null after `stop`; a problem when the server was lost and could not be started again. */
  readonly exited: Promise<Problem | null>
  /** Fast shutdown (immediate after 20 s), then lets go of the data directory. */
  stop(): Promise<void>
}

const ANSWER_DEADLINE_MS = 60_000
/** One that was left running should answer at once; if not, it is stopped and started. */
const ADOPTION_DEADLINE_MS = 15_000
const RETRY_DEADLINE_MS = 60_000
const ORPHAN_GRACE_MS = 1_000
const FIRST_PAUSE_MS = 50
const MAX_PAUSE_MS = 2_000
/** A server that dies sooner than this after its start counts towards giving up. */
const SHORT_LIFE_MS = 30_000
const MAX_SHORT_LIVES = 10
const LOG_CHECK_MS = 60_000

interface Server {
  readonly place: ClusterPlace
  readonly connection: PoolConfig
  readonly settings: Readonly<Record<string, string>>
  readonly log: Log
  readonly clock: Clock
  /** Aborted when the server is to stop. */
  readonly signal: AbortSignal
}

/**
 * Starts PostgreSQL in the data directory (making the cluster at the first time), or goes on with the server that an
 * earlier run has left there, and starts it again whenever it dies. The caller must `stop` it: until then it keeps
 * the process alive. Refusals are a `Problem` with a code `postgres.*`.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const clock = options.clock ?? systemClock
  try {
    const place = await findPlace(options.dataDir, options.log)
    const lock = await lockCluster(join(place.dataDir, 'postgres.lock'), clock)
    try {
      return await startLocked(options, place, clock, lock.release)
    } catch (error) {
      await lock.release()
      throw error
    }
  } catch (error) {
    if (error instanceof Problem || errorCode(error) === '') throw error
    const clusterDir = join(options.dataDir, 'postgres')
    throw explainFailure(errorCode(error), { dataDir: options.dataDir, clusterDir }, error)
  }
}

async function startLocked(
  options: EmbeddedPostgresOptions,
  place: ClusterPlace,
  clock: Clock,
  release: () => Promise<void>,
): Promise<EmbeddedPostgres> {
  const settings = { ...SERVER_SETTINGS, ...options.settings }
  const { password } = await initialiseCluster(place, settings['fsync'] !== 'off')
  const stopping = new AbortController()
  const connection = superuserConnection(place.socketDir, password)
  const server: Server = { place, connection, settings, clock, log: options.log, signal: stopping.signal }
  const started = await startWithRetries(server, (error) => isLeftover(error))
  let current = started.postmaster
  options.log.info({ postgres_pid: current.pid, adopted: started.adopted }, 'PostgreSQL is ready')
  const exited = supervise(server, current, (next) => (current = next))
  return {
    connection,
    pid: () => current.pid,
    adopted: started.adopted,
    exited: exited.finally(release),
    stop: async () => {
      stopping.abort()
      await stopPostmaster(current, clock)
      await exited
      await release()
    },
  }
}

/** Waits for the server to die, starts it again, and gives up when that does not help. */
async function supervise(
  server: Server,
  first: Postmaster,
  onRestart: (next: Postmaster) => void,
): Promise<Problem | null> {
  const { clock, log, signal } = server
  let current = first
  let shortLives = 0
  while (!signal.aborted) {
    const bornAt = clock.monotonicMs()
    await watch(server, current)
    if (signal.aborted) return null
    shortLives = clock.monotonicMs() - bornAt < SHORT_LIFE_MS ? shortLives + 1 : 1
    log.warn({ postgres_pid: current.pid }, 'PostgreSQL has ended unexpectedly and is started again')
    if (shortLives > MAX_SHORT_LIVES) return gaveUp(server, null)
    try {
      const next = await startWithRetries(server, () => true)
      current = next.postmaster
      onRestart(current)
      if (signal.aborted) await stopPostmaster(current, clock)
      log.info({ postgres_pid: current.pid }, 'PostgreSQL is ready again')
    } catch (error) {
      return signal.aborted ? null : gaveUp(server, error)
    }
  }
  return null
}

async function watch(server: Server, postmaster: Postmaster): Promise<void> {
  const over = new AbortController()
  const signal = AbortSignal.any([over.signal, server.signal])
  const checkLog = async (): Promise<void> => {
    while (!signal.aborted) {
      await limitLog(server.place).catch((error: unknown) =>
        server.log.warn({ err: error }, 'the log of PostgreSQL could not be cut'),
      )
      await server.clock.sleep(LOG_CHECK_MS, signal)
    }
  }
  await Promise.race([postmaster.exited, checkLog()])
  over.abort()
}

function gaveUp(server: Server, cause: unknown): Problem {
  if (cause instanceof Problem) return cause
  return new Problem(
    'unavailable',
    'postgres.gave_up',
    `PostgreSQL dies again and again; ${logFile(server.place)} says why.`,
    { cause },
  )
}

interface Started {
  readonly postmaster: Postmaster
  readonly adopted: boolean
}

async function startWithRetries(
  server: Server,
  isWorthRetrying: (error: unknown) => boolean,
): Promise<Started> {
  const { clock, log, place, signal } = server
  const startedAt = clock.monotonicMs()
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
    try {
      return await startOnce(server)
    } catch (error) {
      const elapsedMs = clock.monotonicMs() - startedAt
      if (signal.aborted || !isWorthRetrying(error) || elapsedMs > RETRY_DEADLINE_MS) throw error
      if (isLeftover(error) && elapsedMs > ORPHAN_GRACE_MS) {
        log.warn({ ended: await endOrphans(place) }, 'processes of the earlier PostgreSQL were told to end')
      }
      await clock.sleep(pauseMs, signal)
    }
  }
}

/** The earlier server was killed and its children still hold the shared memory: that passes. */
function isLeftover(error: unknown): boolean {
  return (
    error instanceof Problem && (error.code === 'postgres.still_in_use' || error.code === 'postgres.in_use')
  )
}

async function startOnce(server: Server): Promise<Started> {
  const { clock, log, place, signal } = server
  const running = await findRunningPostmaster(place, clock, signal)
  if (running !== null) {
    try {
      await waitUntilReady(server, running, {
        position: await logSize(place),
        answerDeadlineMs: ADOPTION_DEADLINE_MS,
      })
      return { postmaster: running, adopted: true }
    } catch (error) {
      log.warn(
        { err: error, postgres_pid: running.pid },
        'the PostgreSQL of an earlier run does not answer and is stopped',
      )
      await stopPostmaster(running, clock)
    }
  }
  await limitLog(place)
  const position = await logSize(place)
  const postmaster = await spawnPostmaster(place, server.settings)
  try {
    await waitUntilReady(server, postmaster, { position, answerDeadlineMs: ANSWER_DEADLINE_MS })
  } catch (error) {
    if (!postmaster.hasExited()) await stopPostmaster(postmaster, clock)
    throw error
  }
  return { postmaster, adopted: false }
}
