import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { systemClock } from '#platform/clock.ts'
import type { Log } from '#platform/log.ts'
import { removeCluster } from './cluster-place.ts'
import { databaseTypes } from './database-types.ts'
import { startEmbeddedPostgres } from './embedded-postgres.ts'
import { migrate } from './migrate.ts'
import { schemaText } from './schema-text.ts'

const SCHEMA_FILE = fileURLToPath(new URL('../../../../contract/schema.sql', import.meta.url))
const TYPES_FILE = fileURLToPath(new URL('./database.types.ts', import.meta.url))

/** Migrates an empty database on a temporary server and writes contract/schema.sql and database.types.ts from it. */
export async function generateDatabaseFiles(log: Log): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), 'pigeon-generate-'))
  const server = await startEmbeddedPostgres({ dataDir, log, settings: { fsync: 'off' } })
  try {
    const passwords = { pigeon_api: 'generate', pigeon_engine: 'generate' }
    await migrate(server.connection, { log, clock: systemClock, passwords })
    const client = new pg.Client(server.connection)
    await client.connect()
    try {
      await writeFile(SCHEMA_FILE, await schemaText(client))
      await writeFile(TYPES_FILE, await databaseTypes(client))
    } finally {
      await client.end()
    }
  } finally {
    await server.stop()
    await removeCluster(dataDir)
    await rm(dataDir, { recursive: true, force: true })
  }
}
