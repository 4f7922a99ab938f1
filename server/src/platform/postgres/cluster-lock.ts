import { randomBytes } from 'node:crypto'
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { type Clock } from '#platform/clock.ts'
import { Problem } from '#platform/problem.ts'
import { errorCode, processIdentity } from './process-identity.ts'

export interface ClusterLock {
  release(): Promise<void>
}

/** Long enough for a process that took a lock away by mistake to have put it back. */
const SETTLE_MS = 100
const MAX_TRIES = 5

/**
 * One process at a time may start and supervise the server of a data directory. The lock is a file that names its
 * holder; one whose holder no longer runs is taken over.
 */
export async function lockCluster(file: string, clock: Clock): Promise<ClusterLock> {
  const mine = `${process.pid} ${(await processIdentity(process.pid)) ?? ''} ${randomBytes(8).toString('hex')}\n`
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    if (await create(file, mine)) {
      if (tries > 0) await clock.sleep(SETTLE_MS)
      if ((await read(file)) === mine) return { release: async () => release(file, mine) }
      continue
    }
    const theirs = await read(file)
    if (theirs === null) continue
    if (await isHeld(theirs)) {
      throw new Problem(
        'conflict',
        'postgres.in_use',
        `Another Pigeon (process ${Number.parseInt(theirs, 10)}) uses this data directory. Stop it, or set PIGEON_DATA_DIR to another one.`,
      )
    }
    await takeAway(file, theirs)
  }
  throw new Problem(
    'conflict',
    'postgres.in_use',
    `Several processes try to start in this data directory (${file}). Start one of them.`,
  )
}

async function create(file: string, content: string): Promise<boolean> {
  try {
    await writeFile(file, content, { flag: 'wx', mode: 0o644 })
    return true
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false
    throw error
  }
}

/** Rename takes exactly one file away. If it was a fresh one (another process was faster), it is put back. */
async function takeAway(file: string, stale: string): Promise<void> {
  const aside = `${file}.${randomBytes(6).toString('hex')}`
  try {
    await rename(file, aside)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return
    throw error
  }
  if ((await read(aside)) !== stale) await link(aside, file).catch(() => undefined)
  await rm(aside, { force: true })
}

/** An empty file is one whose holder was ended between creating and writing it, or is about to write. */
async function isHeld(content: string): Promise<boolean> {
  const [pid, startedAt] = content.trim().split(' ')
  const identity = await processIdentity(Number(pid))
  return identity !== null && identity === startedAt
}

async function read(file: string): Promise<string | null> {
  return readFile(file, 'utf8').catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return null
    throw error
  })
}

async function release(file: string, mine: string): Promise<void> {
  if ((await read(file)) === mine) await rm(file, { force: true })
}
