import { execFileSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants } from 'node:fs'
import { chmod, chown, mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What these need of node:test's context; a benchmark has one of its own. */
export interface PeerScope {
  after(cleanUp: () => Promise<void>): void
}

const DIRECTORIES = ['/usr/sbin', '/usr/bin', '/sbin', '/bin']

/** Where a program of a Debian package is. Nothing passes because it is missing: this throws. */
export function debianProgram(name: string, debianPackage: string): string {
  for (const directory of DIRECTORIES) {
    const path = join(directory, name)
    if (isExecutable(path)) return path
  }
  throw missing(name, debianPackage)
}

export function missing(name: string, debianPackage: string): Error {
  return new Error(
    `${name} is not installed: this needs the Debian package ${debianPackage} (bash .ci/install-peers installs all).`,
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
    throw new Error('This must be run by root: it starts servers of other users, or mounts a small disk.')
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

/** Gives a file to a system user. */
export async function chownTo(path: string, user: string): Promise<void> {
  const { uid, gid } = systemUser(user)
  await chown(path, uid, gid)
}

/** Whether something listens there; rejects when not. */
export function listens(host: string, port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, host)
    socket.once('error', reject)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
  })
}

const END_MS = 30_000

/** Asks a server to end, and makes it after a while. */
export async function endServer(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  const timer = setTimeout(() => child.kill('SIGKILL'), END_MS)
  child.kill('SIGTERM')
  await ended
  clearTimeout(timer)
}
