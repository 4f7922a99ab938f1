import type pg from 'pg'
import type { Config } from '#config/sections.ts'
import { TOPICS } from '#events/email-events.ts'
import { systemClock, type Clock } from '#platform/clock.ts'
import { openFileKeys } from '#platform/keys/file-keys.ts'
import type { Keys } from '#platform/keys/keys.ts'
import { createLog, type Log } from '#platform/log.ts'
import { openAnalytics, type Analytics } from '#platform/analytics/open-analytics.ts'
import { connectionFor, type DatabaseRole } from '#platform/postgres/connect.ts'
import { openDatabase, type Database } from '#platform/postgres/database.ts'
import { createPostgresStream } from '#platform/stream/postgres-stream.ts'
import type { Stream } from '#platform/stream/stream.ts'

/** Where the shared services are: the supervisor tells its children, a cluster says it by settings. */
export interface Endpoints {
  readonly postgres: pg.PoolConfig
  readonly analytics: { readonly socketPath: string } | { readonly url: string }
}

/** Which of several processes of a role this is, counted from 0. */
export interface Place {
  readonly index: number
  readonly count: number
}

/** What every role is given. Connections open when they are first used. */
export interface Context {
  readonly config: Config
  readonly endpoints: Endpoints
  readonly place: Place
  readonly log: Log
  readonly clock: Clock
  readonly keys: Keys
  openDatabase(role: DatabaseRole, maxConnections: number): Database
  connection(role: DatabaseRole): pg.PoolConfig
  openStream(db: Database): Promise<Stream>
  openAnalytics(): Analytics
}

/** A role that runs. `stop` lets work in hand end, within the time that the settings give. */
export interface RunningRole {
  stop(): Promise<void>
}

export type StartRole = (context: Context) => Promise<RunningRole>

const STATEMENT_TIMEOUT_MS = 120_000

export async function createContext(
  config: Config,
  role: string,
  endpoints: Endpoints,
  place: Place,
): Promise<Context> {
  const log = createLog({
    level: config.PIGEON_LOG_LEVEL,
    role: place.count > 1 ? `${role}-${place.index + 1}` : role,
  })
  const keys = await openFileKeys({ dataDir: config.PIGEON_DATA_DIR, masterKey: config.PIGEON_KEY })
  const connection = (name: DatabaseRole): pg.PoolConfig =>
    connectionFor(endpoints.postgres, name, rolePassword(keys, name))
  return {
    config,
    endpoints,
    place,
    log,
    clock: systemClock,
    keys,
    connection,
    openDatabase: (name, maxConnections) =>
      openDatabase({
        connection: connection(name),
        maxConnections,
        applicationName: `pigeon ${role}`,
        statementTimeoutMs: STATEMENT_TIMEOUT_MS,
      }),
    openStream: (db) =>
      createPostgresStream({
        db,
        connection: connection('pigeon_engine'),
        topics: TOPICS,
        clock: systemClock,
        log,
      }),
    openAnalytics: () => openAnalytics(endpoints.analytics),
  }
}

/** The passwords of the database roles follow from the key of the installation: nothing to configure, nothing to store. */
export function rolePassword(keys: Keys, role: DatabaseRole): string {
  return keys.derive(`postgres/${role}`).toString('base64url')
}
