// Runs as a child of tests: starts the embedded PostgreSQL of the directory given, says where it is, and serves until
// its standard input ends. A refusal is said by its code.
import { createLog } from '#platform/log.ts'
import { startEmbeddedPostgres } from '#platform/postgres/embedded-postgres.ts'
import { Problem } from '#platform/problem.ts'

const dataDir = process.argv[2] ?? ''
try {
  const server = await startEmbeddedPostgres({ dataDir, log: createLog({ level: 'silent', role: 'test' }) })
  const { connection, adopted } = server
  process.stdout.write(`${JSON.stringify({ connection, adopted, pid: server.pid() })}\n`)
  await new Promise<void>((resolve) => process.stdin.on('end', resolve).resume())
  await server.stop()
} catch (error) {
  if (!(error instanceof Problem)) throw error
  process.stdout.write(`${JSON.stringify({ problem: error.code })}\n`)
}
