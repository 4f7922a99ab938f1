import { execFile } from 'node:child_process'
import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { needRoot, peerDirectory } from './debian.ts'

export interface SmallDisk {
  readonly path: string
  /** Takes all the room there is now. */
  fill(): Promise<void>
  /** Gives it back. */
  makeRoom(): Promise<void>
  /** Takes the disk away: after everything on it has ended. */
  remove(): Promise<void>
}

const run = promisify(execFile)
const BLOCK = Buffer.alloc(1024 * 1024)
const SMALL_BLOCK = BLOCK.subarray(0, 4096)

/** A file system of its own, of this size, in memory. Needs root. */
export async function smallDisk(megabytes: number): Promise<SmallDisk> {
  needRoot()
  const directory = await peerDirectory('disk')
  await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0755`, 'tmpfs', directory.path])
  const ballast = join(directory.path, 'ballast')
  return {
    path: directory.path,
    fill: async () => {
      const file = await open(ballast, 'a')
      try {
        for (const block of [BLOCK, SMALL_BLOCK]) await appendAll(file, block)
      } finally {
        await file.close()
      }
    },
    makeRoom: () => rm(ballast, { force: true }),
    remove: async () => {
      await run('umount', ['--lazy', directory.path])
      await directory.remove()
    },
  }
}

async function appendAll(file: { appendFile(data: Buffer): Promise<void> }, block: Buffer): Promise<void> {
  for (;;) {
    try {
      await file.appendFile(block)
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') return
      throw error
    }
  }
}
