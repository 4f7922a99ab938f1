import { readFile, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import type { PoolConfig } from 'pg'
import { locateCluster } from './cluster-place.ts'
import { servesCluster } from './process-identity.ts'
import { superuserConnection, tryConnect } from './readiness.ts'

/**
 * The connection of a server that somebody else runs in this data directory, as the superuser; null when none answers.
 * Takes no lock, starts nothing and stops nothing: for tools that look while the platform runs.
 */
export async function findRunningPostgres(dataDir: string): Promise<PoolConfig | null> {
  const { clusterDir, socketDir } = await locateCluster(dataDir)
  const pid = Number.parseInt(await readOr(join(clusterDir, 'postmaster.pid'), ''), 10)
  if (!(await servesCluster(pid, await realpath(clusterDir).catch(() => clusterDir)))) return null
  const password = (await readOr(join(dataDir, 'postgres.password'), '')).trim()
  const connection = superuserConnection(socketDir, password)
  return (await tryConnect(connection)) === 'ready' ? connection : null
}

async function readOr(file: string, otherwise: string): Promise<string> {
  return readFile(file, 'utf8').catch(() => otherwise)
}
