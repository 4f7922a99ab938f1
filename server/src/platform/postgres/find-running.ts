import { readFile, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import type { Log } from '#platform/log.ts'
import { SUPERUSER } from './cluster-init.ts'
import { findPlace } from './cluster-place.ts'
import { DATABASE, PORT } from './embedded-postgres.ts'
import { servesCluster } from './process-identity.ts'

/**
 * The connection of a server that somebody else runs in this data directory, as the superuser; null when none answers.
 * Takes no lock, starts nothing and stops nothing: for tools that look while the platform runs.
 */
export async function findRunningPostgres(dataDir: string, log: Log): Promise<pg.PoolConfig | null> {
  const place = await findPlace(dataDir, log)
  const pid = Number.parseInt(await readOr(join(place.clusterDir, 'postmaster.pid'), ''), 10)
  if (!(await servesCluster(pid, await realpath(place.clusterDir)))) return null
  const password = (await readOr(join(place.dataDir, 'postgres.password'), '')).trim()
  const connection = {
    host: place.socketDir,
    port: PORT,
    user: SUPERUSER,
    password,
    database: DATABASE,
    ssl: false,
  }
  return (await answers(connection)) ? connection : null
}

async function readOr(file: string, otherwise: string): Promise<string> {
  return readFile(file, 'utf8').catch(() => otherwise)
}

async function answers(connection: pg.ClientConfig): Promise<boolean> {
  const client = new pg.Client({ ...connection, connectionTimeoutMillis: 5_000 })
  client.on('error', () => undefined)
  try {
    await client.connect()
    return true
  } catch {
    return false
  } finally {
    await client.end().catch(() => undefined)
  }
}
