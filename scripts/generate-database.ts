// Writes contract/schema.sql and server/src/platform/postgres/database.types.ts. Part of `npm run generate`.
import { createLog } from '../server/src/platform/log.ts'
import { generateDatabaseFiles } from '../server/src/platform/postgres/generate-database-files.ts'

await generateDatabaseFiles(createLog({ level: 'warn', role: 'generate' }))
