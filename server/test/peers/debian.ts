import { execFileSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What these helpers need of node:test's context. */
export interface PeerScope {
  after(cleanUp: () => Promise<void>): void
}

const DIRECTORIES = ['/usr/sbin', '/usr/bin', '/sbin', '/bin']

/** Where a program of a Debian package is. A test never passes because it is missing: this throws. */
export function debianProgram(name: string, debianPackage: string): string {
  for (const directory of DIRECTORIES) {
    const path = join(directory, name)
    if (isExecutable(path)) return path
  }
  throw missing(name, debianPackage)
}

export function missing(name: string, debianPackage: string): Error {
  return new Error(
    `${name} is not installed: this test needs the Debian package ${debianPackage} (bash .ci/install-peers installs all).`,
  )
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Servers that change their user, and mounting, need root. */
export function needRoot(): void {
  if (process.getuid?.() !== 0)
    throw new Error(
      'This test must be run by root: it starts servers of other users, or mounts a small disk.',
    )
}

/** The numbers of a system user, as `spawn` takes them. */
export function systemUser(name: string): { uid: number; gid: number } {
  const id = (option: string): number => Number(execFileSync('id', [option, name], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}

/** A directory that every user may enter. Remove it after its server has ended. */
export async function peerDirectory(name: string): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), `pigeon-${name}-`))
  await chmod(path, 0o755)
  return { path, remove: () => rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }) }
}
