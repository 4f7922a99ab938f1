import { createHash } from 'node:crypto'
import { chmod, chown, lstat, mkdir, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Log } from '#platform/log.ts'
import { Problem } from '#platform/problem.ts'
import { copyBinaries, exists, findBinaries, type Binaries } from './binaries.ts'

/** PostgreSQL refuses to run as root, so root runs it as somebody else. */
export interface UnixUser {
  readonly uid: number
  readonly gid: number
}

/** Where a cluster lies and who runs it. */
export interface ClusterPlace {
  /** The data directory of Pigeon (real path). */
  readonly dataDir: string
  /** The data directory of PostgreSQL. */
  readonly clusterDir: string
  readonly socketDir: string
  readonly binaries: Binaries
  /** Null: as ourselves. */
  readonly user: UnixUser | null
}

/** Of what root keeps for users that cannot reach its own directories. */
export const SYSTEM_DIR = '/var/lib/pigeon'
const LOCATION_FILE = 'postgres.location'
/** sockaddr_un holds 108 bytes with the final zero; `/.s.PGSQL.5432` and room for `.lock` come after the directory. */
const MAX_SOCKET_DIR_BYTES = 107 - '/.s.PGSQL.5432.lock'.length

/** Decides where the cluster of a data directory lies; the answer never changes once a cluster exists. */
export async function findPlace(dataDir: string, log: Log): Promise<ClusterPlace> {
  await mkdir(dataDir, { recursive: true })
  const realDir = await realpath(dataDir)
  const binaries = await findBinaries()
  const inside = join(realDir, 'postgres')
  if (process.getuid?.() !== 0) {
    return {
      dataDir: realDir,
      clusterDir: inside,
      socketDir: await makePrivate(socketPath(inside), null),
      binaries,
      user: null,
    }
  }
  const user = (await ownerOf(inside)) ?? (await serviceUser())
  const clusterDir = await clusterDirForRoot(realDir, user, log)
  return {
    dataDir: realDir,
    clusterDir,
    socketDir: await makePrivate(socketPath(clusterDir), user),
    binaries: (await canReach(join(binaries.native, 'bin', 'postgres'), user))
      ? binaries
      : await copyBinaries(binaries, join(SYSTEM_DIR, `postgresql-${binaries.version}`)),
    user,
  }
}

/** Where the cluster of a data directory is now. Looks only: makes, moves and decides nothing. */
export async function locateCluster(dataDir: string): Promise<{ clusterDir: string; socketDir: string }> {
  const noted = (await readFile(join(dataDir, LOCATION_FILE), 'utf8').catch(() => '')).trim()
  const clusterDir = noted === '' ? join(await realpath(dataDir).catch(() => dataDir), 'postgres') : noted
  return { clusterDir, socketDir: socketPath(clusterDir) }
}

async function clusterDirForRoot(dataDir: string, user: UnixUser, log: Log): Promise<string> {
  const noted = await readFile(join(dataDir, LOCATION_FILE), 'utf8').catch(() => null)
  if (noted !== null) return notedPlace(dataDir, noted.trim())
  const inside = join(dataDir, 'postgres')
  if (await canReach(dirname(dataDir), user)) {
    // Only the data directory itself may be closed (mkdtemp makes 0700): it is ours, and its secrets are 0600 files.
    if (!(await canReach(dataDir, user))) await chmod(dataDir, ((await stat(dataDir)).mode & 0o777) | 0o011)
    return inside
  }
  if (await exists(join(inside, 'PG_VERSION'))) {
    throw new Problem(
      'unavailable',
      'postgres.unreachable',
      `The database in ${inside} belongs to a user who cannot enter a directory above it. Allow it (chmod o+x), or move the data directory.`,
    )
  }
  return systemPlace(dataDir, user, log)
}

async function notedPlace(dataDir: string, clusterDir: string): Promise<string> {
  if (await exists(dirname(clusterDir))) return clusterDir
  throw new Problem(
    'unavailable',
    'postgres.cluster_gone',
    `The database of ${dataDir} was in ${clusterDir}, which is gone. Restore it, or delete ${join(dataDir, LOCATION_FILE)} to begin with an empty one.`,
  )
}

