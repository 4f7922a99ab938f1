// The worker as a process of its own, for tests that kill it.
import { systemClock } from '#platform/clock.ts'
import { createLog } from '#platform/log.ts'
import { openFileObjects } from '#platform/objects/file-objects.ts'
import { openDatabase } from '#platform/postgres/database.ts'
import { runImports } from './imports.jobs.ts'

const [connection = '{}', dataDir = '', chunkRows = '100'] = process.argv.slice(2)
const stop = new AbortController()
process.once('SIGTERM', () => {
  stop.abort()
})
const db = openDatabase({
  connection: JSON.parse(connection),
  maxConnections: 2,
  applicationName: 'import test',
  statementTimeoutMs: 30_000,
})
await runImports({
  db,
  objects: await openFileObjects({ dataDir }),
  clock: systemClock,
  log: createLog({ level: 'error', role: 'test' }),
  signal: stop.signal,
  workerName: 'worker',
  chunkRows: Number(chunkRows),
})
await db.destroy()
