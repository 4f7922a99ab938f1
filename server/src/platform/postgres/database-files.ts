import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client, type PoolConfig } from 'pg'
import { systemClock } from '#platform/clock.ts'
import type { Log } from '#platform/log.ts'
import { removeCluster } from './cluster-place.ts'
import { databaseTypes } from './database-types.ts'
import { startEmbeddedPostgres } from './embedded-postgres.ts'
import { migrate } from './migrate.ts'
import { schemaText } from './schema-text.ts'

/** What is generated from the schema (path from the root of the checkout, content), read from an empty database that is migrated on a temporary server. */
export async function databaseFiles(log: Log): Promise<Record<string, string>> {
  const dataDir = await mkdtemp(join(tmpdir(), 'pigeon-generate-'))
  const server = await startEmbeddedPostgres({ dataDir, log, settings: { fsync: 'off' } })
  try {
    const passwords = { pigeon_api: 'generate', pigeon_engine: 'generate' }
    await migrate(server.connection, { log, clock: systemClock, passwords })
    return await read(server.connection)
  } finally {
    await server.stop()
    await removeCluster(dataDir)
    await rm(dataDir, { recursive: true, force: true })
  }
}

async function read(connection: PoolConfig): Promise<Record<string, string>> {
  const client = new Client(connection)
  await client.connect()
  try {
    return {
      'contract/schema.sql': await schemaText(client),
      'server/src/platform/postgres/database.gen.ts': await databaseTypes(client),
    }
  } finally {
    await client.end()
  }
}
