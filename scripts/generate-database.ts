import { createLog } from '#platform/log.ts'
import { databaseFiles as readDatabaseFiles } from '#platform/postgres/database-files.ts'

/** The schema's text and the Kysely types, from a migrated database. */
export async function databaseFiles(): Promise<Record<string, string>> {
  return readDatabaseFiles(createLog({ level: 'warn', role: 'generate' }))
}
