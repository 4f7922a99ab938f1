// Runs as a child of the tests (see start-shared-postgres.ts): serves until its standard input ends.
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLog } from '#platform/log.ts'
import { removeCluster } from '#platform/postgres/cluster-place.ts'
import { startEmbeddedPostgres } from '#platform/postgres/embedded-postgres.ts'

const TEST_SETTINGS = {
  fsync: 'off',
  full_page_writes: 'off',
  synchronous_commit: 'off',
  autovacuum: 'off',
  max_connections: '300',
}

const dataDir = await mkdtemp(join(tmpdir(), 'pigeon-test-'))
await chmod(dataDir, 0o755)
let end: () => void = () => undefined
const over = new Promise<void>((resolve) => (end = resolve))
process.stdin.on('end', end).on('error', end).resume()
process.stdout.on('error', end)
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, end)

const server = await startEmbeddedPostgres({
  dataDir,
  log: createLog({ level: 'warn', role: 'test-postgres' }),
  settings: TEST_SETTINGS,
})
try {
  process.stdout.write(`${JSON.stringify(server.connection)}\n`)
  await over
} finally {
  await server.stop()
  await removeCluster(dataDir)
  await rm(dataDir, { recursive: true, force: true })
}
