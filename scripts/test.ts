/**
 * Runs tests: `test.ts` all that need npm packages only, `test.ts corpus` those that read the shared corpus,
 * `test.ts peers` those against real servers, `test.ts PATH...` the files that start with these paths.
 */
import { spawn } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'

const [what, ...rest] = process.argv.slice(2)
const ROOTS = ['packages', 'server', 'cli', 'sdk', 'scenarios', 'scripts']
const all = ROOTS.flatMap((root) =>
  globSync(`${root}/**/*.test.ts`, { exclude: (name) => name.includes('node_modules') }),
).sort()
const isPeers = (file: string): boolean => file.endsWith('.peers.test.ts')
const isCorpus = (file: string): boolean => file.endsWith('.corpus.test.ts')
/** `npm run crash` runs them. */
const isCrash = (file: string): boolean => file.startsWith('scenarios/crash/')

function chosen(): string[] {
  if (what === undefined) return all.filter((file) => !isPeers(file) && !isCorpus(file) && !isCrash(file))
  if (what === 'peers') return all.filter(isPeers)
  if (what === 'corpus') return all.filter(isCorpus)
  return all.filter((file) => [what, ...rest].some((prefix) => file.startsWith(prefix)))
}

/** They share an account and its platform: in one process, and nothing beside it, for some go by the clock. */
function isSharing(file: string): boolean {
  return isScenario(file) && readFileSync(file, 'utf8').includes("from './shared-account.ts'")
}

function isScenario(file: string): boolean {
  return file.startsWith('scenarios/')
}

interface Group {
  readonly files: readonly string[]
  readonly how: readonly string[]
  readonly timeoutMs: number
}

/** Scenarios that start platforms of their own share the cores with one other; files without a platform, too. */
function groups(files: readonly string[]): Group[] {
  const twoAtATime = ['--test-concurrency=2']
  return [
    { files: files.filter((file) => !isScenario(file)), how: twoAtATime, timeoutMs: 180_000 },
    {
      files: files.filter((file) => isScenario(file) && !isSharing(file)),
      how: twoAtATime,
      timeoutMs: 600_000,
    },
    { files: files.filter(isSharing), how: ['--test-isolation=none'], timeoutMs: 600_000 },
  ].filter((group) => group.files.length > 0)
}

async function run({ files, how, timeoutMs }: Group): Promise<number> {
  const args = ['--test', ...how, `--test-timeout=${timeoutMs}`, '--test-reporter=spec', ...files]
  const child = spawn(process.execPath, args, { stdio: 'inherit', env: process.env })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => child.kill(signal))
  return new Promise((resolve) => child.on('exit', (code) => resolve(code ?? 1)))
}

const files = chosen()
if (files.length === 0) {
  process.stderr.write(`No test file matches ${[what, ...rest].join(' ')}.\n`)
  process.exit(1)
}
const { startSharedPostgres } = await import('@pigeon/server/test/start-shared-postgres.ts')
const postgres = await startSharedPostgres()
let failed = 0
try {
  process.env.PIGEON_TEST_POSTGRES = postgres.connection
  for (const group of groups(files)) failed += (await run(group)) === 0 ? 0 : 1
} finally {
  await postgres.stop()
}
process.exit(failed === 0 ? 0 : 1)
