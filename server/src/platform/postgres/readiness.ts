import { Client, escapeIdentifier, type PoolConfig } from 'pg'
import type { Clock } from '#platform/clock.ts'
import { Problem } from '#platform/problem.ts'
import { SUPERUSER } from './cluster-init.ts'
import type { ClusterPlace } from './cluster-place.ts'
import { explainFailure } from './explain-failure.ts'
import { logFile, logSince, type Postmaster } from './postmaster.ts'
import { errorCode } from './process-identity.ts'

export interface StartingServer {
  readonly place: ClusterPlace
  readonly connection: PoolConfig
  readonly clock: Clock
  readonly signal: AbortSignal
}

const DATABASE = 'pigeon'
const PORT = 5432

/** How the superuser gets into the server whose socket lies in this directory. */
export function superuserConnection(socketDir: string, password: string): PoolConfig {
  return { host: socketDir, port: PORT, user: SUPERUSER, password, database: DATABASE, ssl: false }
}

const CONNECT_TIMEOUT_MS = 5_000
/** After a crash the server first repeats its log (2 GB at most, see max_wal_size). */
const RECOVERY_DEADLINE_MS = 600_000

/** Until it lets us in: at once after a clean stop, after the recovery of its log otherwise. */
export async function waitUntilReady(
  server: StartingServer,
  postmaster: Postmaster,
  { position, answerDeadlineMs }: { position: number; answerDeadlineMs: number },
): Promise<void> {
  const { clock, place, signal } = server
  const startedAt = clock.monotonicMs()
  let recovering = false
  while (!signal.aborted) {
    if (postmaster.hasExited()) {
      const text = await logSince(place, position)
      throw explainFailure(text, place, new Error(text))
    }
    const state = await tryConnect(server.connection)
    if (state === 'ready') return
    recovering ||= state === 'recovering'
    const deadlineMs = recovering ? RECOVERY_DEADLINE_MS : answerDeadlineMs
    if (clock.monotonicMs() - startedAt > deadlineMs) {
      throw new Problem(
        'unavailable',
        'postgres.no_answer',
        `PostgreSQL does not answer; ${logFile(place)} may say why.`,
      )
    }
    await clock.sleep(recovering ? 100 : 20, signal)
  }
  throw new Problem('unavailable', 'postgres.stopped', 'PostgreSQL was told to stop while it started.')
}

/** Whether the server lets us in now. Makes the database when the server has none yet. */
export async function tryConnect(connection: PoolConfig): Promise<'ready' | 'recovering' | 'silent'> {
  const client = new Client({ ...connection, connectionTimeoutMillis: CONNECT_TIMEOUT_MS })
  client.on('error', () => undefined)
  try {
    await client.connect()
    return 'ready'
  } catch (error) {
    switch (errorCode(error)) {
      case '57P03':
        return 'recovering'
      case '3D000':
        await createDatabase(connection)
        return 'silent'
      case '28P01':
        throw new Problem(
          'unavailable',
          'postgres.password_wrong',
          'The stored password of the database does not open it. Restore postgres.password of this data directory.',
        )
      default:
        return 'silent'
    }
  } finally {
    await client.end().catch(() => undefined)
  }
}

async function createDatabase(connection: PoolConfig): Promise<void> {
  const client = new Client({ ...connection, database: 'postgres' })
  client.on('error', () => undefined)
  await client.connect()
  try {
    await client.query(`create database ${escapeIdentifier(DATABASE)}`)
  } finally {
    await client.end()
  }
}
