import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chown, mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { Problem } from '#platform/problem.ts'
import type { ClusterPlace } from './cluster-place.ts'
import { explainFailure } from './explain-failure.ts'
import { errorCode } from './process-identity.ts'

const run = promisify(execFile)
const INITDB_TIMEOUT_MS = 120_000
const PASSWORD_BYTES = 24
export const SUPERUSER = 'pigeon'

/** Makes the cluster if there is none. Complete or absent: initdb works beside its place, the last step is a rename. */
export async function initialiseCluster(
  place: ClusterPlace,
  durable: boolean,
): Promise<{ password: string }> {
  const passwordFile = join(place.dataDir, 'postgres.password')
  const found = await readText(join(place.clusterDir, 'PG_VERSION'))
  if (found !== null) {
    refuseOtherVersion(place, found.trim())
    return { password: await storedPassword(passwordFile) }
  }
  const password = randomBytes(PASSWORD_BYTES).toString('base64url')
  await writeDurably(passwordFile, password)
  await makeCluster(place, password, durable)
  return { password }
}

function refuseOtherVersion(place: ClusterPlace, major: string): void {
  if (major === String(place.binaries.major)) return
  throw new Problem(
    'unavailable',
    'postgres.version',
    `The database in ${place.clusterDir} is of PostgreSQL ${major}, and this Pigeon brings ${place.binaries.major}. ` +
      'Start the Pigeon that made it, or restore a backup into a new data directory.',
  )
}

async function storedPassword(file: string): Promise<string> {
  const password = (await readText(file))?.trim() ?? ''
  if (password !== '') return password
  throw new Problem(
    'unavailable',
    'postgres.password_lost',
    `${file} is missing or empty. Restore it: the database cannot be opened without it.`,
  )
}

async function makeCluster(place: ClusterPlace, password: string, durable: boolean): Promise<void> {
  const workDir = `${place.clusterDir}.init`
  await rm(workDir, { recursive: true, force: true })
  await mkdir(workDir, { mode: 0o700 })
  const passwordFile = join(workDir, 'password')
  const passwordHandle = await open(passwordFile, 'wx', 0o600)
  try {
    await passwordHandle.writeFile(`${password}\n`)
  } finally {
    await passwordHandle.close()
  }
  if (place.user !== null) {
    await chown(passwordFile, place.user.uid, place.user.gid)
    await chown(workDir, place.user.uid, place.user.gid)
  }
  await runInitdb(place, join(workDir, 'cluster'), passwordFile, durable)
  await rename(join(workDir, 'cluster'), place.clusterDir)
  if (durable) await syncDirectory(dirname(place.clusterDir))
  await rm(workDir, { recursive: true, force: true })
}

/** The builtin C.UTF-8: the same order and the same index on every machine, whatever its C library thinks. */
async function runInitdb(
  place: ClusterPlace,
  target: string,
  passwordFile: string,
  durable: boolean,
): Promise<void> {
  const initdb = join(place.binaries.native, 'bin', 'initdb')
  const options = [
    ['-D', target, '-U', SUPERUSER, `--pwfile=${passwordFile}`, '--auth=scram-sha-256', '--encoding=UTF8'],
    ['--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--no-instructions'],
    durable ? [] : ['--no-sync'],
  ].flat()
  try {
    await run(initdb, options, {
      cwd: '/',
      env: SERVER_ENVIRONMENT,
      timeout: INITDB_TIMEOUT_MS,
      ...place.user,
    })
  } catch (error) {
    const text = error instanceof Error && 'stderr' in error ? String(error.stderr) : ''
    throw explainFailure(`${errorCode(error)} ${text}`, place, error)
  }
}

/** What the server and its tools see of the environment: nothing of ours. */
export const SERVER_ENVIRONMENT = { LC_ALL: 'C', TZ: 'UTC', PATH: '/usr/bin:/bin' } as const

async function readText(file: string): Promise<string | null> {
  return readFile(file, 'utf8').catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return null
    throw error
  })
}

/** On the disk before the cluster that needs it exists. */
async function writeDurably(file: string, content: string): Promise<void> {
  await writeFile(`${file}.new`, content, { mode: 0o600, flush: true })
  await rename(`${file}.new`, file)
  await syncDirectory(dirname(file))
}

async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