/** A cluster found there without a note belongs to a data directory that was deleted: one such is kept, as `.old`. */
async function systemPlace(dataDir: string, user: UnixUser, log: Log): Promise<string> {
  const name = createHash('sha256').update(dataDir).digest('hex').slice(0, 16)
  const home = join(SYSTEM_DIR, name)
  const clusterDir = join(home, 'postgres')
  await mkdir(home, { recursive: true })
  // Whatever the umask: the server's user must be able to enter.
  for (const directory of [SYSTEM_DIR, home]) await chmod(directory, 0o755)
  await chown(home, user.uid, user.gid)
  if (await exists(clusterDir)) {
    log.warn(
      { clusterDir },
      'a database of an earlier data directory of this name was put aside as postgres.old',
    )
    await rm(`${clusterDir}.old`, { recursive: true, force: true })
    await rename(clusterDir, `${clusterDir}.old`)
  }
  await writeFile(join(dataDir, LOCATION_FILE), `${clusterDir}\n`, { mode: 0o644 })
  return clusterDir
}

const OWN_FILES = [
  'postgres',
  'postgres.init',
  'postgres.password',
  'postgres.log',
  'postgres.log.1',
  LOCATION_FILE,
]

/** Deletes the database of a data directory, wherever it lies. The server must have been stopped. */
export async function removeCluster(dataDir: string): Promise<void> {
  const realDir = await realpath(dataDir).catch(() => null)
  if (realDir === null) return
  const { clusterDir, socketDir } = await locateCluster(realDir)
  if (dirname(dirname(clusterDir)) === SYSTEM_DIR)
    await rm(dirname(clusterDir), { recursive: true, force: true })
  await rm(socketDir, { recursive: true, force: true })
  for (const name of OWN_FILES) await rm(join(realDir, name), { recursive: true, force: true })
}

function socketPath(clusterDir: string): string {
  const wanted = `${clusterDir}.socket`
  if (Buffer.byteLength(wanted) <= MAX_SOCKET_DIR_BYTES) return wanted
  const name = `pigeon-${createHash('sha256').update(clusterDir).digest('hex').slice(0, 16)}`
  const temporary = join(tmpdir(), name)
  return Buffer.byteLength(temporary) <= MAX_SOCKET_DIR_BYTES ? temporary : join('/tmp', name)
}

/** A directory that only the server's user may enter. Somebody else's (a trap in a shared /tmp) is refused. */
async function makePrivate(path: string, user: UnixUser | null): Promise<string> {
  const own = user ?? { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }
  const created = await mkdir(path, { recursive: true, mode: 0o700 })
  if (created !== undefined && user !== null) await chown(path, own.uid, own.gid)
  const found = await lstat(path)
  if (!found.isDirectory() || (process.getuid !== undefined && found.uid !== own.uid && found.uid !== 0)) {
    throw new Problem(
      'unavailable',
      'postgres.socket_directory',
      `${path} belongs to somebody else. Delete it and start again.`,
    )
  }
  if (found.uid !== own.uid && user !== null) await chown(path, own.uid, own.gid)
  await chmod(path, 0o700)
  return path
}

async function ownerOf(clusterDir: string): Promise<UnixUser | null> {
  const found = await stat(clusterDir).catch(() => null)
  return found === null || found.uid === 0 ? null : { uid: found.uid, gid: found.gid }
}

async function serviceUser(): Promise<UnixUser> {
  const users = await readFile('/etc/passwd', 'utf8').catch(() => '')
  const user = findUser(users, 'postgres') ?? findUser(users, 'nobody')
  if (user !== null) return user
  throw new Problem(
    'unavailable',
    'postgres.no_user',
    'PostgreSQL refuses to run as root and there is no user postgres or nobody. Create one, or start Pigeon as an ordinary user.',
  )
}

/** One line of passwd(5): name, password, uid, gid, ... */
export function findUser(passwd: string, name: string): UnixUser | null {
  const fields = passwd
    .split('\n')
    .find((line) => line.startsWith(`${name}:`))
    ?.split(':')
  const [uid, gid] = [Number(fields?.[2]), Number(fields?.[3])]
  return Number.isInteger(uid) && Number.isInteger(gid) && uid > 0 ? { uid, gid } : null
}

/** Whether the user may enter every directory on the way and (a file) read it or (a directory) enter it. */
async function canReach(path: string, user: UnixUser): Promise<boolean> {
  for (let at = await realpath(path); ; at = dirname(at)) {
    const { mode, uid, gid } = await stat(at)
    const shift = uid === user.uid ? 6 : gid === user.gid ? 3 : 0
    if (((mode >> shift) & 1) === 0) return false
    if (at === dirname(at)) return true
  }
}
